"""One point at which a hand-derived gradient is judged: the data of comparator, causes and votes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradtwin.backends.interface import Array
from gradtwin.comparisons.subjects.functions import Style


@dataclass(frozen=True)
class Point:
    """A forward's inputs and value, the upstream gradient, and both sides' gradients there.

    `inputs` are all of forward's arguments; `wrt` the positions of the differentiated ones;
    `words` are the names of the inputs in messages. `left` are the user's
    gradients and `right` the oracle's, in the order of `wrt`; an element may differ by `allowed`, and `scale` is
    the size of the terms that formed it. A user's gradient of another shape is in `left` unchanged. `y_bar` is
    None where the style has none; then the oracle's upstream was all ones. Where `is_sample`, `right` is NaN in all
    entries but those that the oracle looked at.
    """

    style: Style
    inputs: tuple[Any, ...]
    wrt: tuple[int, ...]
    names: tuple[str, ...]
    words: tuple[str, ...]
    y: Array
    y_bar: Array | None
    left: tuple[Array, ...]
    right: tuple[Array, ...]
    allowed: tuple[Array, ...]
    scale: tuple[Array, ...]
    is_sample: bool = False


#: Judges the same functions again: (seed) → another point with inputs of the same shapes, and another y_bar; None where
#: the functions can't be run there.
AnotherPoint = Callable[[int], Point | None]
