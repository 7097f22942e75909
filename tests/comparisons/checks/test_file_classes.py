"""Classes of a file that hold a gradient: gradtwin check doesn't run them, so they are named, and no match."""

import pytest
from user_files import check

RIGHT = "def tanh(x): return np.tanh(x)\ndef tanh_prime(x): return 1 - np.tanh(x) ** 2\n"
LAYER = """
class ReLU:
    def forward(self, x):
        self.m = x > 0
        return x * self.m
    def backward(self, g): return g * self.m * 2
"""
CLASSES = {
    "a layer": (LAYER, "ReLU", "forward and backward", "gt.check_layer(ReLU(...), x)"),
    "another pair of names": (
        "class Layer:\n    def feedforward(self, x): return x\n    def backprop(self, dy): return 2 * dy",
        "Layer",
        "feedforward and backprop",
        "gt.check_layer(Layer(...), x)",
    ),
    "a layer that is called": (
        "class Twice:\n    def __call__(self, x): return 2 * x\n    def backward(self, dy): return 3 * dy",
        "Twice",
        "__call__ and backward",
        "gt.check_layer(Twice(...), x)",
    ),
    "an object of one": (LAYER + "layer = ReLU()", "ReLU", "forward and backward", "gt.check_layer(ReLU(...), x)"),
    "one that is not written yet": (
        "class Dense:\n    def forward(self, x): raise NotImplementedError\n    def backward(self, g): pass",
        "Dense",
        "forward and backward",
        "gt.check_layer(Dense(...), x)",
    ),
    "a subclass": (
        "class Base:\n    def forward(self, x): ...\n    def backward(self, g): raise NotImplementedError('later')\n"
        "class Twice(Base):\n    def forward(self, x): return 2 * x\n    def backward(self, g): return 3 * g",
        "Twice",
        "forward and backward",
        "gt.check_layer(Twice(...), x)",
    ),
    "a model": (
        "class Net:\n    def loss(self, x, t): return np.sum((x - t) ** 2)\n    def gradient(self, x, t): return x - t",
        "Net",
        "loss and gradient",
        "gt.check_model(Net(...), x, y)",
    ),
    "functions of a class": (
        "class Tanh:\n    @staticmethod\n    def f(x): return np.tanh(x)\n"
        "    @staticmethod\n    def f_prime(x): return 1 + np.tanh(x) ** 2",
        "Tanh",
        "f and f_prime",
        "gradtwin check user.py:Tanh.f --derivative Tanh.f_prime --inputs FILE.npz",
    ),
    "methods": (
        "class Net:\n    def act(self, z): return np.tanh(z)\n    def act_prime(self, z): return 1 + np.tanh(z) ** 2",
        "Net",
        "act and act_prime",
        "write them as functions of the file",
    ),
}


@pytest.mark.parametrize("case", CLASSES.values(), ids=CLASSES)
def test_a_class_with_a_gradient_alone_is_inconclusive_and_named(tmp_path, case):
    source, name, methods, way = case
    report = check(tmp_path, source, examples=1)
    assert report.verdict == "inconclusive"
    [pair] = report.extra["pairs"]
    assert (pair["forward"], pair["verdict"], pair["cause"]) == (name, "inconclusive", "not-run")
    assert f"{name} has {methods}" in pair["text"]
    assert way in pair["text"]
    assert f"could not be checked: {name}" in str(report).splitlines()[0]
    [_, member] = report.members[-1]
    assert member.extra["source"]["file"].endswith("user.py")
    assert report.extra["skipped"] == [] or [item["name"] for item in report.extra["skipped"]] == ["Base"]


@pytest.mark.parametrize("case", CLASSES.values(), ids=CLASSES)
def test_beside_functions_a_class_is_skipped_with_the_way_to_check_it(tmp_path, case):
    source, name, _, way = case
    report = check(tmp_path, RIGHT + source, examples=1)
    assert report.ok
    assert [pair["forward"] for pair in report.extra["pairs"]] == ["tanh"]
    [why] = [item["reason"] for item in report.extra["skipped"] if item["name"] == name]
    assert way in why
    required = check(tmp_path, RIGHT + source, examples=1, require=(name,))
    assert required.verdict == "inconclusive"


@pytest.mark.parametrize(
    "source",
    [
        "class Config: ...",
        "class Scaler:\n    def forward(self, x): return x",
        "class Bad(Exception):\n    def backward(self, x): ...\n    def forward(self, x): ...",
        "from collections import OrderedDict",
        "import abc\nclass Layer(abc.ABC):\n    @abc.abstractmethod\n    def forward(self, x): ...\n"
        "    @abc.abstractmethod\n    def backward(self, g): ...",
        "from typing import Protocol\nclass Layer(Protocol):\n"
        "    def forward(self, x): ...\n    def backward(self, g): ...",
    ],
)
def test_other_classes_don_t_count(tmp_path, source):
    assert check(tmp_path, f"{source}\n{RIGHT}", examples=1).ok


def test_a_mismatch_beside_a_class_stays_one(tmp_path):
    assert check(tmp_path, RIGHT.replace("1 -", "2 -") + LAYER, examples=1).verdict == "mismatch"


def test_a_required_class_is_listed_once(tmp_path):
    report = check(tmp_path, RIGHT + LAYER, require=("ReLU",), examples=1)
    assert [pair["forward"] for pair in report.extra["pairs"]] == ["tanh", "ReLU"]
