"""The judge and the comparator: verdicts are made here.

May import oracles and the rooms before it.
"""
