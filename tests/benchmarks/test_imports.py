"""What the parent process loads."""

import subprocess
import sys


def test_the_parent_does_not_import_tensorflow():
    code = "import sys, gradtwin.benchmarks.runner as _, gradtwin.benchmarks.table as _; "
    code += "print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
