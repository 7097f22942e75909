"""The comparison suite, planted faults and lock-step training on the operations of the catalogue.

May import checks and the rooms above it.
"""
