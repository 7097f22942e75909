"""The numbers by which a gradient is typically too large or too small, and what they are called."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gradtwin.comparisons.precision.constants import FACTOR_ROUNDINGS, LARGEST_DENOMINATOR, SHOWN_DIGITS

from .summed_axes import shapes
from .trial import View


@dataclass(frozen=True)
class Quantity:
    """A number that is typically missing from a gradient, or in it once too often.

    The gradient is `value ** power` times too large; `slug` is the report's name for this, `inverse` its name for the
    reciprocal, and `words` a sentence's name for `value`. A derived quantity is named only if the basic one isn't the
    number: the larger its `reach`, the later. A `fixed` one is the same at all points of these shapes. `lengths` are
    those of the axes that it counts the elements of, and `form` makes the value of their number.
    """

    slug: str
    inverse: str
    words: str
    value: float
    power: int
    reach: int
    fixed: bool
    lengths: tuple[int, ...] = ()
    form: Callable[[float], float] = float

    @property
    def ratio(self) -> float:
        """The user's gradient over the right one."""
        return float(self.value**self.power)


def correction(n: float) -> float:
    """Return n/(n − 1), between a variance of n numbers by their mean and an unbiased one."""
    return n / (n - 1) if n > 1 else 1


#: Derived quantities: slug, slug of the reciprocal, words, value, reach.
_FORMS = (
    ("{}", "1/{}", "{}", lambda q: q, 0),
    ("√{}", "1/√{}", "the root of {}", math.sqrt, 1),
    ("{0}/({0}-1)", "({0}-1)/{0}", "n/(n − 1) with n = {}", correction, 1),
    ("{}/2", "2/{}", "half {}", lambda q: q / 2, 2),
    ("2·{}", "1/(2·{})", "twice {}", lambda q: 2 * q, 2),
)


def quantities(view: View) -> list[Quantity]:
    """Return the numbers by which a gradient is typically too large or too small, by two first."""
    found = [Quantity("2", "1/2", "", 2.0, 1, 0, True), Quantity("1/2", "2", "", 2.0, -1, 0, True)]
    for form, inverse, words, function, reach in _FORMS:
        for slug, meaning, basic, lengths in _basic_quantities(view):
            if basic > 0 and (value := function(basic)) != 1:
                said, fixed = words.format(meaning), isinstance(basic, int)
                over, under = form.format(slug), inverse.format(slug)
                found.append(Quantity(over, under, said, value, 1, reach, fixed, lengths, function))
                found.append(Quantity(under, over, said, value, -1, reach, fixed, lengths, function))
    return found


def _basic_quantities(view: View) -> Iterator[tuple[str, str, float, tuple[int, ...]]]:
    """Yield slug, words, value and lengths of the lengths and sizes of all arrays, and of inputs that are one number.

    A derivative acts element by element, so it has no length in it.
    """
    for name, shape in shapes(view) if view.point.style != "derivative" else ():
        for axis, length in enumerate(shape) if len(shape) > 1 else ():
            if axis == 0:
                yield "batch", f"the batch size (axis 0 of {name})", length, (length,)
            else:
                yield f"axis {axis} of {name}", f"the length of axis {axis} of {name}", length, (length,)
        yield "N", f"N, the number of elements of {name}", math.prod(shape), shape
        if len(shape) > 2 and shape[0]:
            words = f"the number of elements of {name} per item of axis 0"
            yield words, words, math.prod(shape[1:]), shape[1:]
    for position, array in view.floating_inputs():
        if array.size > 1 and np.isfinite(norm := float(np.linalg.norm(array.astype(np.float64)))):
            yield f"‖{view.name(position)}‖", f"the norm of {view.name(position)}", norm, ()
        if array.size == 1 and position not in view.point.wrt:
            yield view.name(position), view.name(position), float(array.ravel()[0]), ()


def number(value: float) -> str:
    """Return a number in short: as a simple fraction where it is one, else in six digits."""
    simple = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    doubt = FACTOR_ROUNDINGS * float(np.finfo(np.float64).eps) * abs(value)
    is_decimal = abs(float(f"{value:.{SHOWN_DIGITS}g}") - value) <= doubt
    is_simple = abs(float(simple) - value) <= doubt and abs(simple.numerator) <= LARGEST_DENOMINATOR
    if is_simple and (abs(simple.numerator) == 1 or not is_decimal):
        return str(simple)
    short = f"{value:.{SHOWN_DIGITS}g}"
    return short if short != "1" else f"1 {'+' if value > 1 else '-'} {abs(value - 1):.3g}"
