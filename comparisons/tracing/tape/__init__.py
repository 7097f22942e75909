"""The engine of GradientTape: tensors beside NumPy's values, and TensorFlow's form of each NumPy function.

May import the rest of tracing, and the rooms before it.
"""
