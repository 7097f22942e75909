"""Confirms the corpus by finite differences, without gradtwin and without TensorFlow.

A right gradient agrees with Richardson-extrapolated central differences to within their own error estimate and the
rounding of its own arithmetic. A wrong one differs by far more than that, or shows its fault in another way, and where
its cause has a repair that is easily applied, the repaired gradient is right.

    python tests/corpus/validate.py [SEEDS]
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

if not __package__:  # run as a script
    sys.path[0] = str(Path(__file__).parents[1])
    __package__ = "corpus"

from . import HARD, RIGHT, THEMES, WRONG
from .case import Case
from .hard import Hard

STEPS = {np.dtype(np.longdouble): (-10, 3), np.dtype(np.float64): (-5, 4)}  # log2 of the longest step, number of steps
ESTIMATE_FACTOR = 32  # an error estimate is a sample of the error, and may by chance be far smaller
CLEARLY = 16  # a wrong gradient is this many times further away than a right one may be
Y_BAR_STREAM = 0x5EED

Arrays = tuple[np.ndarray, ...]


class Differences(NamedTuple):
    """Derivatives of the forward by one input, output axes first, and their estimated errors."""

    value: np.ndarray
    error: np.ndarray
    left: np.ndarray
    right: np.ndarray


class Expected(NamedTuple):
    """What a gradient ought to be, and how far a right one may be from it."""

    value: np.ndarray
    allowed: np.ndarray


# --- evaluating a case ----------------------------------------------------------------------------


def copies(inputs: Arrays, dtype: Any = None) -> Arrays:
    """Fresh inputs, the floating ones of the given type."""
    return tuple(a.astype(dtype) if dtype is not None and a.dtype.kind == "f" else a.copy() for a in inputs)


def value_of(case: Case, inputs: Arrays) -> np.ndarray:
    """y, or the loss, alone."""
    y = case.forward(*inputs)
    return np.asarray(y[0] if case.style in ("backward", "value_and_grad") else y)


def gradients_of(case: Case, inputs: Arrays, y_bar: np.ndarray) -> list[np.ndarray]:
    """The gradients that the case's own function returns, as a list."""
    if case.style == "value_and_grad":
        returned = case.forward(*inputs)[1:]
    elif case.style == "backward":
        returned = case.gradient(y_bar, case.forward(*inputs)[1])
    elif case.style == "vjp":
        returned = case.gradient(y_bar, *inputs)
    else:
        returned = case.gradient(*inputs)
    return [np.asarray(g) for g in (returned if isinstance(returned, tuple | list) else (returned,))]


def differentiated(case: Case, inputs: Arrays) -> tuple[int, ...]:
    """Positions of the differentiated inputs."""
    return case.wrt or tuple(i for i, a in enumerate(inputs) if a.dtype.kind == "f")


def drawn_y_bar(y: np.ndarray, seed: int) -> np.ndarray:
    """An upstream gradient from a stream that no case's inputs come from."""
    return np.random.default_rng([Y_BAR_STREAM, seed]).standard_normal(y.shape).astype(y.dtype)


# --- finite differences ---------------------------------------------------------------------------


def working_type(case: Case, inputs: Arrays) -> np.dtype:
    """Longdouble where the forward keeps it to the end, else float64."""
    try:
        y = value_of(case, copies(inputs, np.longdouble))
    except (TypeError, ValueError):
        return np.dtype(np.float64)
    return np.dtype(np.longdouble if y.dtype == np.longdouble else np.float64)


