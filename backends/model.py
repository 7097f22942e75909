"""A network with weights on one backend: fit, predict, save and load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradtwin.arguments import check_seed
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, GradTwinError, InputFileError, ShapeError
from gradtwin.files import read_arrays, write_arrays

from .backend import Trainer
from .interface import Array, is_floating
from .network import Network, check_batch
from .precision import find_dtype
from .registry import get_backend


class Model:
    """A network that is trained on one backend, in one dtype, from weights drawn by `seed` unless they are given.

    Equal seeds draw equal weights on every backend. Data of another floating dtype are converted to the model's.

    Raises ArgumentTypeError and ArgumentValueError for arguments that make no sense, ShapeError for weights that
    aren't the network's, BackendMissingError without the backend's library.

    >>> from gradtwin.backends.network import Layer, Network
    >>> model = Model(Network([Layer("dense", {"w": (2, 1), "b": (1,)})], "mse"), learning_rate=0.1)
    >>> len(model.fit(np.ones((5, 2)), np.ones((5, 1)), epochs=3, batch=2))
    9
    """

    def __init__(
        self,
        network: Network,
        backend: str = "numpy",
        mode: str = "eager",
        *,
        weights: Mapping[str, Array] | None = None,
        seed: int = 0,
        dtype: str = "float64",
        learning_rate: float = 0.01,
    ) -> None:
        if not isinstance(network, Network):
            raise ArgumentTypeError(f"network: got {type(network).__name__}; expected a gt.Network.")
        if not network.shapes:
            raise ArgumentValueError("network: it has no parameters; expected at least one layer that has, to train.")
        if dtype == "bfloat16":
            raise ArgumentValueError("dtype: bfloat16 is not NumPy's own; expected float16, float32 or float64.")
        self.network = network
        self.dtype = find_dtype(dtype)
        self.learning_rate = _check_rate(learning_rate)
        self._backend = (backend, mode)
        self._trainer: Trainer
        check_seed(seed)
        network.check_memory(self.dtype)
        self.set_weights(network.draw_weights(seed) if weights is None else weights)

    @property
    def weights(self) -> dict[str, Array]:
        """Copies of the weights by name, in the order of the layers, which is that of Keras' `set_weights`."""
        return self._trainer.weights()

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Replace the weights by copies of these; the optimizer's state starts anew.

        Raises ArgumentValueError for names that are missing or too many and for NaN, ShapeError for another shape.
        """
        accepted = _check_weights(self.network, weights, self.dtype)
        backend = get_backend(*self._backend)  # a new one, which keeps nothing that was traced with other weights
        self._trainer = backend.trainer(self.network, accepted, self.learning_rate)

    def save(self, path: str | Path) -> None:
        """Write the weights to an `.npz` file, whole or not at all, in the order that Keras' `set_weights` takes.

        Raises OutputFileError where it can't be written.
        """
        write_arrays(path, self.weights)

    def load_weights(self, path: str | Path) -> None:
        """Replace the weights by those of an `.npz` file, in any order; the optimizer's state starts anew.

        Raises InputFileError for a file that can't be read, and for arrays that aren't the network's weights.
        """
        arrays = read_arrays(path)
        try:
            self.set_weights(arrays)
        except GradTwinError as error:
            raise InputFileError(f"{path}: {error}") from error

    def fit(self, x: Array, y: Array, *, epochs: int = 1, batch: int | None = None, seed: int = 0) -> list[float]:
        """Train, and return the loss of each step, taken before its update.

        With `batch`, each epoch shuffles the samples, by `seed`, and takes so many in each step, in the last one what
        is left; without, each epoch is one step with all of them. Where a loss is not finite it is the last one
        returned: training stops there.

        Raises ArgumentTypeError and ArgumentValueError for data without samples, not of finite floating numbers, or
        of different numbers of samples, and for a batch larger than the data; ShapeError, which names the layer, for
        data that don't fit the network.
        """
        x, y = self._read_pair(x, y)
        check_batch(batch, self._count(x))
        if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
            raise ArgumentValueError(f"epochs: got {epochs!r}; expected a whole number from 1.")
        check_seed(seed)
        rng = np.random.default_rng(seed)
        losses: list[float] = []
        with np.errstate(all="ignore"):  # what overflows is seen in the loss
            for _ in range(epochs):
                for part in self.network.batches(x, y, batch, rng):
                    losses.append(self._trainer.step(*part))
                    if not np.isfinite(losses[-1]):
                        return losses
        return losses

    def predict(self, x: Array) -> Array:
        """Return the network's output. Raises as `fit` does for x."""
        x = self._read("x", x)
        self.network.output_shape(x)
        with np.errstate(all="ignore"):
            return self._trainer.predict(x)

    def loss(self, x: Array, y: Array) -> float:
        """Return the loss at the present weights. Raises as `fit` does."""
        x, y = self._read_pair(x, y)
        check_batch(None, self._count(x))
        with np.errstate(all="ignore"):
            return self._trainer.loss(x, y)

    def _read_pair(self, x: Array, y: Array) -> tuple[Array, Array]:
        x, y = self._read("x", x), self._read("y", y)
        if self._count(x) != self._count(y):
            raise ShapeError(
                f"x has shape {x.shape} and y {y.shape}, {self._count(x)} and {self._count(y)} samples in "
                f"{self.network.samples}; expected as many."
            )
        self.network.validate(x, y)
        return x, y

    def _read(self, name: str, given: Array) -> Array:
        array = _check_floating(name, given)
        if array.ndim == 0:
            raise ShapeError(f"{name}: got a single number; expected an array with samples in {self.network.samples}.")
        with np.errstate(over="ignore"):  # an overflow is refused as what it becomes
            converted = np.asarray(array, dtype=self.dtype)
        _check_finite(name, converted)
        return converted

    def _count(self, array: Array) -> int:
        return int(array.shape[self.network.sample_axis])


