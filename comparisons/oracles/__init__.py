"""Where the right gradient comes from: the trace, a reference, complex steps, differences.

May import subjects and the rooms before it.
"""