def extrapolated(rows: list[np.ndarray], ratio: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Richardson's extrapolation of differences at halved steps; the last correction is the error estimate.

    From order to order the error of central differences falls by a ratio of 4, that of one-sided ones by 2.
    """
    for order in range(1, len(rows)):
        finest = rows[-1]
        weight = ratio**order
        rows = [(weight * fine - coarse) / (weight - 1) for coarse, fine in itertools.pairwise(rows)]
    return rows[-1], np.abs(rows[-1] - finest)


def differences(case: Case, inputs: Arrays, position: int) -> Differences:
    """The derivative of every output by every entry of one input."""
    dtype = working_type(case, inputs)
    wide = copies(inputs, dtype)
    x = wide[position]
    y = value_of(case, copies(wide))
    exponent, count = STEPS[dtype]
    lengths = np.exp2(dtype.type(exponent) - np.arange(count, dtype=dtype))
    scales = step_scales(x)
    found = Differences(*(np.empty(y.shape + x.shape, dtype) for _ in Differences._fields))

    def moved(index: tuple[int, ...], by: Any) -> np.ndarray:
        at = copies(wide)
        at[position][index] += by
        return value_of(case, at)

    for index in np.ndindex(x.shape):
        steps = lengths * scales[index]
        above = [(moved(index, h) - y) / h for h in steps]
        below = [(y - moved(index, -h)) / h for h in steps]
        value, error = extrapolated([(a + b) / 2 for a, b in zip(above, below, strict=True)])
        sides = extrapolated(below, 2.0)[0], extrapolated(above, 2.0)[0]
        for array, part in zip(found, (value, error, *sides), strict=True):
            array[(..., *index)] = part
    noise = found.error * scales
    floor = np.median(noise[noise > 0]) if np.any(noise) else 0  # an entry's own estimate may be tiny by chance
    rounding = rounding_of(y, found.value, x) / lengths[-1]
    return found._replace(error=(np.maximum(noise, floor) + rounding) / scales)


def step_scales(x: np.ndarray) -> np.ndarray:
    """For each entry a power of two near its size, but within the spread of all and not far below it."""
    spread = np.std(x) if x.size > 1 and np.ptp(x) > 0 else np.max(np.abs(x), initial=0)
    if spread == 0:
        return np.ones_like(x)
    return np.exp2(np.round(np.log2(np.clip(np.abs(x), spread / 8, spread))))


def rounding_of(y: np.ndarray, jacobian: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The rounding error of y, from its size and from that of the terms it is the sum of; axes for x are appended."""
    axes = tuple(range(y.ndim, y.ndim + x.ndim))
    terms = np.sum(np.abs(jacobian * x), axis=axes)
    return (np.finfo(y.dtype).eps * (np.abs(y) + terms)).reshape(y.shape + (1,) * x.ndim)


@cache
def _remembered(forward: Any, style: str, make_inputs: Any, seed: int, dtype: str, position: int) -> Differences:
    case = Case("", style, forward, True, make_inputs)
    return differences(case, drawn(case, seed, dtype), position)


def remembered(case: Case, seed: int, dtype: str, position: int) -> Differences:
    """The differences, shared by the cases with the same forward and inputs."""
    return _remembered(case.forward, case.style, case.make_inputs, seed, dtype, position)


def drawn(case: Case, seed: int, dtype: str) -> Arrays:
    """The case's inputs."""
    return case.make_inputs(np.random.default_rng(seed), dtype)


# --- what is expected -----------------------------------------------------------------------------


def contracted(case: Case, jacobian: np.ndarray, y_bar: np.ndarray, magnitude: bool = False) -> np.ndarray:
    """What a gradient of the case's style holds: the Jacobian, or its product with y_bar."""
    if case.style == "jacobian":
        return np.abs(jacobian) if magnitude else jacobian
    weights = y_bar if case.style in ("vjp", "backward") else np.ones_like(y_bar)
    if magnitude:
        return np.tensordot(np.abs(weights), np.abs(jacobian), axes=y_bar.ndim)
    return np.tensordot(weights, jacobian, axes=y_bar.ndim)


def expected(
    case: Case, all_found: list[Differences], y_bar: np.ndarray, operations: int, dtype: Any
) -> list[Expected]:
    """The gradients by differences, with their error and the rounding of `operations` operations of that type.

    The operands are taken to be as large as the largest gradient: one that is a cancelling sum is not small by itself.
    """
    sizes = [contracted(case, found.value, y_bar, magnitude=True) for found in all_found]
    rounding = operations * np.finfo(dtype).eps / 2 * max(np.max(size, initial=0) for size in sizes)
    errors = [ESTIMATE_FACTOR * contracted(case, found.error, y_bar, magnitude=True) for found in all_found]
    return [
        Expected(contracted(case, found.value, y_bar), error + rounding)
        for found, error in zip(all_found, errors, strict=True)
    ]


@np.errstate(over="ignore")
def deviation(gradient: np.ndarray, wanted: Expected) -> np.ndarray:
    """How far off each entry is, in units of what is allowed; infinite where it is not finite."""
    if gradient.shape != wanted.value.shape:
        return np.full(wanted.value.shape, np.inf)
    off = np.abs(gradient - wanted.value) / np.maximum(wanted.allowed, np.finfo(np.longdouble).tiny)
    return np.where(np.isfinite(gradient), off, np.inf)


def agrees(gradient: np.ndarray, wanted: Expected) -> bool:
    """Whether every entry is right."""
    return bool(np.all(deviation(gradient, wanted) <= 1))


# --- what can be seen to be wrong -----------------------------------------------------------------


class Observed(NamedTuple):
    """The kinds of fault seen, the gradients, and what they ought to be."""

    faults: frozenset[str]
    gradients: list[np.ndarray]
    wanted: list[Expected]
    y_bar: np.ndarray


@np.errstate(all="ignore")
def observe(case: Case, seed: int, dtype: str) -> Observed:
    """Run the case once, and once more, and look for every kind of fault."""
    inputs = drawn(case, seed, dtype)
    positions = differentiated(case, inputs)
    y = value_of(case, copies(inputs))
    y_bar = drawn_y_bar(y, seed)
    operations = sum(a.size for a in inputs) + y.size
    used, used_y_bar, forwarded = copies(inputs), y_bar.copy(), copies(inputs)
    value_of(case, forwarded)
    faults = {"mutated-input"} if changed(inputs, forwarded) else set()
    try:
        gradients = gradients_of(case, used, used_y_bar)
        again = gradients_of(case, copies(inputs), y_bar.copy())
    except Exception:
        return Observed(frozenset({"raises"}), [], [], y_bar)
    if changed((y_bar, *inputs), (used_y_bar, *used)):
        faults.add("mutated-input")
        if any(np.shares_memory(g, a) for g in gradients for a in (used_y_bar, *used)):
            faults.add("aliasing")
    if changed(gradients, again):
        faults.add("nondeterministic")
    found = [remembered(case, seed, dtype, p) for p in positions]
    wanted = expected(case, found, y_bar, operations, dtype)
    for gradient, position, want in zip(gradients, positions, wanted, strict=True):
        faults |= set(faults_of(gradient, inputs[position].dtype, want))
    return Observed(frozenset(faults), gradients, wanted, y_bar)


def changed(before: Iterable[np.ndarray], after: Iterable[np.ndarray]) -> bool:
    """Whether any byte differs."""
    return any(a.tobytes() != b.tobytes() for a, b in zip(before, after, strict=True))


def faults_of(gradient: np.ndarray, dtype: np.dtype, wanted: Expected) -> Iterator[str]:
    """Kinds of fault of a single gradient."""
    if gradient.shape != wanted.value.shape:
        yield "shape"
        return
    if gradient.dtype.kind == "f" and gradient.dtype.itemsize < dtype.itemsize:
        yield "dtype"
    if not np.all(np.isfinite(gradient)):
        yield "nan"
        return
    off = deviation(gradient, wanted)
    if np.any(off > CLEARLY):
        yield "value"
    elif np.any(off > 1):
        yield "unclear"


OWN_FAULTS = {"nan", "nondeterministic", "mutated-input", "aliasing", "raises"}
SHAPED = {"shape", "missing-sum", "swapped", "transpose", "permuted", "jacobian-diagonal", "forward-broadcast"}


def shows(cause: str, faults: frozenset[str]) -> bool:
    """Whether a fault that was seen fits the cause."""
    if cause in OWN_FAULTS:
        return cause in faults
    fitting = {"value"} | ({"dtype"} if cause == "dtype" else set()) | ({"shape"} if cause in SHAPED else set())
    return bool(fitting & faults)


# --- repairs: does the repaired gradient agree? ---------------------------------------------------


def best_factor(gradient: np.ndarray, wanted: Expected) -> float:
    """The ratio of right to given, from the entry that is known best."""
    known = np.abs(gradient * wanted.value) / wanted.allowed
    best = np.unravel_index(np.argmax(known), gradient.shape)
    return wanted.value[best] / gradient[best]


def is_factor(gradient: np.ndarray, wanted: Expected) -> bool:
    if gradient.shape != wanted.value.shape or not np.any(gradient * wanted.value):
        return False
    return agrees(gradient * best_factor(gradient, wanted), Expected(wanted.value, 2 * wanted.allowed))


def is_mean_for_sum(gradient: np.ndarray, wanted: Expected) -> bool:
    if not is_factor(gradient, wanted):
        return False
    ratio = float(best_factor(gradient, wanted))
    length = round(max(ratio, 1 / ratio))
    return length > 1 and agrees(gradient * length if ratio > 1 else gradient / length, wanted)


def is_transpose(gradient: np.ndarray, wanted: Expected) -> bool:
    return gradient.ndim > 1 and agrees(gradient.swapaxes(-1, -2), wanted)


def is_missing_sum(gradient: np.ndarray, wanted: Expected) -> bool:
    axes = [c for n in range(1, gradient.ndim + 1) for c in itertools.combinations(range(gradient.ndim), n)]
    return any(agrees(gradient.sum(axis=a).reshape(-1), flat(wanted)) for a in axes if fits(gradient, a, wanted))


def fits(gradient: np.ndarray, axes: tuple[int, ...], wanted: Expected) -> bool:
    """Whether summing over the axes leaves as many entries as are wanted."""
    kept = [n for axis, n in enumerate(gradient.shape) if axis not in axes]
    return int(np.prod(kept)) == wanted.value.size


def flat(wanted: Expected) -> Expected:
    return Expected(wanted.value.reshape(-1), wanted.allowed.reshape(-1))


def is_partial(gradient: np.ndarray, wanted: Expected) -> bool:
    right = deviation(gradient, wanted) <= 1
    return gradient.shape == wanted.value.shape and bool(right.any()) and not right.all()


def is_permuted(gradient: np.ndarray, wanted: Expected) -> bool:
    """Whether it holds the right numbers in another order."""
    if gradient.size != wanted.value.size:
        return False
    order, other = np.argsort(wanted.value, axis=None), np.argsort(gradient, axis=None)
    want = flat(wanted)
    return agrees(gradient.reshape(-1)[other], Expected(want.value[order], np.full(order.shape, want.allowed.max())))


REPAIRS: dict[str, Callable[[np.ndarray, Expected], bool]] = {
    "sign": lambda gradient, wanted: agrees(-gradient, wanted),
    "factor": is_factor,
    "mean-for-sum": is_mean_for_sum,
    "zeroed": lambda gradient, wanted: not np.any(gradient),
    "transpose": is_transpose,
    "missing-sum": is_missing_sum,
    "shape": lambda gradient, wanted: gradient.shape != wanted.value.shape,
    "partial": is_partial,
    "permuted": is_permuted,
}
SIMPLER = {
    "factor": ("sign",),
    "partial": ("sign", "factor"),
    "permuted": ("sign", "transpose"),
    "unknown": ("sign", "factor"),
}


def is_swapped(seen: Observed) -> bool:
    """Whether some other order of the gradients is right."""
    return any(
        all(agrees(g, w) for g, w in zip(order, seen.wanted, strict=True))
        for order in itertools.permutations(seen.gradients)
    )


def confirmed(cause: str, seen: Observed) -> bool | None:
    """Whether the cause's repair makes every wrong gradient right; None where it has none to be tried here."""
    if cause == "swapped":
        return is_swapped(seen)
    if cause not in REPAIRS:
        return None
    pairs = zip(seen.gradients, seen.wanted, strict=True)
    return all(REPAIRS[cause](g, w) for g, w in pairs if not agrees(g, w))


# --- verdicts of the validator --------------------------------------------------------------------


def complaints_right(case: Case, seed: int, dtype: str) -> list[str]:
    """What is not as it should be with a right case."""
    seen = observe(case, seed, dtype)
    found = [f"shows {fault}" for fault in sorted(seen.faults)]
    for n, wanted in enumerate(seen.wanted):
        if np.linalg.norm(wanted.allowed) * CLEARLY > np.linalg.norm(wanted.value):
            found.append(f"the differences decide nothing about gradient {n}")
    return found


def complaints_wrong(case: Case, seed: int, dtype: str) -> list[str]:
    """What is not as it should be with a wrong case."""
    seen = observe(case, seed, dtype)
    if not any(shows(cause, seen.faults) for cause in case.causes):
        return [f"shows only {sorted(seen.faults)}"]
    if case.all_of:
        return [] if confirmed("factor", seen) and not confirmed("sign", seen) else ["is no negative factor"]
    answers = {cause: confirmed(cause, seen) for cause in case.causes}
    if "unknown" not in answers and not any(answer is None or answer for answer in answers.values()):
        return [f"is not repaired as {sorted(answers)}"]
    claimed = [cause for cause, answer in answers.items() if answer is None or answer]
    simpler = {s for cause in claimed for s in SIMPLER.get(cause, ())} - case.causes
    return [f"is {other} already" for other in sorted(simpler) if confirmed(other, seen)]


@np.errstate(all="ignore")
def complaints_hard(hard: Hard, seed: int) -> list[str]:
    """What is not as it should be with a right case at hard inputs, judged in the widest type."""
    case = hard.case
    inputs = hard.make_inputs(np.random.default_rng(seed), "float64")
    positions = differentiated(case, inputs)
    y_bar = drawn_y_bar(value_of(case, copies(inputs)), seed)
    given = gradients_of(case, inputs, y_bar)
    found = [f"shape {g.shape}" for g, p in zip(given, positions, strict=True) if g.shape != inputs[p].shape]
    found += ["not finite" for g in given if not np.all(np.isfinite(g))]
    operations = sum(a.size for a in inputs) + y_bar.size
    if found or operations > 1000:
        return found
    dtype = working_type(case, inputs)
    wide = gradients_of(case, copies(inputs, dtype), y_bar.astype(dtype))
    for gradient, position in zip(wide, positions, strict=True):
        by = differences(case, inputs, position)
        (wanted,) = expected(case, [by], y_bar, operations, gradient.dtype)
        low, high = between(case, by, y_bar)
        outside = (gradient < low - wanted.allowed) | (gradient > high + wanted.allowed)
        if np.any(outside & (deviation(gradient, wanted) > 1)):
            found.append(f"differs by {np.max(np.abs(gradient - wanted.value))} from {wanted.allowed.max()}")
    return found


def between(case: Case, by: Differences, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest gradient that one-sided derivatives allow."""
    weights = y_bar if case.style in ("vjp", "backward") else np.ones_like(y_bar)
    shaped = weights.reshape(weights.shape + (1,) * (by.left.ndim - weights.ndim))
    ends = shaped * by.left, shaped * by.right
    axes = tuple(range(weights.ndim))
    return np.minimum(*ends).sum(axis=axes), np.maximum(*ends).sum(axis=axes)


def complaints(seeds: Iterable[int], dtypes: Iterable[str] = ("float64", "float32")) -> Iterator[str]:
    """Every complaint about the corpus."""
    for seed in seeds:
        for case in (*RIGHT, *WRONG):
            judge = complaints_wrong if case.wrong else complaints_right
            for dtype in set(dtypes) & set(case.dtypes):
                yield from (f"{case.name!r}, {dtype}, seed {seed}: {text}" for text in judge(case, seed, dtype))
        for hard in HARD:
            yield from (f"hard {hard.name!r}, seed {seed}: {text}" for text in complaints_hard(hard, seed))


def summary() -> str:
    """Counts by theme and by cause."""
    lines = [f"{len(RIGHT)} right, {len(WRONG)} wrong, {len(HARD)} hard"]
    for theme, cases in THEMES.items():
        wrong = sum(case.wrong for case in cases)
        lines.append(f"  {theme:16}{len(cases) - wrong:4} right{wrong:5} wrong")
    counts = Counter(cause for case in WRONG for cause in case.causes)
    lines += [f"  {cause:22}{count:4}" for cause, count in counts.most_common()]
    return "\n".join(lines)


def main() -> int:
    """Print the counts and every complaint; the exit status is 1 if there is any."""
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    found = list(complaints(seeds))
    print(summary())
    print("\n".join(found) or f"confirmed at {len(seeds)} seeds")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
