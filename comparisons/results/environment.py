"""Where a report was made: versions, processor and threads."""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("gradtwin", "numpy", "tensorflow", "keras", "hypothesis")


def describe_environment() -> dict[str, Any]:
    """Return versions, processor, BLAS and threads, importing nothing but NumPy."""
    return dict(_read_environment())


@lru_cache(maxsize=1)
def _read_environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
        "platform": platform.platform(),
        "cpu": _processor(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "blas": _blas(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _blas() -> str:
    import numpy as np  # noqa: F401  (its BLAS must be loaded to be seen)
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    found = [f"{p['internal_api']} {p['version']}, {p['num_threads']} threads" for p in pools]
    return "; ".join(sorted(found)) or "unknown"  # they are found in no fixed order
