"""The machine and the settings under which something was timed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gradtwin.comparisons.results.environment import describe_environment

#: Settings that change by how many threads something is computed, by which kernels and in what memory.
VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "GLIBC_TUNABLES",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
)


def describe_conditions() -> dict[str, Any]:
    """Return the environment, and what of the machine this process may use: processors, quota, load."""
    return {
        **describe_environment(),
        "cpu_flags": _read_cpu_flags(),
        "affinity": usable_cpus(),
        "cgroup_quota": read_cgroup_quota(),
        "load": read_load(),
        "variables": {name: os.environ.get(name) for name in VARIABLES},
    }


def usable_cpus() -> list[int]:
    """Return the processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def read_load() -> list[float] | None:
    """Return the load averages over 1, 5 and 15 minutes, None where the system has none."""
    return list(os.getloadavg()) if hasattr(os, "getloadavg") else None


def read_cgroup_quota() -> float | None:
    """Return how many processors' worth of time the control group allows, None where it sets no limit.

    Version 2 has one hierarchy, listed without controllers, version 1 one for the controller `cpu`; inside a
    container the group's own folder is often mounted as the root.
    """
    for line in _read_lines(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        for folder in (path.lstrip("/"), ""):
            if controllers == "":
                words = _read_lines(Path("/sys/fs/cgroup", folder, "cpu.max"))
            elif "cpu" in controllers.split(","):
                group = Path("/sys/fs/cgroup/cpu", folder)
                words = _read_lines(group / "cpu.cfs_quota_us") + _read_lines(group / "cpu.cfs_period_us")
            else:
                break
            quota, period = (*" ".join(words).split(), "max", "max")[:2]
            if quota not in ("max", "-1"):
                return int(quota) / int(period)
    return None


def _read_cpu_flags() -> list[str]:
    for line in _read_lines(Path("/proc/cpuinfo")):
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return value.split()
    return []


def _read_lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
