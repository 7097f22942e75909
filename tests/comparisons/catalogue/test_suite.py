"""compare, train and selftest from Python: what they find, and what they refuse."""

import json

import numpy as np
import pytest
from json_report import read_report

import gradtwin as gt
from gradtwin.comparisons.catalogue.faults import all_faults
from gradtwin.comparisons.results.json_text import to_json


def half_mse_without_the_mean(p, t):
    r = p - t
    return (r * r).sum() / (2 * r.size), (lambda l_bar: l_bar * r, lambda l_bar: -l_bar * r)


def test_a_faulty_rule_is_found_and_shrunk():
    report = gt.compare("half-mse", rules={"half-mse": half_mse_without_the_mean}, dtypes=["float64"], modes=["eager"])
    assert report.verdict == "mismatch"
    failed = [check for check in report.checks if check.verdict == "mismatch"]
    assert {check.stage for check in failed} == {"gradient"}
    assert failed[0].size <= 4, "the example was not shrunk"
    assert "the smallest found" in str(report)
    with pytest.raises(gt.GradientMismatch, match="MISMATCH") as raised:
        report.raise_if_failed()
    assert isinstance(raised.value, AssertionError)
    assert isinstance(raised.value, gt.GradTwinError)


def test_a_run_can_be_replayed():
    def run(seed):
        report = gt.compare("dense", dtypes=["float32"], modes=["eager"], examples=20, seed=seed).to_dict()
        return json.dumps(report["checks"])

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_the_report_has_the_keys_of_its_schema():
    report = gt.compare("matmul", dtypes=["float64"], modes=["eager"], examples=5)
    data = read_report(to_json(report))
    assert data["schema"] == "gradtwin.report/1"
    assert (data["command"], data["verdict"]) == ("compare", "match")
    assert {"checks", "seed", "environment", "reproduce"} <= set(data)
    keys = {"name", "operation", "stage", "dtype", "mode", "verdict", "size", "mismatched", "inconclusive"}
    for check in data["checks"]:
        assert set(check) == keys | {"worst", "causes", "examples", "evidence", "formula", "accuracy"}
    worst = next(check["worst"] for check in data["checks"] if check["worst"])
    assert set(worst) == {"index", "left", "right", "reference", "error", "allowed"}
    assert "<table" in report._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dtypes": ["float128"]}, "dtype: 'float128'"),
        ({"modes": ["lazy"]}, "mode: 'lazy'"),
        ({"profile": "endless"}, "profile: 'endless'"),
        ({"examples": 0}, "examples: got 0"),
        ({"rules": {"convolve": None}}, "operation: 'convolve'"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(gt.ArgumentValueError) as raised:
        gt.compare("matmul", **arguments)
    assert words in str(raised.value)


def test_every_planted_fault_is_caught_and_no_correct_rule_accused():
    report = gt.selftest()
    faults = report.extra["faults"]
    assert [fault for fault in faults if fault["caught_by"] is None] == []
    assert len(faults) == sum(len(fault.dtypes) for fault in all_faults())
    assert len({(fault["operation"], fault["fault"]) for fault in faults}) >= 25
    correct = [check for check in report.checks if check.name == "correct rule"]
    assert correct
    assert all(check.verdict == "match" for check in correct)
    assert report.ok
    read_report(to_json(report))


def test_the_selftest_reports_an_escape(monkeypatch):
    """Its negative control: a fault that is none must be reported as having escaped."""
    from gradtwin.comparisons.catalogue import selftest as module
    from gradtwin.comparisons.catalogue.faults import Fault

    monkeypatch.setattr(module, "all_faults", lambda: iter([Fault("none at all", "sse", lambda rule: rule)]))
    report = gt.selftest()
    assert report.verdict == "mismatch"
    assert "ESCAPED" in str(report)


def test_regression_is_the_published_system():
    report = gt.train("regression", steps=12)
    assert report.ok, str(report)
    extra = report.extra
    rng = np.random.RandomState(123456)
    x, true = rng.uniform(-5, 5, (10, 5)), rng.uniform(-5, 5, (5, 3))
    rng.uniform(-5, 5, (5, 5))
    w = rng.uniform(-3, 3, (5, 3))
    for step in range(12):
        r = x @ w - x @ true
        for side in ("numpy", "tensorflow"):
            printed, expected = (f"{loss:.10g}" for loss in (extra["loss"][side][step], (r * r).sum() / (2 * r.size)))
            assert printed == expected
        w -= 0.01 * (x.T @ (r / r.size))
    assert extra["steps"] == len(extra["drift"]) == len(extra["test_loss"]["numpy"]) == 12
    assert np.shape(extra["weights"]["tensorflow"]["w"]) == (5, 3)
    read_report(to_json(report))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["half-mse", "rmse", "mse", "sse"])
