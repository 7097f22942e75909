"""The backends by name. A new one takes a module, a rules folder and a line here."""

from __future__ import annotations

from importlib import import_module

from gradtwin.errors import unknown_name

from .backend import Backend

#: name → (module, class, modes); modules are imported when first asked for.
BACKENDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "numpy": ("gradtwin.backends.numpy_backend", "NumpyBackend", ("eager",)),
    "tensorflow": ("gradtwin.backends.tensorflow_backend", "TensorFlowBackend", ("eager", "graph", "xla")),
}


def get_backend(name: str, mode: str = "eager") -> Backend:
    """Return a backend by name, in one of its modes.

    Raises ArgumentValueError for an unknown name or mode, BackendMissingError where its library is not installed.
    """
    if name not in BACKENDS:
        raise unknown_name("backend", name, list(BACKENDS))
    module, class_name, modes = BACKENDS[name]
    if mode not in modes:
        raise unknown_name("mode", mode, modes)
    backend: Backend = getattr(import_module(module), class_name)(mode)
    return backend
