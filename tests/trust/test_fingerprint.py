"""A check changes nothing: every public call, between two fingerprints of the process and of the user's arrays."""

import itertools
import random
import warnings
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import gradtwin as gt
from gradtwin.comparisons.catalogue import selftest as selftest_module
from gradtwin.comparisons.catalogue.faults import all_faults

from .fingerprint import DISTURB, PARTS, changes, fingerprint
from .user_layers import Dense


def make_arrays():
    """Return arrays of several layouts, one of them read-only."""
    rng = np.random.default_rng(4)
    x, w = rng.normal(size=(5, 3)), np.asfortranarray(rng.normal(size=(3, 2)))
    strided, frozen = rng.normal(size=(10, 3))[::2], rng.normal(size=(5, 3))
    frozen.flags.writeable = False
    return {"x": x, "w": w, "b": np.zeros(2), "strided": strided, "frozen": frozen, "t": rng.normal(size=(5, 2))}


def state_of(arrays):
    return {name: (x.tobytes(), x.strides, x.dtype.str, x.flags.writeable, id(x)) for name, x in arrays.items()}


def dense(x, w, b):
    return x @ w + b


def dense_vjp(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, y_bar.sum(axis=0)


def dense_wrong(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, y_bar.mean(axis=0)


def sine_of(x):
    return 1 - np.tanh(x) ** 2


def overwriting(x):
    x *= 2
    return np.tanh(x / 2)


def through_bytes(x):
    return np.tanh(np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape))


def raising(*_):
    raise ValueError("no")


def spinning(*_):
    for _ in itertools.count():
        pass


def reckless(x):
    """Change whatever of the global state a user's function would."""
    np.random.seed(random.randrange(10))
    np.seterr(all="ignore")
    np.set_printoptions(precision=2)
    warnings.simplefilter("ignore")
    return np.tanh(x) * np.random.random()


def loss(x, w):
    return float(np.sum((x @ w) ** 2))


def loss_gradients(x, w):
    return 2 * (x @ w) @ w.T, x.T @ (2 * (x @ w))


class Dropping(Dense):
    def forward(self, x):
        self.mask = np.random.random(x.shape) > 0.5
        return super().forward(x * self.mask)


class Net:
    def __init__(self):
        self.layers = [Dense()]

    def forward(self, x):
        return self.layers[0].forward(x)

    def loss(self, prediction, target):
        return np.sum((prediction - target) ** 2)

    def backward(self, x, target):
        return self.layers[0].backward(2 * (self.forward(x) - target))


def descent(w, g, learning_rate=0.01):
    return w - learning_rate * g


def raised_by(error, call):
    with pytest.raises(error):
        call()


def gradient(**arguments):
    """Return a call of check_gradient at one of the arrays, and of those that this names."""
    name = arguments.pop("at", ("x",))
    forward = arguments.pop("forward", np.tanh)
    expected = arguments.pop("verdict", "match")

    def call(a):
        assert gt.check_gradient(forward, inputs=tuple(a[n] for n in name), **arguments).verdict == expected

    return call


NETWORK = gt.Network([gt.Layer("dense", {"w": (3, 2), "b": (2,)}), gt.Layer("tanh")], "mse", "adam")
ALL = ("x", "w", "b")


def run_model(a, backend):
    model = gt.Model(NETWORK, backend)
    model.fit(a["x"], a["t"], epochs=2, batch=2)
    model.predict(a["x"])
    model.set_weights(model.weights)


def run_backend(a, name, mode):
    backend = gt.get_backend(name, mode)
    backend.value_and_gradients("dense", a["x"], np.ascontiguousarray(a["w"]), a["b"], y_bar=np.ones((5, 2)))


#: A model of Keras's, which draws its weights from Python's generator as it is made, before the first fingerprint.
KERAS = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="tanh", dtype="float64")])


def run_little_selftest(_):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selftest_module, "all_faults", lambda: FAULTS)
        patch.setattr(selftest_module, "OPERATIONS", {name: selftest_module.OPERATIONS[name] for name in FAULTY})
        assert gt.selftest().ok


