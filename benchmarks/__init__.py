"""How it is timed: both backends, in fresh processes, with their conditions recorded.

May import backends and comparisons.
"""

if __name__ != "gradtwin.benchmarks":
    raise ImportError(f"import this package as 'gradtwin.benchmarks', not as {__name__!r}")
