"""Operations with options: what is bound, what it does to shapes, and what is refused."""

import numpy as np
import pytest

from gradtwin.backends import get_backend
from gradtwin.backends.operations import OPERATIONS, find_operation
from gradtwin.backends.windows import same_padding, window_count
from gradtwin.errors import ArgumentValueError, ShapeError

IMAGE = np.arange(2 * 5 * 6 * 3, dtype=np.float64).reshape(2, 5, 6, 3)
KERNEL, BIAS = np.ones((2, 3, 3, 4)), np.zeros(4)


def test_equal_settings_are_one_operation():
    conv = find_operation("conv2d")
    assert conv.bind(stride=2) is conv.bind(stride=2)
    assert conv.bind(stride=2).bind(padding="same").keywords == {"padding": "same", "stride": 2}
    assert conv.bind(stride=2).title == "conv2d(stride=2)"


@pytest.mark.parametrize("name", ["numpy", "tensorflow"])
@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (2, 4, 4, 4)),
        ({"stride": 2}, (2, 2, 2, 4)),
        ({"padding": "same"}, (2, 5, 6, 4)),
        ({"padding": "same", "stride": 2}, (2, 3, 3, 4)),
    ],
)
def test_options_decide_the_shape(name, options, shape):
    conv = find_operation("conv2d").bind(**options)
    assert conv.output_shape([IMAGE, KERNEL, BIAS]) == shape
    assert get_backend(name).value(conv, IMAGE, KERNEL, BIAS).shape == shape


@pytest.mark.parametrize(
    ("operation", "options", "words"),
    [
        ("conv2d", {"strides": 2}, "'strides' is not known; expected one of: stride, padding"),
        ("conv2d", {"stride": 0}, "stride is 0; expected a whole number from 1"),
        ("conv2d", {"stride": True}, "stride is True"),
        ("conv2d", {"padding": "full"}, "padding is 'full'; expected one of 'valid', 'same'"),
        ("leaky-relu", {"slope": float("nan")}, "slope is nan; expected a finite number"),
        ("relu", {"slope": 0.1}, "expected one of: none"),
    ],
)
def test_impossible_options_are_refused(operation, options, words):
    with pytest.raises(ArgumentValueError) as raised:
        find_operation(operation).bind(**options)
    assert words in str(raised.value)


def test_a_kernel_larger_than_the_image_is_refused():
    with pytest.raises(ShapeError, match="the window is larger than the input"):
        get_backend("numpy").value("conv2d", IMAGE[:, :1], KERNEL, BIAS)
    with pytest.raises(ShapeError, match="c is 3 in x but 2 in w"):
        get_backend("numpy").value("conv2d", IMAGE, KERNEL[:, :, :2], BIAS)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_option_makes_a_difference(operation, numpy_backend):
    """An option that changes nothing would be tested for nothing."""
    from gradtwin.comparisons.drawing.problems import build_problem, shapes_from

    def run(variant):
        problem = build_problem(variant, np.dtype("float64"), shapes_from(operation, (5, 4, 3)), "normal", 3)
        if variant.kind == "update":
            given = [x.copy() for x in problem.inputs]
            numpy_backend.update(variant, *given)
            return given
        return [numpy_backend.value(variant, *problem.inputs)]

    default = run(operation)
    for variant in operation.variants()[1:]:
        results = run(variant)
        assert any(a.shape != b.shape or (a != b).any() for a, b in zip(default, results, strict=True)), variant.title


@pytest.mark.parametrize("extent", range(1, 12))
@pytest.mark.parametrize("window", range(1, 5))
@pytest.mark.parametrize("stride", range(1, 4))
def test_windows_are_counted_as_they_fit(extent, window, stride):
    starts = [s for s in range(0, extent, stride) if s + window <= extent]
    assert window_count(extent, window, stride) == (len(starts) if window <= extent else -1)
    before, after = same_padding(extent, window, stride, "same")
    assert 0 <= after - before <= 1
    padded = extent + before + after
    assert len([s for s in range(0, padded, stride) if s + window <= padded]) >= window_count(
        extent, window, stride, "same"
    )


@pytest.mark.parametrize("name", ["adam", "momentum"])
def test_an_optimizers_state_changes_in_place(name, numpy_backend, tensorflow_backend):
    operation = find_operation(name)
    for backend in (numpy_backend, tensorflow_backend("eager")):
        shapes = [() if core == () else (3,) for core in operation.shapes.inputs]
        inputs = [np.full(shape, 0.5 + i) for i, shape in enumerate(shapes)]
        before = [x.copy() for x in inputs]
        backend.update(name, *inputs)
        changed = tuple(i for i, (x, old) in enumerate(zip(inputs, before, strict=True)) if (x != old).any())
        assert changed == operation.changed
