"""Where gradtwin's own code lies. Imports nothing of gradtwin."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def _find(package: str) -> Path:
    spec = find_spec(package)
    assert spec
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]).resolve()


#: The folder of each top package, by its import name.
FOLDERS = {
    name: _find(name) for name in ("gradtwin", "gradtwin.backends", "gradtwin.comparisons", "gradtwin.benchmarks")
}
