"""Every scenario in lock step, its figures, its pictures, and what it refuses."""

import numpy as np
import pytest
from json_report import read_report

import gradtwin as gt
from gradtwin.backends.network import Layer, Network
from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.backends.numpy_rules import RULES
from gradtwin.comparisons.catalogue import training
from gradtwin.comparisons.catalogue.scenarios import SCENARIOS
from gradtwin.comparisons.report.plots import plot_training
from gradtwin.comparisons.results.json_text import to_json

every_scenario = pytest.mark.parametrize("name", SCENARIOS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_scenario
def test_every_step_matches(name, dtype):
    report = gt.train(name, steps=6, dtype=dtype)
    assert report.ok, str(report)
    assert {check.stage for check in report.checks} == {"contract", "value", "gradient", "update", "side-effect"}
    assert all(check.examples == 6 for check in report.checks)
    assert read_report(to_json(report))["steps"] == 6


@every_scenario
def test_a_fault_in_any_layer_is_named_with_its_step(name, monkeypatch):
    """The negative control of the test above: the last layer with parameters goes wrong at the third step."""
    network, _ = SCENARIOS[name].prepare(training.Request(SCENARIOS[name].seed))
    depth, layer = [(d, layer) for d, layer in enumerate(network.layers) if layer.parameters][-1]
    steps = []

    def sometimes(*inputs, **options):
        y, pullbacks = RULES[layer.operation](*inputs, **options)
        return y, (pullbacks[0], lambda y_bar: pullbacks[1](y_bar) * (1 + 1e-3 * (len(steps) > 2)), *pullbacks[2:])

    original = training._Run.step

    def counted(self, *arguments, **keywords):
        steps.append(1)
        original(self, *arguments, **keywords)

    monkeypatch.setattr(training._Run, "step", counted)
    faulty = NumpyBackend(rules={layer.operation: sometimes})
    monkeypatch.setattr(training, "get_backend", lambda name, *mode: gt.get_backend(name, *mode) if mode else faulty)
    report = gt.train(name, steps=4)
    assert report.verdict == "mismatch"
    failed = [check for check in report.checks if check.verdict == "mismatch"]
    assert f"layer {depth} ({layer.operation}): gradient of input 1 (" in "; ".join(check.name for check in failed)
    assert all(any(cause.text == "first at step 2." for cause in check.causes) for check in failed)


def test_exclusive_or_is_learnt_by_both():
    for name in ("xor-logloss", "xor-tanh"):
        scenario = SCENARIOS[name]
        network, data = scenario.prepare(training.Request(scenario.seed))
        for side in ("numpy", "tensorflow"):
            trainer = gt.get_backend(side, *(["graph"] if side == "tensorflow" else [])).trainer(
                network, data.weights, scenario.learning_rate
            )
            for _ in range(scenario.epochs):
                for x, y in network.batches(data.x_train, data.y_train, scenario.batch):
                    trainer.step(x, y)
            assert np.abs(trainer.predict(data.x_test) - data.y_test).max() < 0.05


@pytest.mark.parametrize(
    ("name", "accuracy", "error"),
    [("digits-dense", 0.9, 0.02), ("digits-tanh", 0.9, 0.02), ("digits-conv", 0.9, 0.02)],
)
def test_digits_are_learnt_as_well_as_published(name, accuracy, error):
    scenario = SCENARIOS[name]
    network, data = scenario.prepare(training.Request(scenario.seed))
    trainer = gt.get_backend("numpy").trainer(network, data.weights, scenario.scale_rate(scenario.batch))
    done = 0
    while done < scenario.count_steps(len(data.x_train), scenario.batch):
        for x, y in network.batches(data.x_train, data.y_train, scenario.batch):
            trainer.step(x, y)
            done += 1
    right = trainer.predict(data.x_test).argmax(axis=-1) == data.y_test.argmax(axis=-1)
    assert right.mean() >= accuracy
    assert np.mean((trainer.predict(data.x_train) - data.y_train) ** 2) < error


def test_a_batch_of_one_is_the_published_loop():
    """tanh(x W + b), gradient 2 (p − t) / outputs, one sample at a time, weights changed after each."""
    report = gt.train("xor-tanh", batch=1, steps=8)
    scenario = SCENARIOS["xor-tanh"]
    _, data = scenario.prepare(training.Request(scenario.seed))
    w1, b1, w2, b2 = (data.weights[name].copy() for name in ("w1", "b1", "w2", "b2"))
    for step in range(8):
        x, t = data.x_train[step % 4 : step % 4 + 1], data.y_train[step % 4 : step % 4 + 1]
        hidden = np.tanh(x @ w1 + b1)
        p = np.tanh(hidden @ w2 + b2)
        printed, expected = (f"{loss:.12g}" for loss in (report.extra["loss"]["numpy"][step], np.mean((t - p) ** 2)))
        assert printed == expected
        error = 2 * (p - t) / t.size * (1 - p * p)
        below = error @ w2.T * (1 - hidden * hidden)
        w2 -= 0.1 * (hidden.T @ error)
        b2 -= 0.1 * error[0]
        w1 -= 0.1 * (x.T @ below)
        b1 -= 0.1 * below[0]


def test_a_rate_for_single_samples_is_scaled_for_batches_alone():
    scenario = SCENARIOS["digits-conv"]
    assert [scenario.scale_rate(batch) for batch in (None, 1, 4)] == [0.1, 0.1, 0.05]
    assert SCENARIOS["digits-tanh"].scale_rate(8) == 0.1
    assert "--learning-rate=0.05 --batch=4" in gt.train("digits-conv", batch=4, steps=1).reproduce


def test_the_last_incomplete_batch_counts():
    network = Network([Layer("matmul", {"w": (2, 1)})], "mse")
    x, y = np.arange(14.0).reshape(7, 2), np.arange(7.0)[:, np.newaxis]
    sizes = [len(batch) for batch, _ in network.batches(x, y, 3)]
    assert sizes == [3, 3, 1]
    shuffled = np.concatenate([b for b, _ in network.batches(x, y, 3, np.random.default_rng(0))])
    assert sorted(shuffled[:, 0]) == sorted(x[:, 0])
    columns = Network([Layer("dense-columns", {"w": (1, 2), "b": (1, 1)})], "mse", samples="columns")
    assert [b.shape for b, _ in columns.batches(x.T, y.T, 4)] == [(2, 4), (2, 3)]


def test_exercises_change_what_is_trained():
    published = gt.train("sincos", steps=2).extra["loss"]["numpy"]
    assert gt.train("sincos", steps=2, activation="sigmoid").extra["loss"]["numpy"] != published
    dead = gt.train("sincos", steps=2, init_mean=-0.1)
    assert dead.extra["loss"]["numpy"] != published
    assert dead.ok


@pytest.mark.parametrize("name", ["regression", "sincos", "xor-tanh", "digits-conv", "conv-random"])
def test_every_kind_of_picture_is_drawn(name):
    report = gt.train(name, steps=3)
    assert plot_training(report).startswith(b"\x89PNG")
    kind = SCENARIOS[name].picture
    assert (report.extra["picture"] or {"kind": "none"})["kind"] == kind


@pytest.mark.parametrize(
    ("rate", "words"), [(1e80, "all layers' outputs being finite"), (1e180, "not finite after layer 3 (linear)")]
)
def test_a_loss_that_overflows_names_step_layer_and_backend(rate, words):
    report = gt.train("sincos", learning_rate=rate, steps=50)
    assert report.verdict == "inconclusive"
    assert 1 < report.extra["steps"] < 50
    text = " ".join(str(report).split())
    assert "the loss on numpy is" in text
    assert f"at step {report.extra['steps'] - 1}, " in text
    assert words in text
    assert "training stopped" in text


def test_decisions_that_differ_are_dated(monkeypatch):
    shifted = NumpyBackend(rules={"sigmoid": lambda x: (lambda y, p: (1 - y, p))(*RULES["sigmoid"](x))})
    monkeypatch.setattr(training, "get_backend", lambda name, *mode: gt.get_backend(name, *mode) if mode else shifted)
    assert gt.train("xor-logloss", steps=2).extra["decisions_differ_at"] == 0


def digits(**changes):
    rng = np.random.default_rng(0)
    data = {
        "x_train": rng.random((20, 8, 8)),
        "y_train": np.arange(20) % 10,
        "x_test": rng.random((10, 8, 8)),
        "y_test": np.arange(10),
    }
    return {**data, **changes}


def test_digits_of_ones_own_may_be_flat_whole_and_labelled():
    whole = {name: (x * 255).astype(np.uint8).reshape(len(x), -1) for name, x in digits().items() if name[0] == "x"}
    for name in ("digits-dense", "digits-conv"):
        assert gt.train(name, data=digits(**whole), batch=5, steps=2).ok
        assert gt.train(name, data=digits(y_train=np.eye(10)[np.arange(20) % 10]), batch=5, steps=2).ok


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"data": digits(y_train=np.arange(20) % 11)}, "y_train has the label 10; expected labels from 0 to 9"),
        ({"data": digits(y_train=np.arange(20) - 1)}, "y_train has the label -1"),
        ({"data": digits(y_train=np.arange(20.0))}, "y_train has shape (20,) and dtype float64"),
        ({"data": digits(x_train=np.zeros((20, 3)))}, "x_train has shape (20, 3); expected pictures"),
        ({"data": digits(x_train=np.zeros((0, 8, 8)), y_train=np.zeros(0, int))}, "at least one"),
        ({"data": digits(x_test=np.zeros((10, 5, 5)))}, "layer 0 (dense) doesn't fit its input"),
        ({"data": digits(), "batch": 21}, "batch: got 21; expected a whole number from 1 to 20"),
        ({"batch": 0}, "batch: got 0"),
        ({"learning_rate": 0.0}, "learning_rate: got 0.0"),
        ({"activation": "softmax"}, "activation: 'softmax' is not known"),
        ({"init_mean": float("inf")}, "init_mean: got inf"),
    ],
)
def test_bad_input_is_named(arguments, words):
    with pytest.raises(gt.GradTwinError) as raised:
        gt.train("digits-dense", **{"steps": 1, **arguments})
    assert words in str(raised.value)


