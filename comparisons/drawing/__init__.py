"""What is compared at: problems, domains, memory layouts, points.

May import precision and the rooms above it.
"""
