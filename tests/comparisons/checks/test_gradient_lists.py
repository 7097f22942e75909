"""Gradients in lists: a flat one is a gradient, nested ones need np.array, and messages say so."""

import numpy as np
import pytest

import gradtwin as gt

X = np.random.default_rng(0).normal(size=(5, 3))


def square(x):
    return x * x


def nested(x):
    return (2 * x).tolist()


@pytest.mark.parametrize("x", [X, X[:1]], ids=["rows", "one row"])
def test_a_nested_list_of_one_gradient_asks_for_an_array(x):
    with pytest.raises(gt.ArgumentTypeError, match=r"derivative: it returned a nested list; .*np\.array"):
        gt.check_gradient(square, derivative=nested, inputs=(x,))
    with pytest.raises(gt.ArgumentTypeError, match=r"grad: it returned a nested list"):
        gt.check_gradient(lambda x: np.sum(x * x), grad=nested, inputs=(x,))
    with pytest.raises(gt.ArgumentTypeError, match=r"vjp: it returned a nested list"):
        gt.check_gradient(square, vjp=lambda y_bar, x: (2 * x * y_bar).tolist(), inputs=(x,))
    assert gt.check_gradient(square, derivative=lambda x: np.array(nested(x)), inputs=(x,)).ok


def test_lists_that_are_clear_are_gradients():
    assert gt.check_gradient(square, derivative=nested, inputs=(X[0],)).ok, "a list of numbers"
    assert gt.check_gradient(np.multiply, vjp=lambda y_bar, a, b: [y_bar * b, y_bar * a], inputs=(X, X + 1)).ok
    rows = gt.check_gradient(np.multiply, vjp=lambda y_bar, a, b: [(y_bar * b).tolist(), y_bar * a], inputs=(X, X + 1))
    assert rows.ok, str(rows)


def test_a_nested_list_for_several_inputs_is_counted_and_explained():
    report = gt.check_gradient(np.multiply, vjp=lambda y_bar, a, b: (y_bar * b).tolist(), inputs=(X, X + 1))
    assert report.verdict == "mismatch"
    text = report.checks[0].causes[0].text
    assert "the number of gradients is 5; expected 2" in text
    assert "If they are the rows of one, wrap it in np.array." in text


def test_one_gradient_is_one():
    with pytest.raises(gt.ArgumentValueError, match="wrt: got 1 gradient for 2 floating inputs"):
        gt.check_gradient(np.multiply, vjp=lambda y_bar, a, b: y_bar * b, inputs=(X, X + 1))


def test_an_exception_without_a_message_is_named_alone():
    def unfinished(x):
        raise NotImplementedError

    report = gt.check_gradient(square, derivative=unfinished, inputs=(X,))
    assert "derivative raised NotImplementedError (in unfinished, " in report.checks[0].causes[0].text
