"""Saved cases and printed scripts, in fresh processes: both must say again what was said."""

import json
import subprocess
import sys

import numpy as np
import pytest

FILE = """
import numpy as np

def square(x):
    return x * x

def square_vjp(y_bar, x):
    return 3 * x * y_bar

def square_prime(x):
    return 3 * x

def square_jacobian(x):
    return np.diag(3 * x)

def square_forward(x):
    return x * x, x

def square_backward(y_bar, x):
    return 3 * x * y_bar

def total(x, power=2):
    return np.sum(x ** power)

def total_grad(x, power=2):
    return (power + 1) * x ** (power - 1)

def total_and_grad(x):
    return np.sum(x * x), 3 * x

class Square:
    @staticmethod
    def forward(x):
        return x * x

    @staticmethod
    def backward(y_bar, x):
        return 3 * x * y_bar
"""

STYLES = {
    "vjp": ("square", {"vjp": "square_vjp"}),
    "backward": ("square_forward", {"backward": "square_backward"}),
    "grad": ("total", {"grad": "total_grad"}),
    "derivative": ("square", {"derivative": "square_prime"}),
    "jacobian": ("square", {"jacobian": "square_jacobian"}),
    "value_and_grad": ("total_and_grad", {"value_and_grad": True}),
    "methods": ("Square.forward", {"vjp": "Square.backward"}),
    "static": ("total", {"grad": "total_grad", "static": {"power": 3}}),
}

X = np.array([1.5, -2.0, 0.25])


def run(code, cwd, *arguments):
    command = [sys.executable, *arguments, *(["-c", code] if code else [])]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


def gradtwin(cwd, *arguments):
    return run(None, cwd, "-m", "gradtwin", *map(str, arguments))


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """A folder with a file of faulty gradients, and the reports of one process that checked and saved each style."""
    folder = tmp_path_factory.mktemp("checked")
    (folder / "my layers.py").write_text(FILE)
    (folder / "mine.py").write_text(FILE)
    (folder / "checking.py").write_text(
        "import json, sys\n"
        "import numpy as np\n"
        "import gradtwin as gt\n"
        "import mine\n"
        f"X = np.array({X.tolist()})\n"
        "from operator import attrgetter\n"
        "scripts = {}\n"
        f"for name, (forward, how) in {STYLES!r}.items():\n"
        "    how = {k: attrgetter(v)(mine) if isinstance(v, str) else v for k, v in how.items()}\n"
        "    report = gt.check_gradient(attrgetter(forward)(mine), **how, inputs=(X,), seed=7)\n"
        "    assert report.verdict == 'mismatch', report\n"
        "    scripts[name] = report.reproduce\n"
        "    report.save(f'saved/{name}')\n"
        "print(json.dumps(scripts))\n"
    )
    done = run(None, folder, "checking.py")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])
