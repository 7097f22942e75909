"""Training in lock step: each step, from the same weights and batch, every rule on both backends is compared.

Beside it each backend trains freely from the same start; how far the two drift apart is a curve, not a verdict, for
rounding errors grow along a trajectory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array, Backend
from gradtwin.backends.network import Network
from gradtwin.backends.operations import find_operation
from gradtwin.backends.precision import find_dtype
from gradtwin.backends.registry import get_backend
from gradtwin.comparisons.comparator import merge_checks
from gradtwin.comparisons.operation_check import check_operation
from gradtwin.comparisons.report.data import Cause, Check, Report
from gradtwin.comparisons.report.environment import describe_environment
from gradtwin.comparisons.report.files import read_arrays
from gradtwin.comparisons.scenarios import find_scenario
from gradtwin.comparisons.scenarios.interface import ScenarioData
from gradtwin.comparisons.suite import Progress
from gradtwin.errors import ArgumentValueError, InputFileError


def train(
    scenario: str,
    *,
    steps: int | None = None,
    learning_rate: float | None = None,
    loss: str | None = None,
    dtype: str = "float64",
    mode: str = "eager",
    data: str | Path | Mapping[str, Array] | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Train a scenario on both backends in lock step; what is not given is as published.

    `data` is an `.npz` file, or a mapping, with x_train, y_train, x_test, y_test and, if wanted, start weights under
    their names. The report's `extra` has the losses, taken before each step's update, the weights and the drift.

    Raises ArgumentValueError for unknown names and impossible numbers, InputFileError for data that don't fit.
    """
    published = find_scenario(scenario)
    steps = published.steps if steps is None else steps
    learning_rate = published.learning_rate if learning_rate is None else learning_rate
    seed = published.seed if seed is None else seed
    if steps < 1:
        raise ArgumentValueError(f"steps: got {steps}; expected at least 1.")
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ArgumentValueError(f"learning_rate: got {learning_rate}; expected a finite number above 0.")
    network = published.network
    if loss is not None:
        if find_operation(loss).kind != "loss":
            raise ArgumentValueError(f"loss: {loss!r} is not a loss; expected one such as 'half-mse' or 'rmse'.")
        network = replace(network, loss=loss)
    if dtype == "bfloat16":
        raise ArgumentValueError(
            "dtype: bfloat16 is not NumPy's own, which widens its products; expected another to train in."
        )
    prepared = _prepare(published.make_data(seed, _read_data(data)), find_dtype(dtype))
    left, right = get_backend("numpy"), get_backend("tensorflow", mode)
    run = _Run(network, prepared, learning_rate, left, right)
    for step in range(steps):
        if progress and step % 10 == 0:
            progress(step, steps, f"{scenario} {dtype} {mode}")
        run.step(step)
        if run.stopped:
            break
    words = [f"gradtwin train {scenario} --steps {steps} --learning-rate {learning_rate} --loss {network.loss}"]
    words += [
        f"--dtype {dtype} --mode {mode} --seed {seed}",
        f"--data {data}" if isinstance(data, str | Path) else "",
    ]
    with np.errstate(all="ignore"):  # a run that has overflown is reported too
        summary = run.summary(scenario)
    return Report("train", run.checks(), seed, " ".join(words).strip(), describe_environment(), summary)


@dataclass
class _Losses:
    train: list[float]
    test: list[float]


