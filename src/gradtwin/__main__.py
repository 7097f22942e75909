"""`python -m gradtwin`."""

import sys

from gradtwin.cli import main

sys.exit(main())
