"""How it is compared: error bounds, the comparator, drawn problems, and the reports."""

if __name__ != "gradtwin.comparisons":
    raise ImportError(f"import this package as 'gradtwin.comparisons', not as {__name__!r}")
