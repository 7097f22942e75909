"""The operations of the catalogue, compared: the suite, planted faults, training in lock step.

May import checks and the rooms before it.
"""