class _Run:
    """The two free runs, the comparison at the NumPy run's weights, and what came of them."""

    def __init__(
        self, network: Network, data: ScenarioData, learning_rate: float, left: Backend, right: Backend
    ) -> None:
        self.network, self.data = network, data
        self.backends = {"numpy": left, "tensorflow": right}
        self.trainers = {n: b.trainer(network, data.weights, learning_rate) for n, b in self.backends.items()}
        self.losses = {name: _Losses([], []) for name in self.backends}
        self.drift: list[float] = []
        self.stopped: str | None = None
        self._rate = np.asarray(learning_rate, dtype=data.x_train.dtype)
        self._found: dict[str, list[Check]] = {}

    def step(self, number: int) -> None:
        """Compare every rule at the NumPy run's weights, then let both runs take their own step."""
        with np.errstate(all="ignore"):
            self._compare(number)
            for name, trainer in self.trainers.items():
                self.losses[name].test.append(trainer.loss(self.data.x_test, self.data.y_test))
                self.losses[name].train.append(trainer.step(self.data.x_train, self.data.y_train))
                if not np.isfinite(self.losses[name].train[-1]):
                    self.stopped = (
                        f"the loss on {name} is {self.losses[name].train[-1]} at step {number}; training stopped."
                    )
            left, right = (trainer.weights() for trainer in self.trainers.values())
            self.drift.append(max(_distance(left[name], right[name]) for name in left))

    def checks(self) -> tuple[Check, ...]:
        """Return one check for each rule and quantity, over all steps."""
        checks = [merge_checks(found) for found in self._found.values()]
        if self.stopped:
            cause = Cause("nan", True, "", f"{self.stopped} Lower the learning rate.")
            dtype, mode = self.data.x_train.dtype.name, self.backends["tensorflow"].mode
            checks.append(Check("loss stays finite", "training", "value", dtype, mode, "inconclusive", causes=(cause,)))
        return tuple(checks)

    def summary(self, scenario: str) -> dict[str, Any]:
        """Return the keys of the JSON report that only training has."""
        weights = {name: trainer.weights() for name, trainer in self.trainers.items()}
        return {
            "scenario": scenario,
            "steps": len(self.drift),
            "loss": {name: losses.train for name, losses in self.losses.items()},
            "test_loss": {name: losses.test for name, losses in self.losses.items()},
            "metrics": {name: self._metrics(name, weights[name]) for name in self.backends},
            "weights": {side: {name: w.tolist() for name, w in arrays.items()} for side, arrays in weights.items()},
            "true_weights": {name: w.tolist() for name, w in (self.data.true_weights or {}).items()},
            "drift": self.drift,
        }

    def _metrics(self, name: str, weights: Mapping[str, Array]) -> dict[str, float]:
        backend, trainer = self.backends[name], self.trainers[name]
        y = self.data.x_test
        for layer in self.network.layers:
            y = backend.value(layer.operation, y, *[weights[p] for p in layer.parameters])
        metrics = {
            "train_loss": trainer.loss(self.data.x_train, self.data.y_train),
            "test_loss": trainer.loss(self.data.x_test, self.data.y_test),
            "max_output_error": float(np.max(np.abs(y - self.data.y_test), initial=0.0)),
        }
        if self.data.true_weights:
            errors = [_distance(weights[p], true, 1.0) for p, true in self.data.true_weights.items()]
            metrics["max_weight_error"] = max(errors)
        return metrics

    def _compare(self, number: int) -> None:
        left, right = self.backends.values()
        weights = self.trainers["numpy"].weights()
        y = self.data.x_train
        inputs = []
        for layer in self.network.layers:
            inputs.append((y, *[weights[p] for p in layer.parameters]))
            y = left.value(layer.operation, *inputs[-1])
        one = np.ones((), dtype=y.dtype)
        loss_inputs = (y, self.data.y_train)
        self._keep(number, "loss", check_operation(self.network.loss, loss_inputs, one, left, right))
        y_bar = left.value_and_gradients(self.network.loss, *loss_inputs, y_bar=one)[1][0]
        for depth in reversed(range(len(inputs))):
            layer = self.network.layers[depth]
            assert y_bar is not None
            where = f"layer {depth}"
            self._keep(number, where, check_operation(layer.operation, inputs[depth], y_bar, left, right))
            y_bar, *gradients = left.value_and_gradients(layer.operation, *inputs[depth], y_bar=y_bar)[1]
            for name, gradient in zip(layer.parameters, gradients, strict=True):
                assert gradient is not None
                update = (weights[name], gradient, self._rate)
                found = check_operation(self.network.optimizer, update, None, left, right)
                self._keep(number, f"{where}, {name}", found)

    def _keep(self, number: int, where: str, checks: list[Check]) -> None:
        for check in checks:
            if check.verdict == "mismatch" and not any(c.verdict == "mismatch" for c in self._found.get(where, ())):
                first = Cause("unknown", False, str(number), f"first at step {number}.")
                check = replace(check, causes=(*check.causes, first))
            name = f"{where}: {check.name}"
            self._found.setdefault(name, []).append(replace(check, name=name))


def _distance(left: Array, right: Array, unit: float | None = None) -> float:
    """Return max |left − right|, in units of max |left| unless another is given."""
    if left.size == 0:
        return 0.0
    scale = float(np.max(np.abs(left))) if unit is None else unit
    gap = float(np.max(np.abs(left.astype(np.float64) - right)))
    return gap / scale if scale > 0 else gap


def _read_data(data: str | Path | Mapping[str, Array] | None) -> Mapping[str, Array] | None:
    if data is None:
        return None
    arrays = read_arrays(data) if isinstance(data, str | Path) else data
    for name in ("x_train", "y_train", "x_test", "y_test"):
        if name not in arrays:
            raise InputFileError(
                f"data: there is no array {name!r} among {', '.join(sorted(arrays)) or 'none'}; "
                f"expected x_train, y_train, x_test and y_test."
            )
    return arrays


def _prepare(data: ScenarioData, dtype: np.dtype[Any]) -> ScenarioData:
    """Return the data in the dtype asked for, or raise InputFileError for what is not finite numbers."""

    def convert(name: str, array: Array) -> Array:
        if array.dtype.kind != "f":
            raise InputFileError(
                f"data: {name} has dtype {array.dtype}; expected floating numbers. Convert it with .astype(np.float64)."
            )
        bad = int(np.count_nonzero(~np.isfinite(array)))
        if bad:
            raise InputFileError(
                f"data: {name} has {bad} NaN or infinite elements; expected finite numbers. Remove them."
            )
        return np.ascontiguousarray(array, dtype=dtype)

    for part in ("train", "test"):
        x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
        if len(x) != len(y) or len(x) == 0:
            raise InputFileError(
                f"data: x_{part} has shape {x.shape} and y_{part} {y.shape}; expected as many samples, at least one."
            )
    return ScenarioData(
        convert("x_train", data.x_train),
        convert("y_train", data.y_train),
        convert("x_test", data.x_test),
        convert("y_test", data.y_test),
        {name: convert(name, array) for name, array in data.weights.items()},
        None if data.true_weights is None else {n: convert(n, a) for n, a in data.true_weights.items()},
    )
