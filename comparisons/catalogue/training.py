"""Training in lock step: each step, from the same weights and batch, every rule on both backends is compared.

Beside it each backend trains freely from the same start; how far the two drift apart, and when they first decide
differently, is a curve and a step, not a verdict, for rounding errors grow along a trajectory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from gradtwin.arguments import check_seed
from gradtwin.backends.backend import Backend
from gradtwin.backends.interface import Array, Call
from gradtwin.backends.network import Network, check_batch
from gradtwin.backends.precision import find_dtype
from gradtwin.backends.registry import get_backend
from gradtwin.comparisons.catalogue.scenarios import find_scenario
from gradtwin.comparisons.catalogue.scenarios.interface import Decision, Request, Scenario, ScenarioData
from gradtwin.comparisons.checks.operation import compare_answers, run_judged
from gradtwin.comparisons.guards.isolation import isolated
from gradtwin.comparisons.judging.comparator import merge_checks
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Cause, Check, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.errors import ArgumentValueError, unknown_name
from gradtwin.progress import Progress

from .training_data import prepare_data, read_data, start_from
from .training_pictures import make_picture


@isolated
def train(
    scenario: str,
    *,
    steps: int | None = None,
    learning_rate: float | None = None,
    batch: int | None = None,
    loss: str | None = None,
    activation: str | None = None,
    init_mean: float | None = None,
    dtype: str = "float64",
    mode: str = "graph",
    data: str | Path | Mapping[str, Array] | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """W_t+1 = step(W_t, ∂L/∂W): train a published network on NumPy and on TensorFlow in lock step.

    At each step both sides start from the same weights and batch, and every rule is compared. Both also train freely;
    their drift is shown and has no verdict. A setting that is not given is the published one.

    Parameters
    ----------
    scenario : str
        The name of a published network; `gradtwin list scenarios` lists them.
    steps : int, optional
        The number of steps.
    learning_rate : float, optional
        The learning rate.
    batch : int, optional
        The number of samples in a step.
    loss : str, optional
        Another loss of the catalogue.
    activation : str, optional
        Another activation, if the scenario lets you choose.
    init_mean : float, optional
        A number that is added to the start weights, if the scenario lets you choose.
    dtype : str, default "float64"
        The dtype to train in: "float16", "float32" or "float64".
    mode : str, default "graph"
        TensorFlow's mode: "eager", "graph" or "xla".
    data : str, Path or mapping, optional
        An `.npz` file, or a mapping, with x_train, y_train, x_test and y_test, all with samples first; `regression`
        also takes start weights under their names. Or "mnist".
    seed : int, optional
        The seed of data, start weights and batches.
    progress : callable, optional
        Called with (steps done, steps in all, what is being done).

    Returns
    -------
    Report
        One check for each operation and array. `to_dict` has the losses, one for each step and taken before its
        update, the weights, the metrics and the drift.

    Raises
    ------
    ArgumentValueError
        If a name is not known, or a number is impossible.
    InputFileError
        If the data can't be read, or don't fit the network.

    Notes
    -----
    A summed batch of single-sample steps takes its rate over √batch in `digits-conv` (Krizhevsky, *One weird trick for
    parallelizing convolutional neural networks*, 2014, section 5). The allowed error is derived, as by `compare`.

    Examples
    --------
    >>> import gradtwin as gt
    >>> report = gt.train("regression", steps=3, mode="eager")
    >>> report.verdict, len(report.to_dict()["loss"]["numpy"])
    ('match', 3)
    """
    published = find_scenario(scenario)
    seed = published.seed if seed is None else seed
    check_seed(seed)
    if learning_rate is not None and not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ArgumentValueError(f"learning_rate: got {learning_rate}; expected a finite number above 0.")
    if steps is not None and steps < 1:
        raise ArgumentValueError(f"steps: got {steps}; expected at least 1.")
    if dtype == "bfloat16":
        raise ArgumentValueError(
            "dtype: got bfloat16, whose products NumPy widens; expected float16, float32 or float64."
        )
    request = Request(seed, read_data(data), activation, init_mean)
    _check_options(published, request)
    network, given = published.prepare(request)
    given = replace(given, weights=start_from(request.arrays, network, given.weights))
    if loss is not None:
        network = replace(network, loss=loss)
    prepared = prepare_data(given, find_dtype(dtype), network)
    count = prepared.x_train.shape[network.sample_axis]
    check_batch(batch, count)
    size = min(published.batch, count) if batch is None and published.batch else batch
    per_epoch = 1 if size is None else -(-count // size)
    wanted = published.count_steps(count, size) if steps is None else steps
    learning_rate = published.scale_rate(size) if learning_rate is None else learning_rate

    left, right = get_backend("numpy"), get_backend("tensorflow", mode)
    run = _Run(network, prepared, published.decision, learning_rate, left, right)
    with threadpool_limits(
        1, "blas"
    ):  # the matrices are small: threads would wait for each other longer than they work
        for number, (x, target) in enumerate(_batches(network, prepared, size, wanted)):
            if progress and number % 10 == 0:
                progress(number, wanted, f"{scenario} {dtype} {mode}")
            run.step(number, x, target, test=number % per_epoch == 0)
            if run.stopped:
                break
    options = {
        "steps": wanted, "learning-rate": learning_rate, "batch": size, "loss": network.loss, "activation": activation,
        "init-mean": init_mean, "dtype": dtype, "mode": mode, "seed": seed,
        "data": data if isinstance(data, str | Path) else None,
    }  # fmt: skip
    words = [f"--{name}={value}" for name, value in options.items() if value is not None]
    with np.errstate(all="ignore"):  # a run that has overflown is reported too
        summary = run.summary(scenario, per_epoch)
        summary["picture"] = make_picture(published.picture, network, prepared, run.trainers)
    return Report(
        "train", run.checks(), seed, f"gradtwin train {scenario} {' '.join(words)}", describe_environment(), summary
    )


def _check_options(scenario: Scenario, request: Request) -> None:
    for name in ("activation", "init_mean"):
        if getattr(request, name) is not None and name not in scenario.options:
            raise ArgumentValueError(
                f"{name}: {scenario.name} has no such option; it has {', '.join(scenario.options) or 'none'}."
            )
    if request.activation is not None and request.activation not in scenario.activations:
        raise unknown_name("activation", request.activation, scenario.activations)
    if request.init_mean is not None and not np.isfinite(request.init_mean):
        raise ArgumentValueError(f"init_mean: got {request.init_mean}; expected a finite number.")


def _batches(network: Network, data: ScenarioData, size: int | None, steps: int) -> Iterator[tuple[Array, Array]]:
    """Yield so many batches, over the training data again and again, in their order."""
    left = steps
    while left > 0:
        for x, target in network.batches(data.x_train, data.y_train, size):
            yield x, target
            left -= 1
            if left == 0:
                return


@dataclass
class _Curves:
    """The curves of one backend's free run: a loss for each step, and for each epoch."""

    train: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)


