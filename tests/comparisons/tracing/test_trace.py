"""Every forward of the collection: value, gradient, no escape, and nothing of the user's changed."""

from __future__ import annotations

import builtins
import copy
import sys
from typing import Any

import numpy as np
import pytest

from gradtwin.comparisons.tracing import trace_forward

from . import array_forwards, course_forwards, repository_forwards, science_forwards
from .forwards import CASES, Case
from .numerical import differentiate

MODULES = (array_forwards, course_forwards, repository_forwards, science_forwards)


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def plain_run(case: Case, inputs: tuple[Any, ...]) -> Any:
    result = copy.deepcopy(case.forward)(*copy.deepcopy(inputs))
    return result if case.select is None else case.select(result)


def test_at_least_eighty_forwards() -> None:
    assert len({case.name for case in CASES}) >= 80


def test_value_and_gradient(case: Case) -> None:
    inputs = case.draw(np.random.default_rng(11))
    with np.errstate(all="ignore"):
        expected = plain_run(case, inputs)
        trace = trace_forward(copy.deepcopy(case.forward), copy.deepcopy(inputs), case.wrt)
    assert trace.escapes == ()
    result = trace.result if case.select is None else case.select(trace.result)
    np.testing.assert_array_equal(result, expected)
    assert np.result_type(result) == np.result_type(expected)
    assert type(result) is type(expected)

    y_bar = np.random.default_rng(12).normal(size=np.shape(expected)).astype(np.result_type(expected))
    gradients = trace.gradient(y_bar, case.select)
    second = trace.gradient(y_bar, case.select)
    value = trace.value(case.select)
    assert value.dtype == np.result_type(expected).newbyteorder("=")
    for position, gradient, again in zip(case.wrt, gradients, second, strict=True):
        estimate, error, scale = differentiate(lambda *x: plain_run(case, x), inputs, position, y_bar)
        if gradient is None:
            assert (np.abs(estimate) <= error).all()
            continue
        np.testing.assert_array_equal(gradient, again)
        assert gradient.shape == np.shape(inputs[position])
        assert gradient.dtype == np.result_type(inputs[position]).newbyteorder("=")
        assert (np.abs(gradient - estimate) <= error).all(), np.max(np.abs(gradient - estimate) / error)
        assert (error < scale).all()  # it could have failed


def test_tape_value(case: Case) -> None:
    """TensorFlow's own value agrees with NumPy's as far as the output's sensitivity to its inputs' rounding goes."""
    inputs = case.draw(np.random.default_rng(11))
    with np.errstate(all="ignore"):
        expected = np.asarray(plain_run(case, inputs))
        trace = trace_forward(copy.deepcopy(case.forward), copy.deepcopy(inputs), case.wrt)
    value = trace.value(case.select)
    resolution = np.finfo(expected.dtype).eps
    with np.errstate(all="ignore"):
        moved = [np.abs(np.asarray(plain_run(case, near)) - expected) for near in nudged(inputs, case.wrt)]
    allowed = np.sum(moved, axis=0) + resolution * expected.size * np.max(np.abs(expected))
    assert (np.abs(value - expected) <= allowed).all()


def nudged(inputs: tuple[Any, ...], wrt: tuple[int, ...]) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(13)
    found = []
    for _ in range(8):
        copied = list(copy.deepcopy(inputs))
        for i in wrt:
            dtype = np.result_type(copied[i])
            factor = 1 + np.finfo(dtype).eps * rng.choice([-4.0, 4.0], size=np.shape(copied[i]))
            moved = copied[i] * factor
            copied[i] = moved.astype(dtype) if np.ndim(moved) else float(moved)
        found.append(tuple(copied))
    return found


def test_everything_is_left_as_it_was(case: Case) -> None:
    inputs = case.draw(np.random.default_rng(11))
    before = copy.deepcopy(inputs)
    forward = case.forward
    names = [dict(vars(module)) for module in MODULES]
    arrays = {id(array): (array, array.copy()) for array in held(forward)}
    state = attributes(forward)
    imported, import_function = dict(sys.modules), builtins.__import__
    with np.errstate(all="ignore"):
        trace = trace_forward(forward, inputs, case.wrt)
    for given, kept in zip(inputs, before, strict=True):
        np.testing.assert_equal(given, kept)
    for module, kept_names in zip(MODULES, names, strict=True):
        assert vars(module).keys() == kept_names.keys()
        assert all(vars(module)[name] is value for name, value in kept_names.items())
    assert builtins.__import__ is import_function
    assert all(sys.modules[name] is module for name, module in imported.items())
    assert not any(type(item).__module__.startswith("gradtwin") for item in everything(trace.result))
    assert not any(type(item).__module__.startswith("gradtwin") for item in everything(attributes(forward)))
    trace.restore()
    for array, kept in arrays.values():
        np.testing.assert_array_equal(array, kept)
    restored = attributes(forward)
    assert restored.keys() == state.keys()
    assert all(restored[name] is value for name, value in state.items())


def attributes(forward: Any) -> dict[str, Any]:
    owner = getattr(forward, "__self__", forward)
    return dict(getattr(owner, "__dict__", {}))


def held(forward: Any) -> list[np.ndarray]:
    found = [item for item in everything(attributes(forward)) if isinstance(item, np.ndarray)]
    return found + [item for module in MODULES for item in everything(vars(module)) if type(item) is np.ndarray]


def everything(value: Any, depth: int = 0) -> list[Any]:
    found = [value]
    inner: list[Any] = []
    if depth < 5:
        if isinstance(value, dict):
            inner = list(value.values())
        elif isinstance(value, list | tuple):
            inner = list(value)
        elif not isinstance(value, type) and type(value).__module__.endswith("_forwards"):
            inner = list(attributes(value).values())
    for item in inner:
        found += everything(item, depth + 1)
    return found
