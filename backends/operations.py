"""The catalogue: one row per operation. Adding one takes a row here and a function in each rules folder."""

from __future__ import annotations

from types import ModuleType

from gradtwin.backends.interface import Operation, Rule
from gradtwin.errors import unknown_name

# fmt: off
_ROWS = (
    Operation("matmul",   "map",    ("a", "b"),      "(n?,k),(k,m?)->(n?,m?)",   "Y = A B", stacked=True),
    Operation("dense",    "map",    ("x", "w", "b"), "(n,i),(i,o),(o)->(n,o)",   "Y = X W + b"),
    Operation("half-mse", "loss",   ("p", "t"),      "(...),(...)->()",          "L = Σ (p − t)² / 2N", mean=True),
    Operation("mse",      "loss",   ("p", "t"),      "(...),(...)->()",          "L = Σ (p − t)² / N", mean=True),
    Operation("sse",      "loss",   ("p", "t"),      "(...),(...)->()",          "L = Σ (p − t)²"),
    Operation("rmse",     "loss",   ("p", "t"),      "(...),(...)->()",          "L = √(Σ (p − t)² / N)", mean=True),
    Operation("sgd",      "update", ("w", "dw", "learning_rate"), "(...),(...),()->(...)", "W ← W − η dW"),
)
# fmt: on

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _ROWS}


def find_operation(name: str) -> Operation:
    """Return the catalogue's row of that name, or raise ArgumentValueError listing the names."""
    try:
        return OPERATIONS[name]
    except (KeyError, TypeError):
        raise unknown_name("operation", name, list(OPERATIONS)) from None


def rules_by_name(*modules: ModuleType) -> dict[str, Rule]:
    """Return each operation's rule: the function of its name, with `_` for `-`, in one of a backend's rules modules."""
    functions = {name: value for module in modules for name, value in vars(module).items()}
    return {name: functions[name.replace("-", "_")] for name in OPERATIONS}
