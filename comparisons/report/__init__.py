"""The report's data, and its renderings, which decide nothing."""
