"""The strategies: what they draw is valid, and they do draw what they promise."""

import numpy as np
import pytest
from hypothesis import find, given, settings

from gradtwin.backends.operations import OPERATIONS
from gradtwin.comparisons.drawing.problems import (
    LAYOUTS,
    VALUES,
    Problem,
    build_problem,
    problems,
    shapes_from,
    special_problems,
    with_layouts,
)

FLOAT64 = np.dtype(np.float64)


def drawn(operation, count=900, dtype=FLOAT64):
    found: list[Problem] = []

    @settings(max_examples=count)
    @given(problems(operation, dtype))
    def collect(problem):
        problem.operation.validate(problem.inputs, problem.y_bar)
        found.append(problem)

    collect()
    return found


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_drawn_problems_are_valid_and_varied(operation):
    found = drawn(operation)
    kinds = {problem.made_of.partition(";")[0] for problem in found}
    for kind in {"element by element", *VALUES} - kinds:  # one of nine may be missed by chance
        find(problems(operation, FLOAT64), lambda problem, kind=kind: problem.made_of.startswith(kind))
    layouts = {name for p in found for name in p.made_of.partition("layouts: ")[2].split(", ")}
    assert layouts == set(LAYOUTS)
    sizes = [x.size for problem in found for x in problem.inputs]
    assert max(sizes) >= 1000, "no long sum was drawn"
    least = [operation.extents.get(name, (1,))[0] for name in operation.shapes.inputs[0] if name != "..."]
    assert min(sizes) == (np.prod(least, dtype=int) if operation.mean else 0), "the smallest was not drawn"


def test_matmul_gets_rows_columns_and_stacks():
    dimensions = {(p.inputs[0].ndim, p.inputs[1].ndim) for p in drawn(OPERATIONS["matmul"])}
    assert dimensions >= {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert max(max(pair) for pair in dimensions) > 2


def test_losses_get_scalars():
    assert any(p.inputs[0].ndim == 0 for p in drawn(OPERATIONS["mse"]))


def test_the_same_seed_is_the_same_problem():
    operation = OPERATIONS["dense"]
    one, two, other = (
        build_problem(operation, FLOAT64, shapes_from(operation, (3, 4, 2)), "normal", seed) for seed in (1, 1, 2)
    )
    assert all((x == y).all() for x, y in zip(one.inputs, two.inputs, strict=True))
    assert any((x != y).any() for x, y in zip(one.inputs, other.inputs, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(), (5,), (4, 3), (2, 0, 3)])
def test_layouts_move_values_and_keep_them(layout, shape):
    x = np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)
    moved = with_layouts(Problem(OPERATIONS["relu"], (x.copy(),), None, ""), [layout, layout]).inputs[0]
    assert moved.shape == x.shape
    if layout == "broadcast" and x.ndim and x.size:
        assert moved.strides[0] == 0
        assert (moved == x[:1]).all()
        return
    assert (moved == x).all()
    if x.ndim and x.size:
        assert {
            "C": moved.flags.c_contiguous,
            "Fortran": moved.flags.f_contiguous,
            "strided": not moved.flags.c_contiguous,
            "negative stride": min(moved.strides) < 0,
            "read-only": not moved.flags.writeable,
            "byte-swapped": not moved.dtype.isnative,
        }[layout]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", VALUES)
def test_values_are_what_they_are_called(kind, dtype):
    operation = OPERATIONS["matmul"]
    problem = build_problem(operation, np.dtype(dtype), [(8, 64), (64, 8)], kind, 1)
    a, b = (x.astype(np.longdouble) for x in problem.inputs)
    terms, total = np.abs(a) @ np.abs(b), np.abs(a @ b)
    tiny = np.finfo(dtype).smallest_normal
    check = {
        "normal": lambda: 0.5 < np.std(a) < 2,
        "integers": lambda: (a == np.rint(a)).all(),
        "scaled": lambda: np.abs(np.log2(np.std(a))) > 3,
        "mixed sizes": lambda: np.ptp(np.log2(np.abs(a))) > 15,
        "cancelling": lambda: (total < 1e-5 * terms).all(),
        "sparse": lambda: (a == 0).mean() > 0.5,
        "zeros": lambda: not a.any(),
        "subnormal": lambda: ((np.abs(a) < tiny) & (a != 0)).any(),
    }
    assert check[kind]()


def test_residuals_cancel_too():
    problem = build_problem(OPERATIONS["mse"], FLOAT64, [(50,), (50,)], "cancelling", 1)
    p, t = problem.inputs
    assert (np.abs(p - t) <= 64 * np.finfo(float).eps * np.abs(p)).all()
    assert (p != t).any()


@given(special_problems(OPERATIONS["matmul"], FLOAT64))
def test_special_problems_are_valid(problem):
    OPERATIONS["matmul"].validate(problem.inputs, problem.y_bar)
    assert problem.made_of == "with infinities and NaN"


def test_special_problems_have_special_values():
    seen = set()

    @given(special_problems(OPERATIONS["matmul"], FLOAT64))
    def collect(problem):
        for x in (*problem.inputs, problem.y_bar):
            seen.update({"nan"} if np.isnan(x).any() else set(), {"inf"} if np.isinf(x).any() else set())

    collect()
    assert seen == {"nan", "inf"}
