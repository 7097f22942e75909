"""The one judge and the one comparator: verdicts are made here and nowhere else.

May import oracles and the rooms above it.
"""
