"""Hand-derived gradients, right, wrong, and right at hard inputs: what `gt.check_gradient` is judged by."""

from . import activations, attention, convolution, linear, losses, normalisation, recurrent, scientific
from .case import Case, Family
from .hard import HARD, Hard

MODULES = (activations, losses, linear, normalisation, convolution, recurrent, attention, scientific)


def _cases(module) -> list[Case]:
    return [case for family in vars(module).values() if isinstance(family, Family) for case in family.cases]


THEMES: dict[str, list[Case]] = {module.__name__.rpartition(".")[2]: _cases(module) for module in MODULES}
CASES = [case for cases in THEMES.values() for case in cases]
RIGHT = [case for case in CASES if not case.wrong]
WRONG = [case for case in CASES if case.wrong]

__all__ = ["CASES", "HARD", "RIGHT", "THEMES", "WRONG", "Case", "Hard"]
