"""Imports TensorFlow without its start-up chatter, which C++ writes to the error stream past any Python setting."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

from gradtwin.errors import BackendMissingError


def import_tensorflow() -> Any:
    """Return the module tensorflow, or raise BackendMissingError; its output is shown only if it fails."""
    if "tensorflow" in sys.modules and sys.modules["tensorflow"] is not None:
        return sys.modules["tensorflow"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # On some processors oneDNN's kernels of TensorFlow 2.21 give empty convolutions another shape, pass over NaN in a
    # softmax, and end the process at an empty product.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import tensorflow
        except ImportError as error:
            chatter.seek(0)
            os.write(kept, chatter.read())
            raise BackendMissingError(
                f"backend: 'tensorflow' can't be imported ({error}). Install it with: pip install tensorflow"
            ) from error
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    return tensorflow
