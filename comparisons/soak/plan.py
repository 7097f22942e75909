"""What there is to soak, cut into chunks: every operation × dtype × layout × mode, round after round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count

import numpy as np

from gradtwin.backends.operations import OPERATIONS
from gradtwin.backends.precision import DTYPE_NAMES
from gradtwin.comparisons.catalogue.suite import MODES
from gradtwin.comparisons.drawing.problems import LAYOUTS

#: Problems drawn in a chunk: a second's work or so.
EXAMPLES = 100


@dataclass(frozen=True, order=True)
class Cell:
    """One way to run an operation."""

    operation: str
    dtype: str
    layout: str
    mode: str


@dataclass(frozen=True)
class Chunk:
    """A piece of work that is the same everywhere and always: its fields determine the problems that it draws.

    `number` counts the chunks of a seed from 0.
    """

    seed: int
    number: int
    operation: str
    dtype: str
    layout: str
    mode: str

    @property
    def cell(self) -> Cell:
        """The combination that it covers."""
        return Cell(self.operation, self.dtype, self.layout, self.mode)

    @property
    def name(self) -> str:
        """The name of its findings."""
        words = f"{self.seed} {self.number:07} {self.operation} {self.dtype} {self.layout} {self.mode}"
        return words.replace(" ", "-")

    def random_for(self, *, whole_group: bool) -> np.random.Generator:
        """Return the generator for the choices of the chunk, or of its group in a round."""
        if not whole_group:
            return np.random.default_rng([self.seed, self.number])
        group = [(o, d, m) for o in OPERATIONS for d in DTYPE_NAMES for m in MODES]
        rank = group.index((self.operation, self.dtype, self.mode))
        return np.random.default_rng([self.seed, self.number // len(all_cells()), rank])


def why_impossible(cell: Cell) -> str | None:
    """Return why a cell can't be covered, None if it can."""
    if cell.dtype == "bfloat16" and cell.layout == "byte-swapped":
        return "NumPy has bfloat16 only in the machine's byte order"
    return None


@cache
def every_cell() -> tuple[Cell, ...]:
    """Return every operation × dtype × layout × mode, whether it can be covered or not."""
    return tuple(Cell(o, d, la, m) for o in OPERATIONS for d in DTYPE_NAMES for la in LAYOUTS for m in MODES)


@cache
def all_cells() -> tuple[Cell, ...]:
    """Return the cells that can be covered."""
    return tuple(cell for cell in every_cell() if why_impossible(cell) is None)


def tasks(seed: int) -> Iterator[list[Chunk]]:
    """Yield the chunks of a seed without end, each cell once a round, in another order each round.

    Chunks that share compiled graphs come together, to be done by one worker: all layouts of an operation, dtype and
    mode. Others come alone.
    """
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for cell in all_cells():
        alone = (cell.layout,) if cell.mode == "eager" else ()
        groups.setdefault((cell.operation, cell.dtype, cell.mode, *alone), []).append(cell)
    grouped = list(groups.values())
    numbers = count()
    for turn in count():
        for i in np.random.default_rng([seed, turn]).permutation(len(grouped)):
            yield [Chunk(seed, next(numbers), **vars(cell)) for cell in grouped[i]]
