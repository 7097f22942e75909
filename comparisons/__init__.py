"""How it is compared: each room holds one thing, and imports from the rooms before it (see docs/layout.md).

This file, above the rooms, gives the reports of `results/` their renderings of `report/`. May import backends, and
the leaf modules of `gradtwin`.
"""

if __name__ != "gradtwin.comparisons":
    raise ImportError(f"import this package as 'gradtwin.comparisons', not as {__name__!r}")

from gradtwin.comparisons.results.rendering import Renderings, install


def _load() -> Renderings:
    from gradtwin.comparisons.report import renderings

    return renderings


install(_load)
