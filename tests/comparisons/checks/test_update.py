"""Optimizer steps as people write them against Keras's: right ones match, and what is wrong is named."""

import keras
import numpy as np
import pytest
from update_steps import (
    ADAM,
    RIGHT,
    WRONG,
    Adam,
    ChangesGradients,
    Momentum,
    RestartsState,
    RMSprop,
    Stuck,
    adagrad,
    adagrad_plain_root,
    adam,
    adam_of_config,
    rmsprop_of_config,
    sgd,
    wrong,
)

import gradtwin as gt
from gradtwin.comparisons.checks.update import check_update
from gradtwin.comparisons.subjects.update_rules import Hyper, follow


def snapshot(value):
    return {key: repr(item) for key, item in vars(value).items()} if hasattr(value, "__dict__") else None


@pytest.mark.parametrize("name", RIGHT)
def test_right_steps_match(name):
    step, optimizer = RIGHT[name]
    before, floatx = snapshot(step), keras.config.floatx()
    report = check_update(step, optimizer)
    assert report.ok, str(report)
    updates = [check for check in report.checks if check.stage == "update"]
    assert [check.name for check in updates] == [f"weights after step {t}" for t in range(1, len(updates) + 1)]
    assert len(updates) > 1
    assert snapshot(step) == before
    assert keras.config.floatx() == floatx


@pytest.mark.parametrize("name", WRONG)
def test_wrong_steps_are_named(name):
    step, optimizer, cause, text = WRONG[name]
    before = snapshot(step)
    report = check_update(step, optimizer)
    assert report.verdict == "mismatch", str(report)
    failed = next(check for check in report.checks if check.verdict == "mismatch")
    assert failed.causes[0].cause == cause, failed.causes
    assert text in failed.causes[0].text
    assert snapshot(step) == before


def test_a_changed_gradient_is_a_side_effect():
    report = check_update(ChangesGradients(), "momentum")
    causes = [cause.cause for check in report.checks if check.stage == "side-effect" for cause in check.causes]
    assert causes == ["mutated-input"]


def test_what_parts_first_is_named():
    report = check_update(Stuck(), ADAM)
    failed = [check for check in report.checks if check.verdict == "mismatch"]
    assert failed[0].name == "weights after step 2"  # the first is right: t is 1
    report = check_update(RestartsState(), "momentum")
    failed = [check for check in report.checks if check.verdict == "mismatch"]
    assert "state variable v differs from Keras's from step 2 on" in failed[0].causes[0].text


def test_the_papers_form_of_adam_is_a_note():
    assert any("Kingma" in note for note in check_update(Adam(), ADAM).extra["notes"])
    assert not any("Kingma" in note for note in check_update(adam, "adam").extra["notes"])


#: Another published form, the optimizer that it is given, and what the note says.
FORMS = {
    "rmsprop": (wrong(RMSprop, root=lambda self, v: np.sqrt(v) + self.epsilon), "rmsprop", "outside the root"),
    "adagrad": (
        adagrad_plain_root,
        keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.0),
        "outside the root",
    ),
    "adagrad from 0": (adagrad, "adagrad", "starts at 0"),
    "adagrad from 0, outside": (adagrad_plain_root, "adagrad", "starts at 0"),
}


@pytest.mark.parametrize("name", FORMS)
def test_another_published_form_is_a_note(name):
    step, optimizer, words = FORMS[name]
    report = check_update(step, optimizer)
    assert report.ok, str(report)
    assert any(words in note for note in report.extra["notes"])


def test_a_form_that_is_kerass_has_no_note():
    assert not any("judged" in note for note in check_update(RMSprop(), "rmsprop").extra["notes"])


def test_names_take_the_steps_own_numbers():
    report = check_update(Adam(0.02, 0.8), "adam")
    assert report.ok, str(report)
    assert any("learning_rate=0.02, beta_1=0.8" in note for note in report.extra["notes"])


@pytest.mark.parametrize(
    ("step", "optimizer", "numbers"),
    [
        (rmsprop_of_config, "rmsprop", "learning_rate=0.01, epsilon=1e-08, rho=0.99"),
        (adam_of_config, "adam", "learning_rate=0.002, beta_1=0.8, beta_2=0.99, epsilon=1e-06"),
    ],
)
def test_numbers_that_the_step_puts_into_its_config_are_taken(step, optimizer, numbers):
    report = check_update(step, optimizer)
    assert report.ok, str(report)
    assert any(numbers in note for note in report.extra["notes"])


def test_a_config_that_is_given_goes_before_what_the_step_puts_into_it():
    report = check_update(adam_of_config, "adam", config={"learning_rate": 0.5})
    assert report.ok, str(report)
    assert any("learning_rate=0.5, beta_1=0.8" in note for note in report.extra["notes"])


def test_a_late_counter_is_found_with_the_numbers_of_the_config():
    def late(w, dw, config=None):
        return adam_of_config(w, dw, config, last=1)

    report = check_update(late, "adam")
    failed = next(check for check in report.checks if check.verdict == "mismatch")
    assert failed.causes[0].cause == "stale-value"
    assert "one too high" in failed.causes[0].text


def test_the_state_that_parts_has_a_name_whatever_it_is_kept_under():
    def without_rho(w, dw, config=None):
        config = {"learning_rate": 0.01, "cache": np.zeros_like(w)} if config is None else config
        config["cache"] = 0.5 * config["cache"] + 0.1 * dw**2
        return w - config["learning_rate"] * dw / (np.sqrt(config["cache"]) + 1e-7), config

    words = " ".join(str(check_update(without_rho, "rmsprop")).split())
    assert "state variable cache differs from Keras's from step 2 on" in words


