"""The result of a comparison, to and from JSON: checks, causes, evidence, the report, a failing case.

May import guards.
"""
