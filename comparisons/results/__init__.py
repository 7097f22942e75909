"""What a comparison says: checks, causes, evidence, the report, a failing case; to and from JSON.

May import guards.
"""
