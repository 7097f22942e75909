"""What two right results may differ by: the constants, arrays that carry their errors, error rules, measured rounding.

May import report and the rooms before it.
"""
