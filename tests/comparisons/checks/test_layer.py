"""Layer objects in the styles people write them: right ones match, wrong ones don't, and all are left as they were."""

import copy

import numpy as np
import pytest
from json_report import read_report

from gradtwin.comparisons.checks.layer import check_layer
from gradtwin.comparisons.results.json_text import to_json

from .other_layers import BatchNorm, Conv, Dropout, Embedding, Mse, Relu, RnnCell, SoftmaxWithLoss
from .written_layers import (
    COLUMNS,
    IMAGES,
    ONE_HOT,
    RNG,
    Accumulating,
    Attributes,
    Clipping,
    ColumnMajor,
    Dicts,
    Lazy,
    Lists,
    OneSample,
    OwnRate,
    ReturnsAll,
    SelfUpdating,
    Stepping,
    WithCache,
    WithParameterObjects,
    X,
    snapshot,
    weights,
)

RIGHT = {
    "attributes": (Attributes, X, {}),
    "dicts": (Dicts, X, {}),
    "lists": (Lists, X, {}),
    "accumulating": (Accumulating, X, {}),
    "returned": (ReturnsAll, X, {}),
    "cache": (WithCache, X, {}),
    "self-updating": (SelfUpdating, X, {}),
    "self-updating, small rate": (SelfUpdating, X, {"learning_rate": 0.01}),
    "own rate": (OwnRate, X, {}),
    "lazy": (Lazy, X, {}),
    "column-major": (ColumnMajor, COLUMNS, {"batch_axis": -1, "param_scale": "1/batch"}),
    "parameter objects": (WithParameterObjects, X, {}),
    "batch norm": (BatchNorm, X, {}),
    "dropout": (Dropout, X, {}),
    "relu": (Relu, X, {}),
    "conv": (Conv, IMAGES, {"variants": [{"stride": 2}, {"stride": 2, "pad": 1}]}),
    "rnn cell": (RnnCell, (X, weights(5, 3)), {}),
    "clipping": (Clipping, X, {}),
    "one sample": (OneSample, X, {}),
    "optimizer step": (Stepping, X, {"optimizer_step": "update", "learning_rate": 0.5}),
    "embedding": (Embedding, np.array([0, 3, 3, 1]), {}),
    "mse": (Mse, X, {"target": RNG.normal(size=X.shape)}),
    "softmax with loss": (SoftmaxWithLoss, X, {"target": ONE_HOT}),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_layers_match(name):
    kind, x, arguments = RIGHT[name]
    layer = kind if "variants" in arguments else kind()
    before = None if layer is kind else (snapshot(layer), {key: id(item) for key, item in vars(layer).items()})
    state, given = np.random.get_state()[1].tobytes(), copy.deepcopy(x)
    report = check_layer(layer, x, **arguments)
    assert report.ok, str(report)
    assert sum(check.stage == "gradient" for check in report.checks) >= 1
    assert np.random.get_state()[1].tobytes() == state
    assert snapshot(given) == snapshot(x)
    if before is not None:
        assert before == (snapshot(layer), {key: id(item) for key, item in vars(layer).items()})


def test_names_and_notes():
    report = check_layer(Attributes(), X)
    names = [check.name for check in report.checks if check.stage == "gradient"]
    assert names == ["gradient of input 0 (inputs)", "gradient of parameter weights", "gradient of parameter biases"]
    notes = report.extra["notes"]
    assert "the gradient of weights is at dweights" in notes
    assert any("biases is 0" in note for note in notes)
    assert report.extra["oracle"] == "traced"
    assert read_report(to_json(report))["command"] == "check"


def test_one_sample_is_said():
    assert any("first sample" in note for note in check_layer(OneSample(), X).extra["notes"])


def test_float32_layers_are_judged_in_float32():
    layer = Attributes()
    layer.weights, layer.biases = layer.weights.astype(np.float32), layer.biases.astype(np.float32)
    report = check_layer(layer, X.astype(np.float32))
    assert report.ok, str(report)
    assert report.checks[1].dtype == "float32"
