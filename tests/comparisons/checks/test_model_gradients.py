"""Where the gradients of a whole network are: named, returned, kept, or missing."""

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.comparisons.checks.model import check_model

from .written_models import TARGET, LossOfInput, TwoLayers, X


class HiddenGradients(TwoLayers):
    """Returns its gradients under names of its own, and keeps them too."""

    def gradient(self, x, t):
        self.kept = {f"its_{name}": g for name, g in super().gradient(x, t).items()}
        return {f"of_{name}": g for name, g in self.kept.items()}


@pytest.mark.parametrize("where", ["kept['its_{}']", "of_its_{}", None], ids=["attribute", "key", "function"])
def test_grads_say_where_a_model_s_are(where):
    def grads(swapped):
        names = {"W1": "W1", "W2": "W2", "b1": "W1" if swapped else "b1", "b2": "b2"}
        if where is None:
            return {name: lambda model, _, of=of: model.kept[f"its_{of}"] for name, of in names.items()}
        return {name: where.format(of) for name, of in names.items()}

    assert check_model(HiddenGradients(), X, TARGET, grads=grads(swapped=False)).ok
    assert check_model(HiddenGradients(), X, TARGET, grads=grads(swapped=True)).verdict == "mismatch"


def test_grads_that_are_not_there_are_an_error():
    with pytest.raises(gt.ArgumentValueError, match=r"grads: for 'W1' got 'dW1'"):
        check_model(TwoLayers(), X, TARGET, grads={"W1": "dW1"})


class ReturnsKeyed(LossOfInput):
    """Its layers hold arrays of `params`, and its gradient is a dict like that."""

    def __init__(self):
        super().__init__()
        held = {"1": self.layers["affine"], "2": self.layers["out"]}
        self.params = {f"{name}{i}": getattr(layer, name) for i, layer in held.items() for name in ("W", "b")}

    def gradient(self, x, t):
        super().gradient(x, t)
        a, b = self.layers["affine"], self.layers["out"]
        return {"W1": a.dW, "b1": a.db, "W2": b.dW, "b2": b.db}


class LosesBias(ReturnsKeyed):
    """What it returns is not what its layers found."""

    def gradient(self, x, t):
        grads = super().gradient(x, t)
        return grads | {"b1": 0 * grads["b1"]}


def test_what_gradient_returns_is_judged_before_what_the_layers_keep():
    report = check_model(ReturnsKeyed(), X, TARGET)
    assert report.ok, str(report)
    assert "the gradient of b1 is the result of backward at ['b1']" in report.extra["notes"]
    report = check_model(LosesBias(), X, TARGET)
    assert [check.name for check in report.checks if check.verdict == "mismatch"] == ["gradient of parameter b1"]
    assert any("the way that the model combines them" in note for note in report.extra["notes"])


class Forgetful(TwoLayers):
    """Leaves the second bias out."""

    def gradient(self, x, t):
        grads = super().gradient(x, t)
        del grads["b2"]
        return grads


def test_a_parameter_without_a_gradient_is_undecided():
    report = check_model(Forgetful(), X, TARGET)
    undecided = [check.name for check in report.checks if check.verdict == "inconclusive"]
    assert (report.verdict, undecided) == ("inconclusive", ["gradient of parameter b2"])


class OtherKeys(LossOfInput):
    """Returns a dict whose keys are not what its parameters are called."""

    def gradient(self, x, t):
        super().gradient(x, t)
        a, b = self.layers["affine"], self.layers["out"]
        return {"W1": a.dW, "b1": a.db, "W2": b.dW, "b2": self.scale(b.db)}

    def scale(self, g):
        return g


class OtherKeysWrong(OtherKeys):
    """What it returns is not what its layers found."""

    def scale(self, g):
        return 2 * g


def test_what_is_returned_and_belongs_to_no_parameter_is_undecided():
    assert check_model(OtherKeys(), X, TARGET).ok
    report = check_model(OtherKeysWrong(), X, TARGET)
    undecided = [check.name for check in report.checks if check.verdict == "inconclusive"]
    assert (report.verdict, undecided) == ("inconclusive", ["gradient returned at ['b2']"])
    grads = {"layers['out'].b": "b2"}
    assert check_model(OtherKeys(), X, TARGET, grads=grads).ok
    assert check_model(OtherKeysWrong(), X, TARGET, grads=grads).verdict == "mismatch"


class UnusedBias(TwoLayers):
    """Holds a bias that its output does not depend on, with the gradient that is right for it, or a wrong one."""

    wrong = 0.0

    def __init__(self):
        super().__init__()
        self.params["b3"] = np.ones(3)

    def gradient(self, x, t):
        return super().gradient(x, t) | {"b3": np.full(3, self.wrong)}


def test_an_unused_parameter_s_gradient_is_zero():
    assert check_model(UnusedBias(), X, TARGET).ok
    assert check_model(type("Wrong", (UnusedBias,), {"wrong": 2.0})(), X, TARGET).verdict == "inconclusive"
    assert check_model(TwoLayers(), X, TARGET, params=["W1", "b1"]).ok, "what was not asked for is not missed"
