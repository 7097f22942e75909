"""The third vote: derivatives of forward alone, without either side's gradient.

Along a line through the inputs, φ(t) = Σ y_bar · forward(inputs + t · direction), and φ'(0) is taken by

- complex step, Im φ(ih)/h, which has no cancellation (Squire & Trapp, *SIAM Review* 40(1), 1998), if forward takes
  complex input honestly; otherwise by
- central differences extrapolated to h = 0 (Richardson 1911; Ridders, *Advances in Engineering Software* 4(2), 1982).

Every derivative has an estimate of its error. For differences this is the difference of neighbours in the table of
extrapolation, plus the noise of φ over h; the noise is measured (Moré & Wild, *SIAM J. Sci. Comput.* 33(3),
2011) and is at least the rounding of the terms, u Σ|y_bar · y|.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.backends.precision import precision_of
from gradtwin.comparisons.precision.constants import (
    COARSE_EXPONENTS,
    COLUMNS,
    COMPLEX_EXPONENTS,
    COMPLEX_ROUNDINGS,
    NOISE_EXPONENTS,
    NOISE_ORDER,
    NOISE_SAMPLES,
    NOISE_SPACING,
    PERTURBED_SAMPLES,
    ROUNDED_TO_DOUBLE,
    STEP_EXPONENTS,
)
from gradtwin.comparisons.precision.size import root_mean_square

Forward = Callable[..., Any]


@dataclass(frozen=True)
class Vote:
    """A derivative, `value ± error`; `one_sided` holds the left and the right one where they differ."""

    value: float
    error: float
    method: Literal["complex-step", "differences"]
    one_sided: tuple[float, float] | None = None

    @property
    def error_to_sides(self) -> float:
        """The error, which at a kink reaches both one-sided derivatives."""
        return self.error + max((abs(side - self.value) for side in self.one_sided or ()), default=0.0)


@dataclass(frozen=True)
class Differences:
    """The gradient of one input, `value ± error` elementwise."""

    value: Array
    error: Array


def vote(
    forward: Forward,
    inputs: Sequence[Any],
    position: int,
    index: tuple[int, ...],
    y_bar: Array | None,
    *,
    seed: int,
) -> Vote:
    """∂/∂x[index] of Σ y_bar · forward(inputs), x being the input at `position`; y_bar None means ones."""
    direction = np.zeros(np.shape(inputs[position]))
    direction[index] = 1
    return _along(_Line(forward, inputs, {position: direction}, y_bar), seed)


def directional(
    forward: Forward,
    inputs: Sequence[Any],
    wrt: Sequence[int],
    direction: Sequence[Array],
    y_bar: Array | None,
    *,
    seed: int = 0,
) -> Vote:
    """Σ direction · gradient, over the inputs at `wrt`: one number that every entry of the gradients enters."""
    return _along(_Line(forward, inputs, dict(zip(wrt, direction, strict=True)), y_bar), seed)


def differences_gradient(
    forward: Forward, inputs: Sequence[Any], wrt: Sequence[int], y_bar: Array | None, *, seed: int = 0
) -> tuple[Differences, ...]:
    """x_bar = y_bar · ∂y/∂x for each input at `wrt`, entry by entry; for small problems.

    At a kink the value lies halfway between the one-sided derivatives, and the error reaches both.
    """
    gradients = []
    for position in wrt:
        shape = np.shape(inputs[position])
        value, error = np.zeros(shape), np.zeros(shape)
        for index in np.ndindex(shape):
            found = vote(forward, inputs, position, index, y_bar, seed=seed)
            value[index], error[index] = found.value, found.error_to_sides
        gradients.append(Differences(value, error))
    return tuple(gradients)


#: The type that floating inputs are held in.
Format = type[np.floating[Any]]


@dataclass(frozen=True)
class _Sample:
    """φ at one t; `magnitude` is Σ|y_bar · y|, `imaginary` Σ|y_bar · Im y|, `u` the unit roundoff of y."""

    value: Any
    magnitude: float
    imaginary: float
    u: float
    dtype: np.dtype[Any]


class _Line:
    """φ(t) = Σ y_bar · forward(inputs + t · direction), the inputs copied, and widened, before each call."""

    def __init__(
        self, forward: Forward, inputs: Sequence[Any], direction: Mapping[int, Array], y_bar: Array | None
    ) -> None:
        self.forward = forward
        self.inputs = tuple(inputs)
        self.direction = direction
        self.y_bar = y_bar
        moved = [np.asarray(inputs[i], np.float64)[np.asarray(d) != 0] for i, d in direction.items()]
        typical = [root_mean_square(inputs[i]) for i in direction]
        sizes = [*typical, *(float(np.abs(part).max(initial=0.0)) for part in moved)]
        size = max((size for size in sizes if not math.isnan(size)), default=0.0)
        longest = max(float(np.abs(d).max(initial=0.0)) for d in direction.values())
        ratio = size / longest if size > 0 and longest > 0 and math.isfinite(size / longest) else 1.0
        floats = [np.asarray(x).dtype for x in self.inputs if np.asarray(x).dtype.kind == "f"]
        #: The narrowest format that an input has.
        self.narrowest: Format = min(floats, key=lambda dtype: dtype.itemsize).type if floats else np.float64
        #: The scale of t at which the inputs change by their own size, a power of two so that steps add exactly.
        self.scale = 2.0 ** math.ceil(math.log2(ratio))

    def at(self, t: complex, dtype: Format = np.float64, jitter: Any = None) -> _Sample:
        """Return φ(t) with floating inputs held in `dtype`; with a generator, each moved by up to one rounding."""
        arguments = []
        for i, given in enumerate(self.inputs):
            array = np.asarray(given)
            if array.dtype.kind not in "fV":
                arguments.append(given.copy() if isinstance(given, np.ndarray) else given)
                continue
            wide = array.astype(dtype, order="K", copy=True)
            if jitter is not None:
                wide = wide * (1 + jitter.choice((-2.0, 2.0), size=wide.shape) * precision_of(np.dtype(dtype)).u)
            if i in self.direction:
                wide = wide + t * np.asarray(self.direction[i], dtype)
            arguments.append(wide if isinstance(given, np.ndarray) else wide[()])
        with np.errstate(all="ignore"):
            y = np.asarray(self.forward(*arguments))
            real = y.real.dtype if y.dtype.kind in "fc" else np.dtype(np.float64)
            terms = np.asarray(y if self.y_bar is None else np.asarray(self.y_bar) * y.astype(_widest(y.dtype)))
            magnitude, imaginary = (float(np.abs(part).sum()) for part in (terms, terms.imag))
            eps = max(float(np.finfo(real).eps), float(np.finfo(dtype).eps))
            return _Sample(terms.sum(), magnitude, imaginary, eps / 2, y.dtype)


def _along(line: _Line, seed: int) -> Vote:
    found = _differences(line)
    return found if found.one_sided else _complex_step(line, found, seed) or found


def _complex_step(line: _Line, differences: Vote, seed: int) -> Vote | None:
    """φ' = Im φ(ih)/h; None unless the result is complex, the same at two steps, and differences agree."""
    generator = np.random.default_rng(seed)
    first, second = (line.scale * 2.0**exponent for exponent in COMPLEX_EXPONENTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            samples = [line.at(1j * h) for h in (first, second)]
            moved = [line.at(1j * first, jitter=generator) for _ in range(PERTURBED_SAMPLES)]
            real = line.at(0.0)
        except Exception:  # the forward is not ours, and may refuse complex input in any way
            return None
    if any(sample.dtype.kind != "c" for sample in samples):
        return None
    value = float(samples[0].value.imag) / first
    spread = max(abs(float(sample.value.imag) / first - value) for sample in moved)
    error = 2 * spread + abs(float(samples[1].value.imag) / second - value)
    error += COMPLEX_ROUNDINGS * samples[0].u * samples[0].imaginary / first
    same_value = abs(float(samples[0].value.real) - float(real.value)) <= 2 * real.u * real.magnitude + 2 * max(
        abs(float(sample.value.real) - float(samples[0].value.real)) for sample in moved
    )
    agree = abs(value - differences.value) <= error + differences.error
    return Vote(value, error, "complex-step") if agree and same_value else None


def _differences(line: _Line) -> Vote:
    """Extrapolate central and one-sided differences, in the widest format that the forward keeps."""
    dtype = _find_format(line)
    middle = line.at(0.0, dtype)
    noise = max(middle.u * middle.magnitude, _noise(line, dtype))
    samples: list[tuple[float, Any, Any]] = []
    for h in (line.scale * 2.0**-exponent for exponent in STEP_EXPONENTS):
        sample = h, _try(line, h, dtype), _try(line, -h, dtype)
        samples = [*samples, sample] if np.isfinite(sample).all() else []  # start anew inside the domain
    if not samples or not math.isfinite(middle.value):
        return Vote(math.nan, math.inf, "differences")
    steps = [h for h, _, _ in samples]
    central = [(above - below) / (2 * h) for h, above, below in samples]
    right = [(above - middle.value) / h for h, above, _ in samples]
    left = [(middle.value - below) / h for h, _, below in samples]
    noise += middle.u * line.scale * float(np.median(np.abs(central)))  # inputs + t · direction are rounded too
    value, error = _extrapolate(steps, central, noise, 4)
    above_value, above_error = _extrapolate(steps, right, 2 * noise, 2)
    below_value, below_error = _extrapolate(steps, left, 2 * noise, 2)
    gap, gap_error = _extrapolate(steps, list(np.subtract(right, left)), 4 * noise, 2)
    if abs(gap) > gap_error and abs(above_value - below_value) > above_error + below_error:
        sides = below_value, above_value
        return Vote(sum(sides) / 2, above_error + below_error, "differences", sides)
    return Vote(value, error, "differences")


def _find_format(line: _Line) -> Format:
    """Return longdouble where the forward keeps it, else float64, else what its inputs have: it may take no other."""
    for dtype in (np.longdouble, np.float64):
        with suppress(Exception):  # SciPy, LAPACK and user code may refuse a format in any way
            if line.at(0.0, dtype).dtype == dtype or dtype == np.float64:
                return dtype
    return line.narrowest


def _try(line: _Line, t: float, dtype: Format) -> Any:
    """Return φ(t), NaN where the forward raises, as it may outside its domain."""
    try:
        return line.at(t, dtype).value
    except Exception:  # the forward is not ours
        return math.nan


def _extrapolate(steps: Sequence[float], differences: Sequence[Any], noise: float, base: int) -> tuple[float, float]:
    """Return Richardson's limit h → 0 of differences at halved steps, whose error is a series in powers of `base`.

    T[i,j] = T[i,j−1] + (T[i,j−1] − T[i−1,j−1])/(baseʲ − 1), j ≥ 1. The entry with the smallest estimate is taken.
    The estimate is the entry's difference from the entries that it came from and from the next row of its column, plus
    the noise with the same weights. Entries that differences at finer steps contradict are left out, because large
    steps may agree on an aliased limit.
    """
    table: list[list[tuple[Any, float]]] = []
    for h, difference in zip(steps, differences, strict=True):
        row = [(difference, noise / h)]
        for j in range(1, min(len(table), COLUMNS) + 1):
            weight = float(base**j)
            (near, near_noise), (far, far_noise) = row[j - 1], table[-1][j - 1]
            row.append((near + (near - far) / (weight - 1), (weight * near_noise + far_noise) / (weight - 1)))
        table.append(row)
    best, error = float(table[-1][0][0]), math.inf
    for i in range(1, len(table) - 1):
        for j in range(len(table[i])):
            value, carried = table[i][j]
            near = [table[i + 1][j][0]] + ([table[i][j - 1][0], table[i - 1][j - 1][0]] if j else [table[i - 1][0][0]])
            estimate = float(max(abs(value - other) for other in near)) + carried
            if estimate < error and all(
                abs(value - table[k][0][0]) <= estimate + table[k][0][1] + abs(table[k][0][0] - table[k - 1][0][0])
                for k in range(i + 1, len(table))
            ):
                best, error = float(value), estimate
    return best, error + ROUNDED_TO_DOUBLE * abs(best)


def _noise(line: _Line, dtype: Format) -> float:
    """Estimate how far φ strays from a smooth function: its high differences, over what unit noise would give."""
    unit = math.sqrt(math.comb(2 * NOISE_ORDER, NOISE_ORDER))
    noise = 0.0
    for k, exponent in enumerate((*NOISE_EXPONENTS, *COARSE_EXPONENTS)):
        if exponent in COARSE_EXPONENTS and noise > 0:
            break
        spacing = NOISE_SPACING ** (1 + k) * line.scale * 2.0**exponent
        values = np.array([_try(line, i * spacing, dtype) for i in range(NOISE_SAMPLES)])
        jumps = np.abs(np.diff(values))
        if not np.isfinite(values).all():
            break
        # where most samples fall into one grain, a jump is one grain
        in_one_grain = 2 * np.count_nonzero(jumps) < NOISE_SAMPLES - 1
        found = jumps if in_one_grain else np.abs(np.diff(values, NOISE_ORDER)) / unit
        noise = max(noise, float(found.max()))
    return noise


def _widest(dtype: np.dtype[Any]) -> type[Any]:
    return np.clongdouble if dtype.kind == "c" else np.longdouble
