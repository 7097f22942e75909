"""Only an asked question is judged: what functions do with a layout or a format that nobody gave them is a note."""

import numpy as np
import pytest

import gradtwin as gt

X = np.random.default_rng(3).normal(size=(4, 3))


def refuse(kind, x):
    """Raise as compiled code does that takes one kind of array."""
    if kind == "contiguous" and not x.flags.c_contiguous:
        raise ValueError("ndarray is not C-contiguous")
    if kind == "writable" and not x.flags.writeable:
        raise ValueError("buffer source array is read-only")
    if kind in ("float32", "float64") and x.dtype != kind:
        raise ValueError(f"Buffer dtype mismatch, expected {kind} but got {x.dtype}")


def make(kind, wrong, is_compiled):
    dtype = np.float32 if kind == "float32" else np.float64

    def forward(x):
        refuse(kind, x)
        return np.sum(np.tanh(np.frombuffer(x.tobytes(), x.dtype) if is_compiled else x))

    def gradient(x):
        refuse(kind, x)
        return ((2 if wrong else 1) * (1 - np.tanh(x) ** 2)).astype(x.dtype)

    return forward, gradient, X.astype(dtype)


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("kind", ["contiguous", "writable", "float32", "float64"])
def test_functions_that_take_one_kind_of_array_are_judged_by_it(kind, is_compiled):
    forward, gradient, x = make(kind, False, is_compiled)
    report = gt.check_gradient(forward, grad=gradient, inputs=(x,))
    assert report.verdict == "match"
    assert report.extra["oracle"] == ("finite-differences" if is_compiled else "traced")
    refused = {"contiguous": "with strided inputs, forward raised", "writable": "with read-only inputs, forward raised"}
    assert any(refused.get(kind, "") in note for note in report.extra["notes"]) or kind not in refused

    forward, doubled, x = make(kind, True, is_compiled)
    report = gt.check_gradient(forward, grad=doubled, inputs=(x,))
    assert [cause.cause for check in report.checks for cause in check.causes] == ["factor"]


def plain_alone(kind, x):
    """Raise as compiled code does for an array that doesn't lie in memory as it needs."""
    is_so = {"strided": x.flags.c_contiguous, "read-only": x.flags.writeable, "byte-swapped": x.dtype.isnative}
    if not is_so[kind]:
        raise ValueError("buffer source array is not fit")


@pytest.mark.parametrize("side", ["forward", "derivative"])
@pytest.mark.parametrize("kind", ["strided", "read-only", "byte-swapped"])
def test_drawn_points_in_a_layout_that_a_function_refuses_are_judged_in_the_plain_one(kind, side):
    def forward(x):
        if side == "forward":
            plain_alone(kind, x)
        return np.tanh(x)

    def derivative(x, slope=1):
        if side == "derivative":
            plain_alone(kind, x)
        return slope * (1 - np.tanh(x) ** 2)

    report = gt.check_gradient(forward, derivative=derivative, signature="(n,k)->(n,k)")
    assert report.verdict == "match"
    assert any(f"{kind} inputs, {side} raised ValueError" in note for note in report.extra["notes"])

    report = gt.check_gradient(forward, derivative=lambda x: derivative(x, 3), signature="(n,k)->(n,k)")
    assert report.verdict == "mismatch"
    assert {cause.cause for check in report.checks for cause in check.causes} == {"factor"}


def test_a_function_that_raises_at_values_raises_in_every_layout():
    def derivative(x):
        if np.any(x < -1):
            raise ValueError("below -1")
        return 1 - np.tanh(x) ** 2

    def late(x):
        late.runs += 1
        return derivative(x) if late.runs > 20 else 1 - np.tanh(x) ** 2

    late.runs = 0
    for function in (derivative, late):
        report = gt.check_gradient(np.tanh, derivative=function, signature="(n,k)->(n,k)")
        assert report.verdict == "mismatch"
        assert {cause.cause for check in report.checks for cause in check.causes} == {"raises"}


def test_a_gradient_that_depends_on_the_layout_is_a_mismatch():
    def by_memory(x):
        slope = 1 - np.tanh(x) ** 2
        return slope if x.flags.c_contiguous else slope.T.reshape(x.shape)

    report = gt.check_gradient(np.tanh, derivative=by_memory, inputs=(X,))
    (cause,) = [cause for check in report.checks for cause in check.causes]
    assert (report.verdict, cause.cause) == ("mismatch", "nondeterministic")
    assert "changes if equal inputs are strided or read-only" in cause.text


def test_a_limit_of_time_counts_the_users_functions_alone():
    def loop(x):
        total = 0.0
        for i in range(1000):
            total = total + np.tanh(x[i % 5])
        return total

    def gradient(x):
        return 200 * (1 - np.tanh(x) ** 2)

    assert gt.check_gradient(loop, grad=gradient, inputs=(X[0].repeat(2)[:5],), timeout=1).ok
    report = gt.check_gradient(loop, grad=lambda x: gradient(x) * x**2, inputs=(X.ravel()[:5],), timeout=1)
    assert report.verdict == "mismatch"
    assert not any(cause.cause == "timeout" for check in report.checks for cause in check.causes)
