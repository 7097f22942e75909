"""The table of names: its patterns are anchored, and tell gradients from other things; and there is no other table."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtwin.comparisons.subjects import names
from gradtwin.comparisons.subjects.discovery import aliases, names_trained, plain_name, sounds_like_gradient

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "comparisons" / "subjects" / "names.py"

#: Modules whose patterns are of texts that gradtwin or a browser writes, and not of users' names.
OF_TEXTS = {
    "comparisons/checks/strict.py",
    "comparisons/checks/gradient.py",
    "comparisons/gallery/text.py",
    "comparisons/report/junit.py",
    "src/gradtwin/cleaning.py",
}

#: Names that are gradtwin's own, by the module and the first of them: arguments of check_gradient, stages, roles.
NOT_THE_USERS = {
    ("comparisons/subjects/update_rules.py", "beta_1"),
    ("comparisons/subjects/functions.py", "vjp"),
    ("comparisons/subjects/raising.py", "forward"),
    ("src/gradtwin/check_command.py", "vjp"),
    ("comparisons/report/check_text.py", "gradient"),
    ("comparisons/results/data.py", "contract"),
    ("comparisons/subjects/model_recipe.py", "x"),
}


def patterns():
    found = {name: value for name, value in vars(names).items() if isinstance(value, re.Pattern)}
    return found | names.HYPERPARAMETERS


@pytest.mark.parametrize("name", patterns())
def test_every_pattern_is_anchored_at_both_ends(name):
    pattern = patterns()[name]
    assert pattern.pattern.startswith("^(?:"), f"{name}: write it with _whole"
    assert pattern.pattern.endswith(r")\Z"), f"{name}: write it with _whole"
    assert not pattern.search("\n@@ w b dw learning_rate loss @@\n"), name


def test_every_entry_has_a_line_that_says_what_it_decides():
    lines = TABLE.read_text().splitlines()
    entries = [k for k, line in enumerate(lines) if re.match(r"[A-Z][A-Z_]+(: .*)? = ", line)]
    assert len(entries) > 40
    without = [lines[k] for k in entries if not lines[k - 1].startswith("#: ")]
    assert not without, f"say above each what it decides: {without}"


# fmt: off
GRADIENTS = (
    "d", "dw", "dW", "dw1", "dW1", "d_W", "d_w1", "db", "dx", "dX", "dout", "dOut", "dvalues", "dinputs", "dweights",
    "dbiases", "dgamma", "dL_dW", "dLdw", "dJ_dw", "dloss_dw", "grad", "grads", "grad_W", "gradW", "gradient",
    "gradients", "W_grad", "w1_grad", "weight_gradient", "weight_gradients", "gW", "gb", "g_w", "g", "delta", "deltas",
    "delta_w", "hidden_delta", "nabla", "nabla_w", "nabla_b", "_dw", "__dW", "_Dense__dw", "outgrad", "y_bar",
    "dA_prev", "dh_next", "grad_output", "dscores", "dlogits",
)
OTHERS = (
    "data", "gamma", "delta_t", "drop", "dropout", "dense", "depth", "dim", "dims", "decay", "degrees", "default",
    "diff", "distance", "done", "dt", "gain", "gate", "group", "guess", "generator", "global_step", "upgrade",
    "degraded", "bar", "w", "b", "x", "weights", "grid", "graph", "dropped", "dist", "delay", "deltatime",
)
UPSTREAM = (
    "dout", "dZ", "dvalues", "grad_output", "output_gradient", "output_error", "delta", "g", "gy", "upstream", "y_bar",
)
# fmt: on


@pytest.mark.parametrize("name", GRADIENTS)
def test_names_of_gradients(name):
    assert sounds_like_gradient(name)


@pytest.mark.parametrize("name", OTHERS)
def test_names_of_other_things(name):
    assert not sounds_like_gradient(name)
    assert not names.UPSTREAM.match(name)


@pytest.mark.parametrize(
    "name", ["dout", "dZ", "dvalues", "grad_output", "output_gradient", "output_error", "delta", "g", "gy"]
)
def test_names_of_the_upstream_gradient(name):
    assert names.UPSTREAM.match(name)


def test_a_gradients_name_is_of_what_is_trained():
    assert all(map(names_trained, ("w", "dw", "W1", "d_W1", "grad_b", "bias_grad", "dL_dW", "nabla_b", "_dw")))
    assert not any(map(names_trained, ("data", "dx", "cache", "dinputs", "mask", "gradient")))


def test_other_names_for_a_parameter():
    assert set(aliases("weights1")) >= {"w1", "kernel1"}
    assert set(aliases("b")) == {"bias", "biases"}
    assert not list(aliases("gamma"))
    assert plain_name("_Dense__d_W") == "dw"


def vocabulary() -> set[str]:
    """Return every whole name in the table."""
    strings = (node.value for node in ast.walk(ast.parse(TABLE.read_text())) if isinstance(node, ast.Constant))
    return {text for text in strings if isinstance(text, str) and text.isidentifier()}


def strays(source: str, known: set[str]) -> Iterator[tuple[int, str, str]]:
    """Yield tables of users' names in a module, and imports of patterns: the line, the first name, and what to do."""
    for node in ast.walk(ast.parse(source)):
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if "re" in imported or (isinstance(node, ast.ImportFrom) and node.module == "re"):
            yield node.lineno, "", "re: move patterns of users' names to subjects/names.py"
        elements = getattr(node, "keys" if isinstance(node, ast.Dict) else "elts", [])
        texts = [e.value for e in elements if isinstance(e, ast.Constant) and isinstance(e.value, str)]
        several = [text for text in texts if text in known]
        if len(several) >= 3 and 2 * len(several) > len(texts):
            yield node.lineno, texts[0], f"{', '.join(several)}: move these names to subjects/names.py"


def modules():
    found = [*(ROOT / "comparisons").rglob("*.py"), *(ROOT / "src").rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): path for path in found if path != TABLE}


def test_no_other_module_has_a_table_of_names():
    known, wrong = vocabulary(), []
    for place, path in modules().items():
        for line, first, what in strays(path.read_text(), known):
            if not (place in OF_TEXTS if not first else (place, first) in NOT_THE_USERS):
                wrong.append(f"{place}:{line}: {what}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "source",
    [
        'METHODS = ("forward", "fprop", "feedforward")',
        'found = next(m for m in ("backward", "bprop", "backprop") if m)',
        'ROLES = {"lr": 1, "eta": 2, "alpha": 3}',
        'FLAGS = frozenset({"training", "train", "is_train"})',
        "import re",
        "from re import compile as pattern",
    ],
)
def test_a_table_elsewhere_would_be_found(source):
    [(_, _, what)] = strays(source, vocabulary())
    assert "subjects/names.py" in what


def test_other_tuples_are_no_tables_of_names():
    assert not list(strays('SIDES = ("yours", "autodiff", "reference")', vocabulary()))
