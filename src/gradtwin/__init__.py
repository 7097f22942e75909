"""gradtwin: checks hand-derived NumPy gradients against TensorFlow's automatic differentiation.

Public names are loaded on first use. Importing gradtwin imports neither NumPy nor TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    ArgumentTypeError,
    ArgumentValueError,
    BackendMissingError,
    GradientMismatch,
    GradTwinError,
    InputFileError,
    OutputFileError,
    ShapeError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from gradtwin.backends.model import Model
    from gradtwin.backends.network import Layer, Network
    from gradtwin.backends.registry import get_backend
    from gradtwin.comparisons.catalogue.selftest import selftest
    from gradtwin.comparisons.catalogue.suite import compare
    from gradtwin.comparisons.catalogue.training import train
    from gradtwin.comparisons.checks.accuracy import check_accuracy
    from gradtwin.comparisons.checks.gradient import check_gradient
    from gradtwin.comparisons.checks.layer import check_layer
    from gradtwin.comparisons.checks.model import check_model
    from gradtwin.comparisons.checks.network import compare_network
    from gradtwin.comparisons.checks.update import check_update
    from gradtwin.comparisons.subjects import styles

    from .assertions import assert_gradient, assert_layer, assert_match, assert_update

__version__ = "0.1.0"
__all__ = [
    "ArgumentTypeError",
    "ArgumentValueError",
    "BackendMissingError",
    "GradTwinError",
    "GradientMismatch",
    "InputFileError",
    "Layer",
    "Model",
    "Network",
    "OutputFileError",
    "ShapeError",
    "UnsupportedError",
    "assert_gradient",
    "assert_layer",
    "assert_match",
    "assert_update",
    "check_accuracy",
    "check_gradient",
    "check_layer",
    "check_model",
    "check_update",
    "compare",
    "compare_network",
    "get_backend",
    "selftest",
    "styles",
    "train",
]

_LAZY = {
    "Layer": "gradtwin.backends.network",
    "Model": "gradtwin.backends.model",
    "Network": "gradtwin.backends.network",
    "assert_gradient": "gradtwin.assertions",
    "assert_layer": "gradtwin.assertions",
    "assert_match": "gradtwin.assertions",
    "assert_update": "gradtwin.assertions",
    "check_accuracy": "gradtwin.comparisons.checks.accuracy",
    "check_gradient": "gradtwin.comparisons.checks.gradient",
    "check_layer": "gradtwin.comparisons.checks.layer",
    "check_model": "gradtwin.comparisons.checks.model",
    "check_update": "gradtwin.comparisons.checks.update",
    "compare": "gradtwin.comparisons.catalogue.suite",
    "compare_network": "gradtwin.comparisons.checks.network",
    "get_backend": "gradtwin.backends.registry",
    "selftest": "gradtwin.comparisons.catalogue.selftest",
    "styles": "gradtwin.comparisons.subjects.styles",
    "train": "gradtwin.comparisons.catalogue.training",
}


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'gradtwin' has no attribute {name!r}")
    from importlib import import_module

    module = import_module(_LAZY[name])
    value = module if _LAZY[name].endswith(f".{name}") and not hasattr(module, name) else getattr(module, name)
    globals()[name] = value
    return value
