"""What is compared: the catalogue of operations, the backends, models and networks made of the operations.

May import no other folder but the leaf modules of `src/gradtwin/`.
"""

if __name__ != "gradtwin.backends":
    raise ImportError(f"import this package as 'gradtwin.backends', not as {__name__!r}")

from .registry import BACKENDS, get_backend

__all__ = ["BACKENDS", "get_backend"]
