"""What two right results may differ by: error-carrying arrays, error rules, rounding measured on the functions.

May import report and the rooms above it.
"""