FAULTS = list(itertools.islice(all_faults(), 3))
FAULTY = sorted({fault.operation for fault in FAULTS})

CALLS = {
    # check_gradient: each style, each oracle, right, wrong and raising
    "vjp": gradient(forward=dense, vjp=dense_vjp, at=ALL),
    "vjp wrong": gradient(forward=dense, vjp=dense_wrong, at=ALL, verdict="mismatch"),
    "vjp raising": gradient(forward=dense, vjp=raising, at=ALL, verdict="mismatch"),
    "backward": gradient(forward=lambda x: (np.tanh(x), x), backward=lambda y_bar, x: y_bar * sine_of(x)),
    "grad": gradient(forward=loss, grad=loss_gradients, at=("x", "w")),
    "derivative": gradient(derivative=sine_of, at=("strided",)),
    "derivative wrong": gradient(derivative=np.cos, at=("frozen",), verdict="mismatch"),
    "jacobian": gradient(
        forward=lambda x: x.sum(axis=0), jacobian=lambda x: np.stack([np.outer(np.ones(5), row) for row in np.eye(3)])
    ),
    "value and grad": gradient(
        forward=lambda x, w: (loss(x, w), *loss_gradients(x, w)), value_and_grad=True, at=("x", "w")
    ),
    "forward that writes": gradient(forward=overwriting, derivative=sine_of, verdict="mismatch"),
    "forward that raises": gradient(forward=raising, derivative=sine_of, verdict="mismatch"),
    "differences": gradient(forward=through_bytes, derivative=sine_of),
    "differences wrong": gradient(forward=through_bytes, derivative=np.cos, verdict="mismatch"),
    "reference": gradient(derivative=sine_of, reference=tf.tanh),
    "reference wrong": gradient(derivative=sine_of, reference=tf.sin, verdict="mismatch"),
    "reference raising": lambda a: raised_by(
        gt.GradTwinError, lambda: gt.check_gradient(np.tanh, derivative=sine_of, inputs=(a["x"],), reference=raising)
    ),
    "too slow": gradient(derivative=spinning, timeout=0.3, verdict="inconclusive"),
    "in time": gradient(derivative=sine_of, timeout=60),
    "reckless": lambda a: gt.check_gradient(reckless, derivative=sine_of, inputs=(a["x"],)),
    "drawn": lambda a: gt.check_gradient(np.tanh, derivative=sine_of, signature="(n)->(n)", examples=10),
    "drawn wrong": lambda a: gt.check_gradient(np.tanh, derivative=np.cos, signature="(n)->(n)", examples=10),
    "no sense": lambda a: raised_by(gt.GradTwinError, lambda: gt.check_gradient(np.tanh, inputs=(a["x"],))),
    # the other checks
    "assert_gradient": lambda a: gt.assert_gradient(np.tanh, derivative=sine_of, inputs=(a["x"],)),
    "assert_gradient failing": lambda a: raised_by(
        gt.GradientMismatch, lambda: gt.assert_gradient(np.tanh, derivative=np.cos, inputs=(a["x"],))
    ),
    "check_layer": lambda a: gt.check_layer(Dense(), a["x"]),
    "check_layer random": lambda a: gt.check_layer(Dropping, a["x"]),
    "assert_layer failing": lambda a: raised_by(
        gt.GradientMismatch, lambda: gt.assert_layer(Dense(), a["x"], learning_rate=1.0, param_scale=3.0)
    ),
    "check_model": lambda a: gt.check_model(Net(), a["x"], a["t"]),
    "check_update": lambda a: gt.check_update(descent, "sgd", weights=a["x"]),
    "assert_update failing": lambda a: raised_by(
        gt.GradientMismatch, lambda: gt.assert_update(lambda w, g: w + g, "sgd", weights=a["x"])
    ),
    "compare_network": lambda a: gt.compare_network(KERAS, a["x"], a["t"], loss="mse"),
    "compare": lambda a: gt.compare("softmax", dtypes=["float32"], examples=3),
    "compare wrong": lambda a: gt.compare(
        "mse", modes=["eager"], examples=3, rules={"mse": gt.get_backend("numpy").rules["half-mse"]}
    ),
    "assert_match": lambda a: gt.assert_match("tanh", modes=["eager"], examples=3),
    "train": lambda a: gt.train("regression", steps=2, data=None),
    "train xla": lambda a: gt.train("xor-tanh", steps=1, mode="xla"),
    "selftest": run_little_selftest,
    # backends, models
    "numpy": lambda a: run_backend(a, "numpy", "eager"),
    "eager": lambda a: run_backend(a, "tensorflow", "eager"),
    "graph": lambda a: run_backend(a, "tensorflow", "graph"),
    "xla": lambda a: run_backend(a, "tensorflow", "xla"),
    "model numpy": lambda a: run_model(a, "numpy"),
    "model tensorflow": lambda a: run_model(a, "tensorflow"),
    "no archive": lambda a: raised_by(gt.InputFileError, lambda: gt.Model(NETWORK).load_weights(__file__)),
    "report": lambda a: gt.check_gradient(np.tanh, derivative=np.cos, inputs=(a["x"],))._repr_html_(),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _started():
    """Let TensorFlow start: what that changes is its own."""
    tf.function(tf.tanh, jit_compile=True)(tf.constant([1.0]))
    tf.compat.v1.get_default_graph()


@pytest.mark.parametrize("name", CALLS)
def test_a_call_changes_nothing(name):
    arrays = make_arrays()
    before, arrays_before = fingerprint(), state_of(arrays)
    CALLS[name](arrays)
    assert not changes(before, fingerprint())
    assert state_of(arrays) == arrays_before


def test_the_fixture_changes_nothing(gradtwin):
    arrays = make_arrays()
    before, arrays_before = fingerprint(), state_of(arrays)
    gradtwin.assert_gradient(dense, vjp=dense_vjp, inputs=tuple(arrays[name] for name in ALL))
    gradtwin.assert_layer(Dense(), arrays["x"])
    gradtwin.assert_update(descent, "sgd", weights=arrays["x"])
    gradtwin.assert_match("tanh", modes=["eager"], examples=2)
    assert not changes(before, fingerprint())
    assert state_of(arrays) == arrays_before


def test_files_are_closed_and_nothing_else_is_left(tmp_path):
    model, path = gt.Model(NETWORK), tmp_path / "w.npz"
    before = fingerprint()
    model.save(path)
    model.load_weights(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other.npy", b"no array")
    raised_by(gt.InputFileError, lambda: model.load_weights(path))
    assert not changes(before, fingerprint())
    assert [file.name for file in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.filterwarnings("ignore")
def test_a_change_of_any_part_is_seen(part):
    before = fingerprint()
    undo = DISTURB[part]()
    try:
        changed = changes(before, fingerprint())
    finally:
        undo()
    assert part in changed
    assert part not in changes(before, fingerprint())


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.__setitem__((0, 0), 9),
        lambda x: x.setflags(write=False),
        lambda x: setattr(x, "shape", (3, 5)),
        lambda x: setattr(x, "dtype", ">f8"),
    ],
)
def test_a_change_of_an_array_is_seen(change):
    arrays = make_arrays()
    before = state_of(arrays)
    change(arrays["x"])
    assert state_of(arrays) != before


def test_without_protection_a_reckless_function_is_seen():
    before = fingerprint()
    state, options = np.random.get_state(), np.get_printoptions()
    with warnings.catch_warnings(), np.errstate():
        gt.check_gradient.__wrapped__(reckless, derivative=sine_of, inputs=(make_arrays()["x"],))
        changed = changes(before, fingerprint())
    np.random.set_state(state)
    np.set_printoptions(**options)
    assert {"numpy.random", "random", "print options", "warnings"} <= set(changed)
