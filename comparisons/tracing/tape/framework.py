"""The one place of this package that imports TensorFlow."""

from __future__ import annotations

from typing import Any

from gradtwin.backends.quiet_import import import_tensorflow

tf: Any = import_tensorflow()
