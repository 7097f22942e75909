"""Two-layer networks in NumPy, with backpropagation written by hand."""
