"""Where the right gradient comes from: the trace, a reference, complex step and differences.

May import subjects and the rooms above it.
"""
