"""gradtwin: cross-validates hand-derived NumPy gradients against TensorFlow.

Public names are loaded on first use, so that importing gradtwin imports neither NumPy nor TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradtwin.errors import (
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
    from gradtwin.comparisons import styles
    from gradtwin.comparisons.asserting import assert_gradient, assert_layer, assert_match, assert_update
    from gradtwin.comparisons.check import check_gradient
    from gradtwin.comparisons.layer_check import check_layer
    from gradtwin.comparisons.model_check import check_model
    from gradtwin.comparisons.network_check import compare_network
    from gradtwin.comparisons.selftest import selftest
    from gradtwin.comparisons.suite import compare
    from gradtwin.comparisons.training import train
    from gradtwin.comparisons.update_check import check_update

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
    "assert_gradient": "gradtwin.comparisons.asserting",
    "assert_layer": "gradtwin.comparisons.asserting",
    "assert_match": "gradtwin.comparisons.asserting",
    "assert_update": "gradtwin.comparisons.asserting",
    "check_gradient": "gradtwin.comparisons.check",
    "check_layer": "gradtwin.comparisons.layer_check",
    "check_model": "gradtwin.comparisons.model_check",
    "check_update": "gradtwin.comparisons.update_check",
    "compare": "gradtwin.comparisons.suite",
    "compare_network": "gradtwin.comparisons.network_check",
    "get_backend": "gradtwin.backends.registry",
    "selftest": "gradtwin.comparisons.selftest",
    "styles": "gradtwin.comparisons.styles",
    "train": "gradtwin.comparisons.training",
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
