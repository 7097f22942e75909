"""The limits that gradtwin promises for its own cost, each measured in one run and reported as reached or not.

May import backends, comparisons and the other folders of `benchmarks/`.
"""
