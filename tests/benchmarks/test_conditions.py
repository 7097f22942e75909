"""What is recorded of the machine, on either version of the control groups."""

import os

import pytest

from gradtwin.benchmarks import conditions
from gradtwin.benchmarks.conditions import describe_conditions, read_cgroup_quota, usable_cpus

FILES = {
    "version 2": (
        {"/proc/self/cgroup": ["0::/jobs/a"], "/sys/fs/cgroup/jobs/a/cpu.max": ["150000 100000"]},
        1.5,
    ),
    "version 2, mounted as root": (
        {"/proc/self/cgroup": ["0::/"], "/sys/fs/cgroup/cpu.max": ["max 100000"]},
        None,
    ),
    "version 1": (
        {
            "/proc/self/cgroup": ["5:cpuset:/", "4:cpu,cpuacct:/jobs/a", "0::/"],
            "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": ["50000"],
            "/sys/fs/cgroup/cpu/cpu.cfs_period_us": ["100000"],
        },
        0.5,
    ),
    "version 1, no limit": (
        {
            "/proc/self/cgroup": ["4:cpu:/"],
            "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": ["-1"],
            "/sys/fs/cgroup/cpu/cpu.cfs_period_us": ["100000"],
        },
        None,
    ),
    "no control groups": ({}, None),
}


@pytest.mark.parametrize("version", FILES)
def test_the_quota_is_read(version, monkeypatch):
    files, quota = FILES[version]
    monkeypatch.setattr(conditions, "_read_lines", lambda file: files.get(file.as_posix(), []))
    assert read_cgroup_quota() == quota


def test_the_conditions_are_complete():
    found = describe_conditions()
    assert {
        "numpy",
        "tensorflow",
        "blas",
        "cpu",
        "cpu_flags",
        "affinity",
        "cgroup_quota",
        "load",
        "onednn",
    } <= set(found)
    assert 1 <= len(usable_cpus()) <= (os.cpu_count() or 1)
