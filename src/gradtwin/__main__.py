"""`python -m gradtwin`."""

import sys

from .cli import main

sys.exit(main())
