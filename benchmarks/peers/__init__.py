"""Other gradient checkers on the same hand-derived gradients: their speed, and the faults that they catch.

May import backends, comparisons and the files of `benchmarks/`; each `with_*.py` alone imports its tool.
"""
