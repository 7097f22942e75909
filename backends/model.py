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
    """A network with weights on one backend: fit, predict, save and load.

    Data of another floating dtype are converted to the model's.

    Parameters
    ----------
    network : Network
        The layers, the loss and the optimizer.
    backend : str, default "numpy"
        "numpy" or "tensorflow".
    mode : str, default "eager"
        A mode of the backend; TensorFlow has "eager", "graph" and "xla".
    weights : mapping, optional
        The start weights by name, of floating dtypes. By default drawn; equal seeds draw equal weights on every
        backend.
    seed : int, default 0
        The seed of drawn weights.
    dtype : str, default "float64"
        "float16", "float32" or "float64".
    learning_rate : float, default 0.01
        The optimizer's learning rate.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        If an argument makes no sense.
    ShapeError
        If the weights are not the network's.
    BackendMissingError
        If the backend's library is not installed.

    Examples
    --------
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
            raise ArgumentValueError("network: it has no parameters; expected at least one layer with parameters.")
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
        """Copies of the weights by name, in the order of the layers and of Keras's `set_weights`."""
        return self._trainer.weights()

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Replace the weights by copies of these; the optimizer's state starts anew.

        Parameters
        ----------
        weights : mapping
            One array for each parameter, by name, with its shape and a floating dtype.

        Raises
        ------
        ArgumentTypeError
            If a weight is not an array of floating numbers.
        ArgumentValueError
            If names are missing or unknown, or a weight has NaN or infinities.
        ShapeError
            If a weight has another shape.

        Examples
        --------
        >>> from gradtwin.backends.network import Layer, Network
        >>> model = Model(Network([Layer("dense", {"w": (2, 1), "b": (1,)})], "mse"))
        >>> model.set_weights({"w": np.ones((2, 1)), "b": np.zeros(1)})
        >>> model.predict(np.ones((1, 2))).tolist()
        [[2.0]]
        """
        accepted = _check_weights(self.network, weights, self.dtype)
        backend = get_backend(*self._backend)  # a new one, which keeps nothing that was traced with other weights
        self._trainer = backend.trainer(self.network, accepted, self.learning_rate)

    def save(self, path: str | Path) -> None:
        """Write the weights to an `.npz` file, whole or not at all, in the order of Keras's `set_weights`.

        Parameters
        ----------
        path : str or Path
            The file.

        Raises
        ------
        OutputFileError
            If the file can't be written.

        Examples
        --------
        >>> import tempfile
        >>> from gradtwin.backends.network import Layer, Network
        >>> model = Model(Network([Layer("dense", {"w": (2, 1), "b": (1,)})], "mse"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/weights.npz")
        ...     model.load_weights(f"{folder}/weights.npz")
        """
        write_arrays(path, self.weights)

    def load_weights(self, path: str | Path) -> None:
        """Replace the weights by those of an `.npz` file, in any order; the optimizer's state starts anew.

        Parameters
        ----------
        path : str or Path
            A file that `save` wrote, or another one with an array for each parameter, by name.

        Raises
        ------
        InputFileError
            If the file can't be read, or its arrays are not the network's weights.

        Examples
        --------
        See `save`.
        """
        arrays = read_arrays(path)
        try:
            self.set_weights(arrays)
        except GradTwinError as error:
            raise InputFileError(f"{path}: {error}") from error

    def fit(self, x: Array, y: Array, *, epochs: int = 1, batch: int | None = None, seed: int = 0) -> list[float]:
        """Train, and return the loss of each step, before its update.

        Training stops after the first loss that is not finite.

        Parameters
        ----------
        x, y : ndarray
            Inputs and targets, of floating dtypes: (n, ...) each, or (..., n) if the network's samples are columns.
        epochs : int, default 1
            The number of passes over the data.
        batch : int, optional
            The number of samples in a step. Each epoch then shuffles the samples, and its last step has what is left.
            By default each epoch is one step with all samples.
        seed : int, default 0
            The seed of the shuffling.

        Returns
        -------
        list of float
            One loss for each step.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError
            If the data have no samples, are not finite floating numbers, or `batch`, `epochs` or `seed` is impossible.
        ShapeError
            If the data don't fit the network; the message names the layer.

        Examples
        --------
        >>> from gradtwin.backends.network import Layer, Network
        >>> model = Model(Network([Layer("dense", {"w": (1, 1), "b": (1,)})], "mse"), learning_rate=0.1)
        >>> losses = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=20)
        >>> losses[-1] < losses[0]
        True
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
        """Return the network's output.

        Parameters
        ----------
        x : ndarray
            A batch of inputs, of a floating dtype.

        Returns
        -------
        ndarray
            The output, in the model's dtype.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError
            If x is not an array of finite floating numbers.
        ShapeError
            If x doesn't fit the network; the message names the layer.

        Examples
        --------
        >>> from gradtwin.backends.network import Layer, Network
        >>> Model(Network([Layer("dense", {"w": (2, 3), "b": (3,)})], "mse")).predict(np.ones((5, 2))).shape
        (5, 3)
        """
        x = self._read("x", x)
        self.network.output_shape(x)
        with np.errstate(all="ignore"):
            return self._trainer.predict(x)

    def loss(self, x: Array, y: Array) -> float:
        """Return the loss at the present weights.

        Parameters
        ----------
        x, y : ndarray
            Inputs and targets, as `fit` takes them.

        Returns
        -------
        float
            The loss.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError, ShapeError
            As `fit` does.

        Examples
        --------
        >>> from gradtwin.backends.network import Layer, Network
        >>> model = Model(Network([Layer("dense", {"w": (2, 1), "b": (1,)})], "sse"))
        >>> model.set_weights({"w": np.ones((2, 1)), "b": np.zeros(1)})
        >>> model.loss(np.ones((1, 2)), np.ones((1, 1)))
        1.0
        """
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
        with np.errstate(over="ignore"):  # an overflow is refused as the infinity that it becomes
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
    """Return the weights in the network's order and in a dtype, or raise an error that names the fault."""
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
