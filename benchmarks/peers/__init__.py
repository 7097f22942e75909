"""Other gradient checkers on the same hand-derived gradients: how fast each is, and what it catches.

May import backends, comparisons and the files of `benchmarks/`; each `with_*.py` alone imports its tool.
"""
