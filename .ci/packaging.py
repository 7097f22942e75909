"""Builds sdist and wheel, installs the wheel in a fresh environment, and uses it beside a decoy folder `backends`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
DECOY = "raise SystemExit('the decoy was imported')\n"
PROGRAM = """
import numpy as np, gradtwin as gt, gradtwin.comparisons, gradtwin.benchmarks
from importlib.resources import files
assert 'site-packages' in gt.__file__, gt.__file__
assert files('gradtwin').joinpath('py.typed').is_file()
assert gt.compare('matmul', modes=['eager'], examples=3).ok
assert '<table' in gt.compare('sse', modes=['eager'], examples=3)._repr_html_()
print('the wheel works beside a decoy')
"""


def main() -> None:
    """Run the check; any failing step ends it with its output and a status other than 0."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT)  # the wheel is built from the sdist
        (wheel,) = (folder / "dist").glob("*.whl")
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel)
        user = folder / "user"
        for package in ("backends", "comparisons", "benchmarks"):
            (user / package).mkdir(parents=True)
            (user / package / "__init__.py").write_text(DECOY)
        (user / "program.py").write_text(PROGRAM)
        run(python, "program.py", cwd=user)
        run(folder / "venv" / "bin" / "gradtwin", "list", cwd=user)


def run(*command: object, cwd: Path | None = None) -> None:
    """Run a command; its output goes where ours does."""
    subprocess.run([str(word) for word in command], check=True, cwd=cwd)


if __name__ == "__main__":
    main()
