"""What is compared: the operations, and each backend's rules for them."""

if __name__ != "gradtwin.backends":
    raise ImportError(f"import this package as 'gradtwin.backends', not as {__name__!r}")

from .registry import BACKENDS, get_backend

__all__ = ["BACKENDS", "get_backend"]
