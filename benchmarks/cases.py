"""The work to time: every operation of the catalogue, forward and gradient, and a full training step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from gradtwin.backends.interface import Array, Operation
from gradtwin.backends.operations import OPERATIONS
from gradtwin.backends.precision import find_dtype
from gradtwin.backends.signature import Shape
from gradtwin.comparisons.catalogue.scenarios.regression import REGRESSION
from gradtwin.comparisons.drawing.domains import DOMAINS
from gradtwin.errors import unknown_name

from .steps import STEPS, draw_step

CONVERSION = "conversion"
PLAIN_MATMUL = "plain matmul"
FIGURES = "figures"
CHECK = "check"

#: The variant of a training step that is written without gradtwin; a backend's modes are the others.
BY_HAND = "by hand"

#: The learning rate of an optimizer's rule.
LEARNING_RATE = REGRESSION.learning_rate

#: Elements that a sample takes in the widest layer of the networks whose steps are timed.
WIDEST = 1000

#: The cases of a run of a minute, if none is named.
QUICK_CASES = ("matmul", "dense", "sigmoid", "conv2d", "softmax-cross-entropy", "adam", REGRESSION.name)

Extents = tuple[int, int, int]

#: Samples, rows and columns of images, and the kernel's.
IMAGE = {"n": 8, "h": 16, "w": 16, "i": 3, "j": 3}


@dataclass(frozen=True)
class Work:
    """One piece of work, the same on either backend: a stage of a case, with the extents of its dimensions.

    Stages: `forward`, `gradient` (forward included), `update`, `step` (forward, loss, gradient, update); of
    the conversion `to tensor` and `to array`.
    """

    case: str
    stage: str
    extents: Extents
    dtype: str
    seed: int

    @property
    def title(self) -> str:
        """The case and its stage; the bare name is an operation's forward, or an optimizer's update."""
        return self.case if self.stage in ("forward", "update") else f"{self.case} {self.stage}"

    @property
    def shapes(self) -> list[Shape]:
        """The shapes of its inputs."""
        rows, inner, columns = self.extents
        if self.case in STEPS:
            return [array.shape for array in self.draw()]
        if self.case == PLAIN_MATMUL:
            return [(rows, inner), (inner, columns)]
        if self.case == CONVERSION:
            return [(rows, columns)]
        return _operation_shapes(OPERATIONS[self.case], self.extents)

    @property
    def bytes(self) -> int:
        """The bytes of its inputs; windows that slide over an image count as often as they hold an element."""
        windows = IMAGE["i"] * IMAGE["j"] if self.case in OPERATIONS and "h" in OPERATIONS[self.case].signature else 1
        itemsize = find_dtype(self.dtype).itemsize
        if self.case in STEPS[1:]:
            return itemsize * self.extents[0] * WIDEST
        return itemsize * windows * sum(math.prod(shape) for shape in self.shapes)

    def draw(self) -> tuple[Array, ...]:
        """Return its inputs, the same in every process.

        For an operation its own, then y_bar unless it is an update; for a training step x, target, the weights.
        """
        if self.case in STEPS:
            return draw_step(self.case, self.extents, self.dtype, self.seed).arrays
        rng = np.random.default_rng([self.seed, crc32(self.case.encode()), *self.extents])
        # A scalar input is a learning rate.
        arrays = [rng.standard_normal(s) if s else np.full((), LEARNING_RATE) for s in self.shapes]
        operation = OPERATIONS.get(self.case)
        if operation:
            domains = [DOMAINS.get(operation.domains.get(name, ""), _anywhere) for name in operation.inputs]
            arrays = [np.asarray(admit(x)) for admit, x in zip(domains, arrays, strict=True)]
            if operation.kind != "update":
                arrays.append(np.asarray(rng.standard_normal(operation.output_shape(arrays))))
        dtype = find_dtype(self.dtype)
        return tuple(array.astype(dtype) for array in arrays)


def case_names() -> list[str]:
    """Return the names that `gradtwin bench` takes."""
    return [*OPERATIONS, *STEPS, CHECK, FIGURES]


def find_cases(names: Sequence[str] | None) -> list[str]:
    """Return the cases named, or every operation and step; raise ArgumentValueError for an unknown name."""
    known = case_names()
    for name in names or ():
        if name not in known:
            raise unknown_name("case", name, known)
    return list(dict.fromkeys(names)) if names else [name for name in known if name not in (CHECK, FIGURES)]


def works_of(case: str, extents: Extents, dtype: str, seed: int) -> list[Work]:
    """Return a case's stages at one size."""
    kind = "step" if case in STEPS else OPERATIONS[case].kind
    stages = [kind] if kind in ("step", "update") else ["forward", "gradient"]
    return [Work(case, stage, extents, dtype, seed) for stage in stages]


def _operation_shapes(operation: Operation, extents: Extents) -> list[Shape]:
    cores = operation.shapes.inputs
    names = dict.fromkeys(name for core in cores for name in core)
    # Dimensions beyond the third have the last extent; images grow in their channels alone.
    bound = {name: int(name) if name.isdigit() else extents[min(i, 2)] for i, name in enumerate(names)}
    if "h" in bound:
        channels = max(1, extents[0] // 4)
        bound |= IMAGE | dict.fromkeys(("c", "o"), channels)
    return [extents[:2] if core == ("...",) else tuple(bound[name] for name in core) for core in cores]


def _anywhere(x: Array) -> Array:
    return x
