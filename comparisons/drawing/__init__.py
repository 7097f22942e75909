"""The inputs that are compared at: problems, domains, memory layouts, points.

May import precision and the rooms before it.
"""