def test_lock_step_matches_with_every_loss(loss, dtype):
    report = gt.train("regression", steps=15, loss=loss, dtype=dtype, learning_rate=1e-4)
    assert report.ok, str(report)
    assert {check.stage for check in report.checks} == {
        "contract",
        "value",
        "gradient",
        "update",
        "side-effect",
    }
    assert all(check.examples == 15 for check in report.checks)


def test_lock_step_names_the_first_step_that_differs(monkeypatch):
    """Its negative control: an update that goes wrong at small weights only."""
    from gradtwin.backends.numpy_backend import NumpyBackend
    from gradtwin.comparisons.catalogue import training

    calls = []

    def sometimes(w, dw, learning_rate):
        calls.append(1)
        w -= learning_rate * dw
        if len(calls) > 6:  # two calls a step: the free run's and the comparison's
            w[0, 0] += 1e-3

    faulty = NumpyBackend(rules={"sgd": sometimes})
    monkeypatch.setattr(training, "get_backend", lambda name, *mode: gt.get_backend(name, *mode) if mode else faulty)
    report = gt.train("regression", steps=6)
    assert report.verdict == "mismatch"
    failed = next(check for check in report.checks if check.verdict == "mismatch")
    assert failed.stage == "update"
    assert failed.worst.index == (0, 0)
    assert any("first at step 3" in cause.text for cause in failed.causes)


def test_a_run_that_overflows_stops_and_says_so():
    report = gt.train("regression", learning_rate=1e150, steps=50)
    assert report.verdict == "inconclusive"
    assert report.extra["steps"] < 50
    assert "training stopped" in str(report)


def good_data():
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((8, 3)), rng.standard_normal((3, 2))
    return {"x_train": x, "y_train": x @ w, "x_test": x[:2], "y_test": x[:2] @ w}


def test_own_data_and_start_weights():
    data = {**good_data(), "w": np.zeros((3, 2))}
    report = gt.train("regression", data=data, steps=3)
    assert report.ok
    assert report.extra["loss"]["numpy"][0] == pytest_half_mse(data["y_train"])


def pytest_half_mse(target):
    flat = target.reshape(-1)
    return float(flat @ flat / (2 * flat.size))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"w": np.full((3, 2), np.nan)}, "w has 6 NaN or infinite elements"),
        ({"x_train": np.ones((8, 3), int)}, "x_train has dtype int64"),
        ({"x_train": np.ones((8, 3), complex)}, "x_train has dtype complex128"),
        ({"x_train": np.ones((7, 3))}, "x_train has shape (7, 3) and y_train (8, 2)"),
        ({"x_train": np.ones((0, 3)), "y_train": np.ones((0, 2))}, "at least one"),
        ({"x_test": np.ones(2)}, "x_test has shape (2,); expected two axes"),
        ({"w": np.zeros((4, 2))}, "start weights w have shape (4, 2); expected (3, 2)"),
    ],
)
def test_bad_data_are_named(change, words):
    with pytest.raises(gt.GradTwinError) as raised:
        gt.train("regression", data={**good_data(), **change}, steps=3)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scenario": "regresion"}, "Did you mean 'regression'"),
        ({"steps": 0}, "steps: got 0"),
        ({"learning_rate": float("nan")}, "learning_rate: got nan"),
        ({"learning_rate": -1.0}, "learning_rate: got -1.0"),
        ({"loss": "matmul"}, "'matmul' is not a loss"),
        ({"data": {}}, "no array 'x_train'"),
    ],
)
def test_bad_settings_are_named(arguments, words):
    with pytest.raises(gt.GradTwinError) as raised:
        gt.train(**{"scenario": "regression", **arguments})
    assert words in str(raised.value)
