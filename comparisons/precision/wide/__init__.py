"""NumPy arithmetic in twice float64's precision: arrays of two halves, NumPy's functions on them, their accuracy.

May import leaf modules and mpmath, and no other room.
"""

from . import contractions, eigen, numpy_source, ordering, scipy_functions, special, structure, sums, ufuncs
from .array import WideArray
from .conversion import wide
from .dispatch import apply, own_rule
from .errors import NoWideFormError

__all__ = ["NoWideFormError", "WideArray", "apply", "own_rule", "wide"]

del contractions, eigen, numpy_source, ordering, scipy_functions, special, structure, sums, ufuncs
