"""The one place of this package that imports TensorFlow."""

from __future__ import annotations

from typing import Any

from gradtwin.backends.quiet_import import import_tensorflow

tf: Any = import_tensorflow()

#: The NumPy dtypes that a tape can differentiate, in native byte order.
DIFFERENTIABLE = frozenset({"float16", "float32", "float64"})
