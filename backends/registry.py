"""The backends by name. A new one takes a module, a rules folder and a line here."""

from __future__ import annotations

from importlib import import_module

from gradtwin.errors import unknown_name

from .backend import Backend

#: name → (module, class, modes); modules are imported on first use.
BACKENDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "numpy": ("gradtwin.backends.numpy_backend", "NumpyBackend", ("eager",)),
    "tensorflow": ("gradtwin.backends.tensorflow_backend", "TensorFlowBackend", ("eager", "graph", "xla")),
}


def get_backend(name: str, mode: str = "eager") -> Backend:
    """Return a backend by name, in one of its modes.

    Parameters
    ----------
    name : str
        "numpy" or "tensorflow".
    mode : str, default "eager"
        "eager", or for TensorFlow also "graph" or "xla".

    Returns
    -------
    Backend
        The backend.

    Raises
    ------
    ArgumentValueError
        If the name or the mode is not known.
    BackendMissingError
        If the backend's library is not installed.

    Notes
    -----
    The NumPy backend's gradients are the hand-derived rules of `backends/numpy_rules/`. Those of the TensorFlow
    backend are GradientTape's, of the forwards in `backends/tensorflow_rules/`.

    Examples
    --------
    >>> import numpy as np
    >>> y, (x_bar,) = get_backend("numpy").value_and_gradients("relu", np.array([-1.0, 2.0]), y_bar=np.ones(2))
    >>> y.tolist(), x_bar.tolist()
    ([0.0, 2.0], [0.0, 1.0])
    """
    if name not in BACKENDS:
        raise unknown_name("backend", name, list(BACKENDS))
    module, class_name, modes = BACKENDS[name]
    if mode not in modes:
        raise unknown_name("mode", mode, modes)
    backend: Backend = getattr(import_module(module), class_name)(mode)
    return backend
