"""check_gradient: bad arguments, what no style can adapt, and inputs without a gradient."""

import numpy as np
import pytest

import gradtwin as gt

from .example_functions import B, W, X, affine, affine_backward, affine_forward, affine_vjp, causes, relu


def relu_vjp(y_bar, x):
    return y_bar * (x > 0)


def test_numbers_of_gradients():
    with pytest.raises(gt.ArgumentValueError, match=r"wrt: got 2 gradients for 3 floating inputs: 0 \(x\), 1"):
        gt.check_gradient(affine, vjp=lambda *a: affine_vjp(*a)[:2], inputs=(X, W, B))
    report = gt.check_gradient(affine, vjp=lambda *a: affine_vjp(*a)[:2], inputs=(X, W, B), wrt=(0, 1, 2))
    assert (report.verdict, report.checks[0].stage) == ("mismatch", "contract")
    report = gt.check_gradient(affine, vjp=lambda *a: (*affine_vjp(*a)[:2], None), inputs=(X, W, B), wrt=(0, 1, 2))
    assert report.verdict == "mismatch"
    labels = np.array([0, 2, 1, 1, 0])

    def picked(x, y):
        return x[np.arange(5), y].sum()

    def picked_grad(x, y):
        g = np.zeros_like(x)
        g[np.arange(5), y] = 1
        return g

    assert gt.check_gradient(picked, grad=picked_grad, inputs=(X, labels)).ok
    assert gt.check_gradient(picked, grad=lambda x, y: (picked_grad(x, y), None), inputs=(X, labels)).ok


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"inputs": (X,)}, "got none; expected exactly one"),
        ({"vjp": relu, "grad": relu, "inputs": (X,)}, "got vjp, grad"),
        ({"vjp": relu}, "inputs, signature"),
        ({"vjp": relu, "inputs": (X,), "signature": "(n)->(n)"}, "inputs, signature"),
        ({"vjp": 3, "inputs": (X,)}, "vjp: got int"),
        ({"vjp": relu, "inputs": X}, "inputs: got ndarray"),
        ({"vjp": relu, "inputs": (X.astype(complex),)}, "complex"),
        ({"vjp": relu, "inputs": (X.astype(int),)}, "int64"),
        ({"vjp": relu, "inputs": (X.astype(object),)}, "object array"),
        (
            {"vjp": lambda y_bar, x: y_bar, "inputs": (X,), "wrt": (1,)},
            "wrt: got 1; expected positions",
        ),
        ({"vjp": relu, "signature": "(n),(n)->(n)"}, "there are 2 inputs, and forward can't be called with 2"),
        ({"vjp": relu, "signature": "(n->(n)"}, "malformed"),
        ({"vjp": relu, "signature": "(n)->(n)", "dtype": "float128"}, "dtype: 'float128'"),
        ({"vjp": relu, "signature": "(n)->(n)", "examples": 0}, "examples: got 0"),
        ({"vjp": relu, "signature": "(n)->(n)", "domain": (2, 1)}, "domain: got (2.0, 1.0)"),
        ({"vjp": relu, "inputs": (X,), "seed": -1}, "seed: got -1"),
        ({"vjp": relu, "inputs": (X,), "timeout": 0}, "timeout: got 0"),
        ({"vjp": relu, "inputs": (X,), "timeout": "3"}, "timeout: got '3'"),
        ({"vjp": relu, "inputs": (X,), "static": [1]}, "static: got list"),
        ({"vjp": relu, "inputs": (X, X)}, "there are 2 inputs"),
        ({"vjp": relu_vjp, "signature": "(n)->()"}, "it expects (); forward returned (17,)"),
        ({"grad": relu, "inputs": (X,)}, "with grad expected one number"),
        ({"backward": relu, "inputs": (X,)}, "expected a tuple (y, cache)"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(gt.GradTwinError) as raised:
        gt.check_gradient(relu, **arguments)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ((X, X), "a tuple of 2"),
        (None, "returned None"),
        ([1.0, 2.0], "returned a list"),
        (X.astype(object), "an object array"),
        (X.astype(complex), "dtype complex128"),
        ("text", "a str"),
    ],
)
def test_forwards_that_return_something_else(result, words):
    with pytest.raises(gt.ArgumentTypeError) as raised:
        gt.check_gradient(lambda x: result, vjp=lambda y_bar, x: y_bar, inputs=(X,))
    assert words in str(raised.value)


def test_assert_gradient():
    gt.assert_gradient(affine, vjp=affine_vjp, inputs=(X, W, B))
    with pytest.raises(gt.GradientMismatch, match="MISMATCH"):
        gt.assert_gradient(affine, vjp=lambda *a: tuple(-g for g in affine_vjp(*a)), inputs=(X, W, B))


def test_static_arguments():
    def leaky(x, *, slope):
        return np.where(x > 0, x, slope * x)

    def leaky_vjp(y_bar, x, *, slope):
        return y_bar * np.where(x > 0, 1, slope)

    assert gt.check_gradient(leaky, vjp=leaky_vjp, inputs=(X,), static={"slope": 0.1}).ok


