"""The checks as assertions, for tests: each raises GradientMismatch, an AssertionError, unless the verdict is match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradtwin.comparisons.catalogue.suite import compare
from gradtwin.comparisons.checks.gradient import check_gradient
from gradtwin.comparisons.checks.layer import check_layer
from gradtwin.comparisons.checks.update import check_update
from gradtwin.comparisons.results.data import Report

from .listeners import notify


def assert_gradient(forward: Callable[..., Any], **arguments: Any) -> None:
    """x_bar = y_bar · ∂y/∂x: raise GradientMismatch unless `check_gradient` finds a match.

    Parameters
    ----------
    forward : callable
        ``forward(*inputs)`` returns an array or a number.
    **arguments
        The other arguments of `check_gradient`.

    Raises
    ------
    GradientMismatch
        If the verdict is `mismatch` or `inconclusive`; the text is the report.
    GradTwinError
        If an argument makes no sense.

    Notes
    -----
    The allowed error is measured; see `check_gradient` for the sources.

    Examples
    --------
    >>> import numpy as np
    >>> import gradtwin as gt
    >>> gt.assert_gradient(np.square, derivative=lambda x: 2 * x, inputs=(np.array([1.0, -2.0]),))
    """
    __tracebackhide__ = True
    _assert(check_gradient(forward, **arguments))


def assert_layer(layer: Any, x: Any, **arguments: Any) -> None:
    """x_bar = y_bar · ∂y/∂x and p_bar = y_bar · ∂y/∂p: raise GradientMismatch unless `check_layer` finds a match.

    Parameters
    ----------
    layer : object or callable
        An object with forward and backward methods, its class, or a function that makes one.
    x : ndarray or tuple of ndarray
        The inputs of forward, of any shape and a floating dtype.
    **arguments
        The other arguments of `check_layer`.

    Raises
    ------
    GradientMismatch
        If the verdict is `mismatch` or `inconclusive`; the text is the report.
    GradTwinError
        If an argument makes no sense.

    Notes
    -----
    The allowed error is measured; see `check_gradient` for the sources.

    Examples
    --------
    >>> import numpy as np
    >>> import gradtwin as gt
    >>> class Double:
    ...     def forward(self, x):
    ...         return 2 * x
    ...     def backward(self, y_bar):
    ...         return 2 * y_bar
    >>> gt.assert_layer(Double(), np.array([[1.0, 2.0]]))
    """
    __tracebackhide__ = True
    _assert(check_layer(layer, x, **arguments))


def assert_update(step: Any, optimizer: Any, **arguments: Any) -> None:
    """W' = step(W, g): raise GradientMismatch unless `check_update` finds a match.

    Parameters
    ----------
    step : callable or object
        A function of the weights and their gradient, or an object with a method `update`, `step` or `apply`.
    optimizer : str or keras.optimizers.Optimizer
        An optimizer of Keras, or its name.
    **arguments
        The other arguments of `check_update`.

    Raises
    ------
    GradientMismatch
        If the verdict is `mismatch` or `inconclusive`; the text is the report.
    GradTwinError
        If an argument makes no sense.

    Notes
    -----
    Published forms of the rules match; see `check_update` for the sources.

    Examples
    --------
    >>> import gradtwin as gt
    >>> gt.assert_update(lambda w, g: w - 0.1 * g, "sgd", config={"learning_rate": 0.1})
    """
    __tracebackhide__ = True
    _assert(check_update(step, optimizer, **arguments))


def assert_match(*operations: str, **arguments: Any) -> None:
    """y = f(x) and x_bar = y_bar · ∂y/∂x of operations: raise GradientMismatch unless `compare` finds a match.

    Parameters
    ----------
    *operations : str
        Names of operations. By default all of the catalogue, and then the scenario `regression`.
    **arguments
        The other arguments of `compare`.

    Raises
    ------
    GradientMismatch
        If the verdict is `mismatch` or `inconclusive`; the text is the report.
    GradTwinError
        If an argument makes no sense.

    Notes
    -----
    The allowed error is derived; see `compare` for the sources.

    Examples
    --------
    >>> import gradtwin as gt
    >>> gt.assert_match("sse", modes=["eager"], dtypes=["float64"], examples=3)
    """
    __tracebackhide__ = True
    _assert(compare(*operations, **arguments))


def _assert(report: Report) -> None:
    __tracebackhide__ = True
    notify(report)
    report.raise_if_failed()