#: What to do about a loss that is not finite before any update.
FIRST_STEP = (
    "Nothing was updated yet: the loss can't take these outputs, or data or weights are too large for the dtype."
)

#: Checks of one thing that are kept before they are merged.
KEPT = 256


class _Run:
    """The two free runs, the comparison at the NumPy run's weights, and their results."""

    def __init__(
        self,
        network: Network,
        data: ScenarioData,
        decision: Decision,
        learning_rate: float,
        left: Backend,
        right: Backend,
    ) -> None:
        self.network, self.data, self.decision = network, data, decision
        self.backends = {"numpy": left, "tensorflow": right}
        self.trainers = {n: b.trainer(network, data.weights, learning_rate) for n, b in self.backends.items()}
        self.curves = {name: _Curves() for name in self.backends}
        self.drift: list[float] = []
        self.differing: int | None = None
        self.stopped: str | None = None
        self._rate = np.asarray(learning_rate, dtype=data.x_train.dtype)
        self._weights = {name: trainer.weights() for name, trainer in self.trainers.items()}
        self._found: dict[str, list[Check]] = {}

    def step(self, number: int, x: Array, target: Array, test: bool) -> None:
        """Compare every rule at the NumPy run's weights, then let both runs take their own step."""
        with np.errstate(all="ignore"):
            self._compare(number, x, target)
            if test:
                self._test(number)
            for name, trainer in self.trainers.items():
                loss = trainer.step(x, target)
                self.curves[name].train.append(loss)
                if self.stopped is None and not np.isfinite(loss):
                    where = self._find_not_finite(self.backends[name], self._weights[name], x)
                    advice = "Lower the learning rate." if number else FIRST_STEP
                    self.stopped = f"the loss on {name} is {loss} at step {number}, {where}; training stopped. {advice}"
            self._weights = {name: trainer.weights() for name, trainer in self.trainers.items()}
            left, right = self._weights.values()
            self.drift.append(max(_distance(left[name], right[name]) for name in left))

    def checks(self) -> tuple[Check, ...]:
        """Return one check for each rule and quantity, over all steps."""
        checks = [replace(merge_checks(found), name=name) for name, found in self._found.items()]
        if self.stopped:
            cause = Cause("nan", True, "", self.stopped)
            titles = Titles("training", self.data.x_train.dtype.name, self.backends["tensorflow"].mode)
            checks.append(titles.undecided("loss stays finite", "value", cause))
        return tuple(checks)

    def summary(self, scenario: str, per_epoch: int) -> dict[str, Any]:
        """Return the keys of the JSON report that only training has."""
        weights = {side: {name: w.tolist() for name, w in arrays.items()} for side, arrays in self._weights.items()}
        return {
            "scenario": scenario,
            "steps": len(self.drift),
            "steps_per_epoch": per_epoch,
            "loss": {name: curves.train for name, curves in self.curves.items()},
            "test_loss": {name: curves.test for name, curves in self.curves.items()},
            "metrics": {name: self._metrics(trainer) for name, trainer in self.trainers.items()},
            "weights": weights,
            "true_weights": {name: w.tolist() for name, w in (self.data.true_weights or {}).items()},
            "drift": self.drift,
            "decisions_differ_at": self.differing,
        }

    def _test(self, number: int) -> None:
        """Take the test loss, and see whether both runs decide alike."""
        decisions = []
        for name, trainer in self.trainers.items():
            self.curves[name].test.append(trainer.loss(self.data.x_test, self.data.y_test))
            if self.decision != "none" and self.differing is None:
                decisions.append(self._decide(trainer.predict(self.data.x_test)))
        if decisions and not np.array_equal(decisions[0], decisions[1]):
            self.differing = number

    def _decide(self, y: Array) -> Array:
        return y.argmax(axis=-1) if self.decision == "largest" else y > 0.5

    def _metrics(self, trainer: Any) -> dict[str, float]:
        data = self.data
        y = trainer.predict(data.x_test)
        metrics = {
            "train_loss": trainer.loss(data.x_train, data.y_train),
            "test_loss": trainer.loss(data.x_test, data.y_test),
            "train_mse": _mean_square(trainer.predict(data.x_train), data.y_train),
            "test_mse": _mean_square(y, data.y_test),
            "max_output_error": float(np.max(np.abs(y - data.y_test), initial=0.0)),
        }
        if self.decision != "none":
            metrics["accuracy"] = float(np.mean(self._decide(y) == self._decide(data.y_test)))
        if data.true_weights:
            weights = trainer.weights()
            errors = [_distance(weights[p], true, 1.0) for p, true in data.true_weights.items()]
            metrics["max_weight_error"] = max(errors)
        return metrics

    def _compare(self, number: int, x: Array, target: Array) -> None:
        """Compare each layer, from the loss backwards, on the same inputs and upstream gradient, then each update."""
        left, right = self.backends.values()
        weights, states = self._weights["numpy"], self.trainers["numpy"].state()
        layers = [(layer.bound, list(layer.parameters)) for layer in self.network.layers]
        y, inputs = x, []
        for operation, parameters in layers:
            inputs.append((y, *[weights[p] for p in parameters]))
            y = left.value(operation, *inputs[-1])
        loss, optimizer = self.network.bound_loss, self.network.bound_optimizer
        if not np.isfinite(left.value(loss, y, target)):
            return  # the run stops at this step and names it; patterns of infinities prove nothing
        judged = {"loss": run_judged(Call(loss, (y, target), np.ones((), dtype=y.dtype)), left)}
        y_bar = judged["loss"].results[1]
        for depth in reversed(range(len(layers))):
            operation, parameters = layers[depth]
            where = f"layer {depth} ({operation.name})"
            judged[where] = run_judged(Call(operation, inputs[depth], y_bar), left)
            y_bar, *gradients = judged[where].results[1:]
            for name, gradient in zip(parameters, gradients, strict=True):
                assert gradient is not None
                update = (weights[name], *states[name], gradient, self._rate)
                judged[f"{where}, {name}"] = run_judged(Call(optimizer, update), left)
        for where, checks in zip(judged, compare_answers(list(judged.values()), right), strict=True):
            self._keep(number, where, checks)

    def _keep(self, number: int, where: str, checks: list[Check]) -> None:
        """Keep the checks with those of earlier steps; a mismatch names its first step."""
        for check in checks:
            found = self._found.setdefault(f"{where}: {check.name}", [])
            if check.verdict == "mismatch" and not any(before.verdict == "mismatch" for before in found):
                first = Cause("unknown", False, str(number), f"first at step {number}.")
                check = replace(check, causes=(*check.causes, first))
            found.append(check)
            if len(found) == KEPT:
                found[:] = [merge_checks(found)]

    def _find_not_finite(self, backend: Backend, weights: Mapping[str, Array], x: Array) -> str:
        """Return the words for the first layer whose output is not finite."""
        for depth, layer in enumerate(self.network.layers):
            x = backend.value(layer.bound, x, *[weights[p] for p in layer.parameters])
            if not np.isfinite(x).all():
                return f"first not finite after layer {depth} ({layer.operation})"
        return "all layers' outputs being finite"


def _mean_square(y: Array, target: Array) -> float:
    return float(np.mean((y.astype(np.float64) - target) ** 2))


def _distance(left: Array, right: Array, unit: float | None = None) -> float:
    """Return max |left − right|, in units of max |left| unless another is given."""
    if left.size == 0:
        return 0.0
    scale = float(np.max(np.abs(left))) if unit is None else unit
    gap = float(np.max(np.abs(left.astype(np.float64) - right)))
    return gap / scale if scale > 0 else gap