def _check_rate(learning_rate: float) -> float:
    if isinstance(learning_rate, bool) or not isinstance(learning_rate, int | float | np.floating):
        raise ArgumentTypeError(f"learning_rate: got {learning_rate!r}; expected a number.")
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ArgumentValueError(f"learning_rate: got {learning_rate}; expected a finite number above 0.")
    return float(learning_rate)


def _check_weights(network: Network, weights: Mapping[str, Array], dtype: np.dtype[Any]) -> dict[str, Array]:
    """Return the weights in the network's order and in a dtype, or raise an error naming what is wrong with them."""
    shapes = network.shapes
    missing, extra = ([n for n in one if n not in other] for one, other in ((shapes, weights), (weights, shapes)))
    if missing or extra:
        raise ArgumentValueError(
            f"weights: {', '.join(missing) or 'nothing'} missing, {', '.join(map(str, extra)) or 'nothing'} unknown; "
            f"expected {', '.join(shapes) or 'none'}."
        )
    accepted = {}
    for name, shape in shapes.items():
        array = _check_floating(f"weights: {name}", weights[name])
        if array.shape != shape:
            raise ShapeError(f"weights: {name} has shape {array.shape}; expected {shape}.")
        with np.errstate(over="ignore"):  # as with data
            accepted[name] = np.asarray(array, dtype=dtype)
        _check_finite(f"weights: {name}", accepted[name])
    return accepted


def _check_floating(name: str, given: Any) -> Array:
    if not isinstance(given, np.ndarray):
        raise ArgumentTypeError(f"{name}: got {type(given).__name__}; expected an array. Convert it with np.asarray.")
    if not is_floating(given.dtype):
        raise ArgumentTypeError(
            f"{name}: got dtype {given.dtype}; expected floating numbers. Convert it, for example with "
            f".astype(np.float64)."
        )
    return given


def _check_finite(name: str, array: Array) -> None:
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise ArgumentValueError(
            f"{name}: {bad} of {array.size} elements are NaN or infinite in {array.dtype}; expected finite numbers."
        )
