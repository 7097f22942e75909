"""Files of users, written and checked in this process."""

import textwrap

from gradtwin.comparisons.checks.file import check_file
from gradtwin.comparisons.subjects.loading import Target, load


def check(tmp_path, source, **options):
    """Check every pair of a file with this text."""
    path = tmp_path / "user.py"
    path.write_text("import numpy as np\n" + textwrap.dedent(source))
    with load(Target.parse(str(path)), 20) as module:
        return check_file(module, "user.py", **options)
