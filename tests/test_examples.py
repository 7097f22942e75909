"""The example project under examples/ passes its own tests; with a fault planted in it, they fail and say which."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1] / "examples" / "tiny_networks"


@pytest.fixture
def project(tmp_path):
    return shutil.copytree(PROJECT, tmp_path / "tiny_networks", ignore=shutil.ignore_patterns("__pycache__", ".*"))


def run(project, *arguments):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_it_passes_and_every_report_is_in_one_file(project, workers):
    done = run(project, *workers, "--gradtwin-report", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout
    report = json.loads((project / "out.json").read_text())
    assert report["verdict"] == "match"
    tests = {check["name"].partition("::")[2].partition(":")[0] for check in report["checks"]}
    assert {"test_dense[5]", "test_relu", "DenseCase", "test_one_hot_targets", "test_the_value", "test_adam"} <= tests


def test_a_planted_fault_fails_the_run_and_is_named(project):
    source = project / "src" / "tiny_networks" / "layers.py"
    right, wrong = "y_bar.sum(axis=0)", "y_bar.mean(axis=0)"
    assert source.read_text().count(right) == 1
    source.write_text(source.read_text().replace(right, wrong))
    done = run(project, "--gradtwin-report", "out.html")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "test_dense[5] - " in done.stdout
    assert "(cause: mean-for-sum)" in done.stdout
    assert "mean-for-sum" in (project / "out.html").read_text()
