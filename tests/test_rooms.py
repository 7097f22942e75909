"""The house is in order: imports run in one direction, files are in their rooms, docs/layout.md is current."""

from pathlib import Path

import pytest
import rooms
from rooms import House

ROOT = Path(__file__).parents[1]

#: The source of a room's `__init__.py` in the planted house.
INIT = '"""One thing.\n\nMay import {}\n"""\n'

PAGE = """
| room | holds |
| --- | --- |
| `lower/` | |
| `upper/` | |
| `replay.py` | |

### `compare`
### `check`
1. `lower/one.py: Walk.step`
### `train`
### `bench`
"""


@pytest.fixture(scope="module")
def house():
    return House(ROOT)


@pytest.mark.parametrize("rule", rooms.RULES, ids=lambda rule: rule.__name__)
def test_the_house_is_in_order(house, rule):
    assert not (found := rule(house)), "\n".join(found)


def test_all_imports_are_read(house):
    """Its negative control: there are hundreds, of all kinds."""
    read = [item for name in house.modules for item in house.inside(name)]
    assert len(read) > 500
    assert any(item.level for item in read)
    assert any(not item.at_start for item in read)


@pytest.fixture
def plant(tmp_path):
    """Return what writes files into a small house, which is in order without them, and applies a rule to it."""
    files = {
        "docs/layout.md": PAGE,
        "backends/__init__.py": INIT.format("leaf modules."),
        "backends/tensorflow_backend.py": "import tensorflow\n",
        "benchmarks/__init__.py": INIT.format("backends and comparisons."),
        "comparisons/__init__.py": INIT.format("backends."),
        "comparisons/replay.py": "from gradtwin.comparisons.upper import two\n",
        "comparisons/lower/__init__.py": INIT.format("no other room."),
        "comparisons/lower/one.py": "class Walk:\n    def step(self): ...\n",
        "comparisons/upper/__init__.py": INIT.format("lower."),
        "comparisons/upper/two.py": "from gradtwin.comparisons.lower import one\nfrom gradtwin.errors import E\n",
        "src/gradtwin/__init__.py": "",
        "src/gradtwin/errors.py": "class E(Exception): ...\n",
        "src/gradtwin/cli.py": "def run():\n    from gradtwin.comparisons import replay\n",
    }

    def apply(rule, changed):
        for path, text in {**files, **changed}.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return getattr(rooms, rule)(House(tmp_path))

    return apply


@pytest.mark.parametrize("rule", [rule.__name__ for rule in rooms.RULES])
def test_a_house_in_order_is_accused_of_nothing(plant, rule):
    assert plant(rule, {}) == []


TYPED = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {}\n"
INSIDE = "def f():\n    {}\n"


@pytest.mark.parametrize(
    ("rule", "path", "text", "advice"),
    [
        ("find_upward_imports", "comparisons/lower/new.py", "import gradtwin.comparisons.upper.two", "Move"),
        (
            "find_upward_imports",
            "comparisons/lower/new.py",
            "from ..upper import two",
            "Move what is needed into lower",
        ),
        ("find_upward_imports", "comparisons/upper/new.py", "from gradtwin.comparisons import replay", "Move"),
        ("find_wrong_directions", "backends/new.py", "import gradtwin.comparisons.lower", "Move what is needed"),
        ("find_wrong_directions", "comparisons/lower/new.py", "import gradtwin.benchmarks", "Move what is needed"),
        ("find_wrong_directions", "benchmarks/new.py", "from gradtwin import cli", "stands above gradtwin.benchmarks"),
        ("find_wrong_directions", "backends/new.py", "import gradtwin", "stands above gradtwin.backends"),
        (
            "find_cycles",
            "comparisons/lower/one.py",
            "from gradtwin.comparisons.upper import two",
            "Move what they share",
        ),
        ("find_cycles", "src/gradtwin/errors.py", "from . import cli", "import one another"),
        (
            "find_ways_of_importing",
            "comparisons/lower/new.py",
            "from gradtwin.comparisons.lower import one",
            "relatively",
        ),
        ("find_ways_of_importing", "comparisons/lower/new.py", "from ..upper.two import x", "by its full name"),
        ("find_ways_of_importing", "src/gradtwin/new.py", "import gradtwin.errors", "`from .errors import ...`"),
    ],
)
@pytest.mark.parametrize("how", ["{}", TYPED, INSIDE], ids=["plain", "typed", "inside"])
def test_a_planted_import_is_found(plant, how, rule, path, text, advice):
    (found,) = plant(rule, {path: how.format(text)})
    assert path in found
    assert advice in found


@pytest.mark.parametrize(
    ("rule", "path", "text", "advice"),
    [
        ("find_upward_imports", "comparisons/stray/new.py", "", "move the module into one of lower, upper"),
        ("find_flat_modules", "comparisons/new.py", "", "move it into one of the rooms lower, upper"),
        ("find_early_tensorflow", "comparisons/lower/one.py", "import tensorflow as tf", "import it where it is used"),
        ("find_early_tensorflow", "backends/new.py", "from keras import layers", "import it where it is used"),
        ("find_early_tensorflow", "backends/new.py", "tf = import_tensorflow()", "import it where it is used"),
        ("find_early_tensorflow", "backends/new.py", "from . import tensorflow_backend", "which loads TensorFlow"),
        ("find_long_files", "backends/new.py", "\n" * 401, "split it by subject"),
        ("find_silent_folders", "comparisons/upper/__init__.py", INIT.format("upper."), "end with 'May import lower.'"),
        ("find_silent_folders", "backends/__init__.py", '"""Backends."""', "end with 'May import'"),
        ("find_silent_folders", "backends/rules/one.py", "", "has no __init__.py"),
        ("find_stale_walks", "comparisons/lower/one.py", "def step(): ...", "there is no `lower/one.py: Walk.step`"),
        ("find_stale_walks", "docs/layout.md", PAGE.replace("### `train`", ""), "expected four"),
    ],
)
def test_a_planted_fault_is_found(plant, rule, path, text, advice):
    (found,) = plant(rule, {path: text})
    assert advice in found


@pytest.mark.parametrize("text", [INSIDE.format("import tensorflow"), TYPED.format("import tensorflow"), "\n" * 400])
def test_what_is_allowed_is_not_accused(plant, text):
    for rule in ("find_early_tensorflow", "find_long_files"):
        assert plant(rule, {"backends/new.py": text}) == []