def test_options_that_a_scenario_has_not_are_refused():
    with pytest.raises(gt.ArgumentValueError, match="regression has no such option"):
        gt.train("regression", activation="relu")


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([Layer("dense", {"w": (2, 3)})], "dense has parameters w; expected 2, for its inputs w, b"),
        ([Layer("mse")], "'mse' is not a map but a loss; expected a map"),
        ([Layer("matmul", {"w": (-2, 3)})], "matmul's parameter w has shape (-2, 3); expected whole numbers from 1"),
        ([Layer("matmul", {"w": (2, 2)}), Layer("matmul", {"w": (2, 2)})], "'w' occurs twice"),
        ([Layer("conv3d")], "'conv3d' is not known"),
        (["relu"], "expected gt.Layer"),
    ],
)
def test_impossible_networks_are_refused(layers, words):
    with pytest.raises(gt.GradTwinError) as raised:
        Network(layers, "mse")
    assert words in str(raised.value)


def test_layers_that_do_not_fit_are_named_with_both_shapes():
    network = Network([Layer("matmul", {"v": (3, 4)}), Layer("relu"), Layer("matmul", {"w": (5, 2)})], "mse")
    with pytest.raises(gt.ShapeError) as raised:
        network.validate(np.zeros((7, 3)), np.zeros((7, 2)))
    for words in ("layer 2 (matmul)", "(7, 4)", "(5, 2)"):
        assert words in str(raised.value)


def test_start_weights_come_from_the_data_under_their_names():
    x, y = np.eye(2), np.ones((2, 1))
    data = {"x_train": x, "y_train": y, "x_test": x, "y_test": y, "w": np.full((2, 1), 7.0)}
    report = gt.train("regression", data=data, steps=1)
    assert report.extra["loss"]["numpy"] == [(7 - 1) ** 2 / 2]
    with pytest.raises(gt.InputFileError, match=r"'w9' is unknown; expected .*names w\."):
        gt.train("regression", data={**data, "w9": x}, steps=1)
    with pytest.raises(gt.ShapeError, match=r"start weights w have shape \(2, 2\); expected \(2, 1\)"):
        gt.train("regression", data={**data, "w": x}, steps=1)


def test_a_loss_that_is_not_finite_before_any_update_is_not_laid_to_the_learning_rate():
    report = gt.train("xor-tanh", loss="log-loss", steps=2)
    assert report.verdict == "inconclusive"
    assert "Nothing was updated yet" in str(report)
    assert "Lower the learning rate" not in str(report)
