"""`Model`: training, prediction, saved weights, and what it refuses."""

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.backends.network import Layer, Network
from gradtwin.files import write_arrays

BACKENDS = [("numpy", "eager"), ("tensorflow", "eager"), ("tensorflow", "graph"), ("tensorflow", "xla")]


def network(loss="mse", optimizer="sgd"):
    layers = [Layer("dense", {"w1": (2, 8), "b1": (8,)}), Layer("tanh"), Layer("dense", {"w2": (8, 1), "b2": (1,)})]
    return Network(layers, loss, optimizer)


def data(count=7, seed=5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 2))
    return x, np.sin(x.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(("backend", "mode"), BACKENDS)
def test_training_lowers_the_loss(backend, mode):
    x, y = data()
    model = gt.Model(network(optimizer="adam"), backend, mode, learning_rate=0.05)
    before = model.loss(x, y)
    losses = model.fit(x, y, epochs=40)
    assert len(losses) == 40
    assert losses[0] == before
    assert losses[-1] < before / 4
    assert model.loss(x, y) < before / 4
    assert model.predict(x).shape == y.shape


def test_both_backends_start_with_the_same_weights_and_seeds_differ():
    first, second = (gt.Model(network(), backend).weights for backend in ("numpy", "tensorflow"))
    assert list(first) == ["w1", "b1", "w2", "b2"]
    assert all((first[name] == second[name]).all() for name in first)
    assert (gt.Model(network(), seed=1).weights["w1"] != first["w1"]).any()


def test_backends_take_the_same_batches():
    """With the same seed both see the same samples: their losses agree far better than two orders of samples do."""
    x, y = data(11)
    losses = [
        gt.Model(network(), backend, learning_rate=0.1).fit(x, y, epochs=3, batch=4, seed=seed)
        for backend, seed in (("numpy", 1), ("tensorflow", 1), ("numpy", 2))
    ]
    gap = [np.abs(np.subtract(losses[0], other)).max() for other in losses[1:]]
    assert gap[0] * 2**30 < gap[1]


def test_the_last_incomplete_batch_is_averaged_over_what_it_has():
    """A linear model's step on 2 of 5 samples is the gradient of the mean over those 2, to the last bit."""
    affine = Network([Layer("dense", {"w": (1, 1), "b": (1,)})], "mse")
    x, y = np.arange(1.0, 6).reshape(5, 1), np.zeros((5, 1))
    model = gt.Model(affine, weights={"w": np.ones((1, 1)), "b": np.zeros(1)}, learning_rate=2.0**-7)
    losses = model.fit(x, y, batch=3, seed=0)
    order = np.random.default_rng(0).permutation(5)
    first, last = x[order[:3]], x[order[3:]]
    assert len(losses) == 2
    assert losses[0] == (first.ravel() @ first.ravel()) / 3
    w, b = 1 - 2.0**-7 * (2 * first * (first / 3)).sum(), -(2.0**-7) * (2 * first / 3).sum()
    residual = (last * w + b).ravel()
    expected = residual @ residual / 2
    assert abs(losses[1] - expected) <= 64 * np.finfo(np.float64).eps * expected  # some 30 roundings
    wrong = residual @ residual / 3  # had it been averaged over a whole batch
    assert abs(losses[1] - wrong) > 64 * np.finfo(np.float64).eps * expected


def test_a_seed_fixes_everything():
    x, y = data()
    runs = [gt.Model(network(), seed=3).fit(x, y, epochs=4, batch=3, seed=9) for _ in range(2)]
    assert runs[0] == runs[1]
    assert gt.Model(network(), seed=3).fit(x, y, epochs=4, batch=3, seed=8) != runs[0]


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_training_stops_at_a_loss_that_is_not_finite(backend):
    x, y = data()
    linear = Network([Layer("dense", {"w": (2, 1), "b": (1,)})], "mse")
    losses = gt.Model(linear, backend, learning_rate=1e200).fit(x, y, epochs=50)
    assert 1 < len(losses) < 50
    assert np.isfinite(losses[:-1]).all()
    assert not np.isfinite(losses[-1])


def test_samples_in_columns():
    columns = Network([Layer("dense-columns", {"w": (1, 2), "b": (1, 1)})], "mse", samples="columns")
    x, y = data(5)
    assert len(gt.Model(columns).fit(x.T, y.T, batch=2)) == 3
    with pytest.raises(gt.ShapeError, match="5 and 4 samples in columns"):
        gt.Model(columns).fit(x.T, y.T[:, :4])


def test_float32_takes_float64_data():
    x, y = data()
    model = gt.Model(network(), dtype="float32")
    model.fit(x, y, epochs=2)
    assert model.predict(x).dtype == np.float32
    assert {array.dtype.name for array in model.weights.values()} == {"float32"}


def test_weights_are_copies():
    model = gt.Model(network())
    given = model.weights
    given["w1"][:] = 0
    assert (model.weights["w1"] != 0).all()
    model.set_weights(given)
    given["w1"][:] = 1
    assert (model.weights["w1"] == 0).all()


@pytest.mark.parametrize(("backend", "mode"), BACKENDS)
def test_new_weights_are_used_in_every_mode(backend, mode):
    x, _ = data()
    model = gt.Model(network(), backend, mode)
    for number in range(4):  # what was traced with former weights must not be found again
        model.set_weights({**model.weights, "w2": np.zeros((8, 1)), "b2": np.full(1, float(number))})
        assert (model.predict(x) == number).all()


# --- Files.


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_saved_weights_come_back(backend, tmp_path):
    x, y = data()
    model = gt.Model(network(optimizer="adam"), backend)
    model.fit(x, y, epochs=2)
    model.save(tmp_path / "weights.npz")
    again = gt.Model(network(optimizer="adam"), "numpy", seed=9)
    again.load_weights(tmp_path / "weights.npz")
    assert all((again.weights[name] == array).all() for name, array in model.weights.items())
    with np.load(tmp_path / "weights.npz") as archive:
        assert archive.files == ["w1", "b1", "w2", "b2"]


def test_names_that_np_savez_has_no_room_for(tmp_path):
    odd = Network([Layer("matmul", {"file": (2, 1)})], "mse")
    saved = gt.Model(odd)
    saved.save(tmp_path / "weights.npz")
    again = gt.Model(odd, seed=2)
    again.load_weights(tmp_path / "weights.npz")
    assert np.array_equal(again.weights["file"], saved.weights["file"])


def test_a_file_that_cant_be_written_leaves_what_was_there(tmp_path):
    model = gt.Model(network())
    with pytest.raises(gt.OutputFileError, match="absent"):
        model.save(tmp_path / "absent" / "weights.npz")


BROKEN = {
    "missing": (lambda w: {"w1": w["w1"]}, "b1, w2, b2 missing"),
    "extra": (lambda w: {**w, "w3": w["w1"]}, "w3 unknown"),
    "shape": (lambda w: {**w, "w1": w["w1"].T}, r"w1 has shape \(8, 2\); expected \(2, 8\)"),
    "NaN": (lambda w: {**w, "b1": np.full(8, np.nan)}, "b1: 8 of 8 elements are NaN"),
    "integers": (lambda w: {**w, "b1": np.zeros(8, int)}, "b1: got dtype int64"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_wrong_weights_are_refused_and_change_nothing(name, tmp_path):
    change, message = BROKEN[name]
    model = gt.Model(network())
    before = model.weights
    wrong = change(model.weights)
    write_arrays(tmp_path / "weights.npz", wrong)
    with pytest.raises(gt.InputFileError, match=message):
        model.load_weights(tmp_path / "weights.npz")
    with pytest.raises(gt.ArgumentTypeError if name == "integers" else gt.ArgumentValueError, match=message):
        gt.Model(network(), weights=wrong)
    assert all((model.weights[key] == array).all() for key, array in before.items())


def test_files_that_are_no_weights(tmp_path):
    model = gt.Model(network())
    np.savez(tmp_path / "pickled.npz", w1=np.array([{}], dtype=object))
    (tmp_path / "text.npz").write_text("no archive")
    for name, message in (("pickled.npz", "pickled"), ("text.npz", "text.npz"), ("absent.npz", "no such file")):
        with pytest.raises(gt.InputFileError, match=message):
            model.load_weights(tmp_path / name)


# --- Bad arguments.

X, Y = data()

FITS = {
    "no samples": ((X[:0], Y[:0]), {}, gt.ArgumentValueError, "no samples"),
    "large batch": ((X, Y), {"batch": 8}, gt.ArgumentValueError, "from 1 to 7"),
    "no batch": ((X, Y), {"batch": 0}, gt.ArgumentValueError, "batch: got 0"),
    "epochs": ((X, Y), {"epochs": 0}, gt.ArgumentValueError, "epochs: got 0"),
    "samples": ((X, Y[:6]), {}, gt.ShapeError, "7 and 6 samples"),
    "features": ((X[:, :1], Y), {}, gt.ShapeError, r"layer 0 \(dense\).*\(7, 1\).*\(2, 8\)"),
    "targets": ((X, np.hstack([Y, Y])), {}, gt.ShapeError, r"loss.*\(7, 1\).*\(7, 2\)"),
    "integers": ((X, Y.astype(int)), {}, gt.ArgumentTypeError, "y: got dtype int64"),
    "lists": ((X.tolist(), Y), {}, gt.ArgumentTypeError, "x: got list"),
    "number": ((X, np.asarray(1.0)), {}, gt.ShapeError, "y: got a single number"),
    "NaN": ((np.full_like(X, np.nan), Y), {}, gt.ArgumentValueError, "x: 14 of 14 elements"),
}


@pytest.mark.parametrize("name", FITS)
def test_data_that_make_no_sense(name):
    arguments, options, error, message = FITS[name]
    with pytest.raises(error, match=message):
        gt.Model(network()).fit(*arguments, **options)


def test_an_overflow_in_conversion_is_refused():
    with pytest.raises(gt.ArgumentValueError, match="infinite in float32"):
        gt.Model(network(), dtype="float32").predict(np.full((1, 2), 1e300))


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf")])
def test_learning_rates_that_make_no_sense(rate):
    with pytest.raises(gt.ArgumentValueError, match="learning_rate"):
        gt.Model(network(), learning_rate=rate)


def test_other_arguments_that_make_no_sense():
    with pytest.raises(gt.ArgumentTypeError, match="learning_rate"):
        gt.Model(network(), learning_rate="fast")
    with pytest.raises(gt.ArgumentValueError, match="backend"):
        gt.Model(network(), "jax")
    with pytest.raises(gt.ArgumentValueError, match="bfloat16"):
        gt.Model(network(), dtype="bfloat16")
    with pytest.raises(gt.ArgumentTypeError, match=r"gt\.Network"):
        gt.Model([Layer("relu")])


def test_a_network_without_parameters_is_refused():
    with pytest.raises(gt.ArgumentValueError, match="no parameters"):
        gt.Model(Network([Layer("relu")], "mse"))