def test_rarer_styles():
    s = gt.styles
    assert gt.check_gradient(
        affine, vjp=s.upstream_last(lambda x, w, b, d: affine_vjp(d, x, w, b)), inputs=(X, W, B)
    ).ok

    def accumulate(y_bar, x, w, x_bar, w_bar):
        x_bar += y_bar @ w.T
        w_bar += x.T @ y_bar

    assert gt.check_gradient(np.matmul, vjp=s.accumulating(accumulate, 2), inputs=(X, W)).ok
    assert gt.check_gradient(np.tanh, vjp=s.of_output(lambda a: 1 - a * a, np.tanh), inputs=(X,)).ok
    named = s.by_name(lambda *a: dict(zip(("dx", "dw", "db"), affine_vjp(*a), strict=True)), ["dx", "dw", "db"])
    assert gt.check_gradient(affine, vjp=named, inputs=(X, W, B)).ok
    parts = s.one_by_one(lambda d, x, w: d @ w.T, lambda d, x, w: x.T @ d)
    assert gt.check_gradient(np.matmul, vjp=parts, inputs=(X, W)).ok
    forward = s.cache_at(lambda x, w, b: ((x, w, b), x @ w + b), output=1)
    assert gt.check_gradient(forward, backward=affine_backward, inputs=(X, W, B)).ok
    assert gt.check_gradient(
        affine_forward, backward=s.cache_first(lambda cache, d: affine_vjp(d, *cache)), inputs=(X, W, B)
    ).ok
    report = gt.check_gradient(np.matmul, vjp=s.by_name(lambda *a: {"dx": 1}, ["dv"]), inputs=(X, W))
    assert "'dv' is not among the gradient's keys" in report.checks[0].causes[0].text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: s.accumulating(np.add, 0), "count: got 0"),
        (lambda s: s.accumulating(np.add, "two"), "count: got 'two'"),
        (lambda s: s.by_name(np.add, "dx"), r"names: got 'dx'; expected a list of the dict's keys"),
        (lambda s: s.upstream_last(None), "styles: got NoneType to adapt; expected a function"),
        (lambda s: s.one_by_one(np.add, 3), "styles: got int to adapt"),
    ],
)
def test_what_no_style_can_adapt_is_refused(make, message):
    with pytest.raises(gt.GradTwinError, match=message):
        make(gt.styles)


@pytest.mark.parametrize(
    ("vjp", "text"),
    [
        (
            gt.styles.accumulating(lambda *a: None, 3),
            "count: got 3, and forward takes 2 inputs; expected at most one array for each.",
        ),
        (
            gt.styles.by_name(lambda d, x, w: x, ["dx", "dw"]),
            "gradient: it returned ndarray; expected a dict of arrays by name.",
        ),
    ],
)
def test_what_a_style_finds_wrong_when_it_is_called_is_the_cause(vjp, text):
    report = gt.check_gradient(np.matmul, vjp=vjp, inputs=(X, W))
    assert report.verdict == "mismatch"
    assert [cause.text for cause in report.checks[0].causes] == [text]


def test_masked_arrays_are_refused():
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    with pytest.raises(gt.GradTwinError, match=r"input 0 is a masked array.*\.filled"):
        gt.check_gradient(np.square, derivative=lambda x: 2 * x, inputs=(masked,))
    assert gt.check_gradient(np.square, derivative=lambda x: 2 * x, inputs=(masked.filled(3.0),)).ok


def test_none_stands_for_an_input_that_wrt_leaves_out():
    def part(i, factor=1):
        return lambda *a: factor * affine_vjp(*a)[i]

    def verdict(*parts, wrt=None):
        return gt.check_gradient(affine, vjp=gt.styles.one_by_one(*parts), inputs=(X, W, B), wrt=wrt).verdict

    assert verdict(part(0), None, None) == "match"
    assert verdict(part(0), None, None, wrt=0) == "match"
    assert verdict(part(0), None, part(2), wrt=(2, 0)) == "match"
    assert verdict(part(0, 2), None, None, wrt=0) == "mismatch"
    assert verdict(part(2), None, part(0), wrt=(2, 0)) == "mismatch", "one for each input comes in their order"
    assert verdict(None, part(1), None, wrt=0) == "mismatch"
    assert verdict(part(0), part(1), None, wrt=0) == "mismatch", "more than wrt says"
    assert verdict(part(0), part(1), part(2), wrt=(2, 1, 0)) == "mismatch", "as many as wrt says come in its order"


def test_a_gradient_that_makes_no_array_is_a_contract_mismatch():
    report = gt.check_gradient(relu, vjp=lambda y_bar, x: [[1.0, 2.0], [3.0]], inputs=(X,))
    assert report.verdict == "mismatch"
    assert causes(report) == ["shape"]


def test_one_input_named_twice_and_examples_that_are_no_number():
    with pytest.raises(gt.ArgumentValueError, match=r"wrt: got .* each input once"):
        gt.check_gradient(affine, vjp=affine_vjp, inputs=(X, W, B), wrt=(0, 1, -2))
    with pytest.raises(gt.ArgumentValueError, match="examples: got 'a'"):
        gt.check_gradient(relu, vjp=relu_vjp, signature="(n)->(n)", examples="a")
