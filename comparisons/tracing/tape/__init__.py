"""The engine of GradientTape: tensors beside NumPy's values, and TensorFlow's form of each NumPy function.

May import the rest of tracing, and the rooms before it.
"""

from . import framework  # noqa: F401  (the first import of TensorFlow: quiet, and without oneDNN)
