"""`accuracy=`: a right formula that loses many digits is a note, or a mismatch."""

import numpy as np
import pytest
from json_report import read_report
from user_files import check

import gradtwin as gt
from gradtwin.comparisons.results.json_text import to_json


def below(x):
    return np.sum(x - np.sin(x))


def below_grad(x):
    return 1 - np.cos(x)


def below_grad_stable(x):
    return 2 * np.sin(x / 2) ** 2


class Below:
    def forward(self, x):
        self.x = x
        return x - np.sin(x)

    def backward(self, y_bar):
        return y_bar * (1 - np.cos(self.x))


class Net:
    def __init__(self, w):
        self.w = np.array([w, 0.5])

    def forward(self, x):
        return x @ (self.w - np.sin(self.w))

    def loss(self, y, target):
        return np.sum(y * target)

    def backprop(self, x, target):
        self.dw = (x.T @ target) * (1 - np.cos(self.w))


SMALL, ORDINARY = np.array([1e-6, 0.5]), np.array([0.7, 0.5])


def test_the_note_names_the_operation():
    report = gt.check_gradient(below, grad=below_grad, inputs=(SMALL,))
    [note] = [note for note in report.extra["notes"] if note.startswith("unstable")]
    line = below_grad.__code__.co_firstlineno + 1
    assert report.verdict == "match"
    assert note.endswith(f"`1 - np.cos(x)` cancels 12 digits in below_grad ({__file__}:{line})")


def test_strict_makes_it_a_mismatch():
    report = gt.check_gradient(below, grad=below_grad, inputs=(SMALL,), accuracy="strict")
    [check] = [check for check in report.checks if check.verdict == "mismatch"]
    assert (check.stage, check.causes[0].cause, check.causes[0].confirmed) == ("gradient", "unstable", True)
    assert check.causes[0].detail == f"{__file__}:{below_grad.__code__.co_firstlineno + 1}"
    assert "has the right formula, and keeps 4.1 digits" in str(report)
    assert "formula: right to" in str(report)
    assert "wrong in the" not in str(report)
    read_report(to_json(report))


@pytest.mark.parametrize("accuracy", ["note", "strict"])
def test_a_gradient_that_keeps_its_digits_matches(accuracy):
    """The negative control."""
    stable = gt.check_gradient(below, grad=below_grad_stable, inputs=(SMALL,), accuracy=accuracy)
    elsewhere = gt.check_gradient(below, grad=below_grad, inputs=(ORDINARY,), accuracy=accuracy)
    for report in (stable, elsewhere):
        assert report.verdict == "match"
        assert not any(note.startswith("unstable") for note in report.extra["notes"])


def test_a_wrong_gradient_keeps_its_own_cause():
    report = gt.check_gradient(below, grad=lambda x: 2 * below_grad(x), inputs=(ORDINARY,), accuracy="strict")
    causes = [cause.cause for check in report.checks for cause in check.causes]
    assert report.verdict == "mismatch"
    assert "unstable" not in causes


def test_of_many_points_there_is_one_note():
    report = gt.check_gradient(below, grad=below_grad, signature="(n)->()", domain=(1e-7, 1e-5), examples=10)
    assert sum(note.startswith("unstable") for note in report.extra["notes"]) == 1


def test_layers_and_models_have_it_too():
    x = np.array([[1e-6, 0.5]])
    assert gt.check_layer(Below(), x).verdict == "match"
    assert gt.check_layer(Below(), x, accuracy="strict").verdict == "mismatch"
    assert gt.check_layer(Below(), np.array([[0.6, 0.5]]), accuracy="strict").verdict == "match"
    inputs = np.array([[1.0, 2.0], [3.0, 4.5]]), np.array([0.5, -2.0])
    assert gt.check_model(Net(1e-6), *inputs).verdict == "match"
    assert gt.check_model(Net(1e-6), *inputs, accuracy="strict").verdict == "mismatch"
    assert gt.check_model(Net(0.6), *inputs, accuracy="strict").verdict == "match"


def test_a_file_has_it_and_repeats_with_it(tmp_path):
    source = "def below(x): return np.sum(x - np.sin(x))\ndef below_grad(x): return 1 - np.cos(x)"
    domain = (1e-7, 1e-6)
    assert check(tmp_path, source, domain=domain).verdict == "match"
    report = check(tmp_path, source, domain=domain, accuracy="strict")
    assert report.verdict == "mismatch"
    assert report.extra["pairs"][0]["cause"] == "unstable"
    assert "--strict-accuracy" in report.reproduce
    assert check(tmp_path, source, domain=(0.5, 2), accuracy="strict").verdict == "match"


def test_another_value_is_refused():
    for wrong in ("loose", True, None):
        with pytest.raises(gt.ArgumentValueError, match="accuracy: got"):
            gt.check_gradient(below, grad=below_grad, inputs=(SMALL,), accuracy=wrong)