def test_what_is_nan_on_both_sides_decides_nothing():
    zeros = [np.zeros(3)] * 2
    optimizer = keras.optimizers.RMSprop(0.01, epsilon=0.0)
    report = check_update(
        lambda w, g, s: (w - 0.01 * g / np.sqrt(s), s), optimizer, weights=np.ones(3), gradients=zeros
    )
    assert report.verdict == "inconclusive", str(report)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes(dtype):
    assert check_update(Momentum(), "momentum", dtype=dtype).ok
    assert not check_update(wrong(Momentum, 0.011), keras.optimizers.SGD(0.01, momentum=0.9), dtype=dtype).ok


def test_given_weights_and_gradients():
    rng = np.random.default_rng(1)
    report = check_update(sgd, "sgd", weights=rng.normal(size=(2, 2)), gradients=rng.normal(size=(3, 2, 2)))
    assert report.ok
    assert sum(check.stage == "update" for check in report.checks) == 3


RULES = {
    "sgd": {"learning_rate": 0.1},
    "SGD": {"learning_rate": 0.1, "momentum": 0.9},
    "Sgd": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    "rmsprop": {"learning_rate": 0.1},
    "RMSprop": {"learning_rate": 0.1, "momentum": 0.5},
    "adagrad": {"learning_rate": 0.1},
    "adam": {"learning_rate": 0.1, "epsilon": 1e-3},
    "adamw": {"learning_rate": 0.1, "weight_decay": 0.1},
}


@pytest.mark.parametrize("name", RULES)
def test_the_rules_are_keras_s(name):
    """A user's step that is the re-implementation itself must match Keras."""
    hyper = Hyper(name.lower(), **RULES[name])
    seen = []

    def step(w, g):
        if len(seen) and seen[-1][2].shape == w.shape and np.array_equal(seen[-1][2], w):
            start, pulls = seen[-1][0], [*seen[-1][1], g]
        else:
            start, pulls = w, [g]
        after = follow(hyper, start.ravel(), [p.ravel() for p in pulls], np.zeros(w.size)).weights[-1].reshape(w.shape)
        seen.append((start, pulls, after))
        return after

    kinds = {kind.lower(): getattr(keras.optimizers, kind) for kind in ("SGD", "RMSprop", "Adagrad", "Adam", "AdamW")}
    assert check_update(step, kinds[name.lower()](**RULES[name])).ok


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((sgd, "adamm"), gt.ArgumentValueError, "adam"),
        ((sgd, 3), gt.ArgumentTypeError, "optimizer"),
        ((3, "sgd"), gt.ArgumentTypeError, "step"),
        ((lambda w, g, wobble: w - g, "sgd"), gt.ArgumentValueError, "'wobble'"),
        ((object(), "sgd"), gt.ArgumentTypeError, "step"),
    ],
)
def test_impossible_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        check_update(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": "a"}, "steps: got 'a'; expected a whole number"),
        ({"steps": 1.5}, "steps: got 1.5"),
        ({"steps": 0}, "steps: got 0"),
        ({"seed": -1}, "seed: got -1"),
        ({"dtype": "float12"}, "dtype: 'float12' is not known"),
        ({"gradients": []}, "gradients: got none; expected one array for each step"),
        ({"gradients": [np.array(["a"])]}, "gradients: got dtype <U1"),
        ({"gradients": [np.array([np.inf])]}, "gradients: got NaN or infinity"),
        ({"weights": np.array([np.nan]), "gradients": [np.ones(1)]}, "weights: got NaN or infinity"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(gt.GradTwinError, match=message):
        check_update(sgd, "sgd", **options)


def decayed(w, g, m, v, t, lr=1e-3):
    after, m, v = adam(w, g, m, v, t, lr)
    return after - lr * 0.05 * w, m, v


def with_l2(w, g, m, v, t, lr=1e-3, weight_decay=0.02):
    return adam(w, g + weight_decay * w, m, v, t, lr)


@pytest.mark.parametrize(("step", "number"), [(decayed, "0.05"), (with_l2, "0.02")])
def test_weight_decay_of_the_steps_own_is_named(step, number):
    report = check_update(step, keras.optimizers.Adam(1e-3, epsilon=1e-8))
    (cause,) = [cause for check in report.checks for cause in check.causes]
    assert (cause.cause, cause.confirmed) == ("missing-term", True)
    assert number in cause.text


def rmsprop_begun(w, g, c=None):
    c = c or {"learning_rate": 1e-2, "rho": 0.9, "epsilon": 1e-7, "mean": np.zeros_like(w)}
    c["mean"] = c["rho"] * c["mean"] + (1 - c["rho"]) * g * g
    return w - c["learning_rate"] * g / np.sqrt(c["mean"] + c["epsilon"]), c


def momentum_begun(w, g, lr=None, v=None, t=None):
    v = 0.9 * (np.zeros_like(w) if v is None else v) - (lr or 0.1) * g
    return w + v, v


@pytest.mark.parametrize(
    ("step", "optimizer"),
    [
        (rmsprop_begun, keras.optimizers.RMSprop(1e-2, rho=0.9)),
        (momentum_begun, keras.optimizers.SGD(0.1, momentum=0.9)),
    ],
)
def test_a_state_that_begins_as_none_is_kept_whatever_its_name(step, optimizer):
    assert check_update(step, optimizer).ok


def test_a_state_that_begins_as_none_and_is_not_kept_is_wrong():
    def forgets(w, g, c=None):
        return rmsprop_begun(w, g)

    assert not check_update(forgets, keras.optimizers.RMSprop(1e-2, rho=0.9)).ok
