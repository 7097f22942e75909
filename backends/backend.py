"""What every backend can do: the value and the gradients of an operation, an update, the training of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from .interface import Array, Call, Operation
from .network import Network


class Trainer(Protocol):
    """A network's weights and its optimizer's state on one backend, and the step that trains them."""

    def step(self, x: Array, target: Array) -> float:
        """Do one optimizer's step on a batch, in place, and return the loss before it."""

    def loss(self, x: Array, target: Array) -> float:
        """Return the loss at the present weights."""

    def predict(self, x: Array) -> Array:
        """Return the network's output at the present weights."""

    def weights(self) -> dict[str, Array]:
        """Return a copy of the weights, by name."""

    def state(self) -> dict[str, tuple[Array, ...]]:
        """Return a copy of the optimizer's state for each weight, in the order of the operation's inputs."""


class Backend(Protocol):
    """The methods of every backend, for an operation of the catalogue: its name, or the operation with options bound.

    Examples
    --------
    >>> from gradtwin.backends.registry import get_backend
    >>> backend = get_backend("numpy")
    >>> backend.name, backend.mode
    ('numpy', 'eager')
    """

    name: str
    mode: str

    def value(self, operation: str | Operation, *inputs: Array) -> Array:
        """Y = f(x, …).

        Parameters
        ----------
        operation : str or Operation
            An operation of the kind "map" or "loss".
        *inputs : ndarray
            The operation's inputs, in its shapes and one floating dtype.

        Returns
        -------
        ndarray
            The value, in the dtype of the inputs.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError, ShapeError
            If the operation is not known, or doesn't take these arrays.

        Examples
        --------
        >>> import numpy as np
        >>> from gradtwin.backends.registry import get_backend
        >>> get_backend("numpy").value("relu", np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
        """

    def value_and_gradients(
        self, operation: str | Operation, *inputs: Array, y_bar: Array
    ) -> tuple[Array, tuple[Array | None, ...]]:
        """Y = f(x, …) and x_bar = y_bar · ∂y/∂x for each input.

        Parameters
        ----------
        operation : str or Operation
            An operation of the kind "map" or "loss".
        *inputs : ndarray
            The operation's inputs, in its shapes and one floating dtype.
        y_bar : ndarray
            The upstream gradient, with the shape of the value and the dtype of the inputs.

        Returns
        -------
        tuple
            The value, and a tuple with one gradient for each input; None where the backend finds no connection.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError, ShapeError
            If the operation is not known, or doesn't take these arrays.

        Examples
        --------
        >>> import numpy as np
        >>> from gradtwin.backends.registry import get_backend
        >>> y, (x_bar,) = get_backend("numpy").value_and_gradients("relu", np.array([-1.0, 2.0]), y_bar=np.ones(2))
        >>> x_bar.tolist()
        [0.0, 1.0]
        """

    def update(self, operation: str | Operation, *inputs: Array) -> None:
        """W ← step(W, …): change the weights and the optimizer's state in place, by one step.

        Parameters
        ----------
        operation : str or Operation
            An operation of the kind "update".
        *inputs : ndarray
            The weights, the state, the gradient and the learning rate, in the order of the operation's inputs.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError, ShapeError
            If the operation is not known, or doesn't take these arrays.

        Examples
        --------
        >>> import numpy as np
        >>> from gradtwin.backends.registry import get_backend
        >>> w = np.array([1.0])
        >>> get_backend("numpy").update("sgd", w, np.array([2.0]), np.array(0.25))
        >>> w.tolist()
        [0.5]
        """

    def answer(self, calls: Sequence[Call]) -> list[tuple[Array | None, ...]]:
        """(y, x_bar, …) of many calls at once.

        Parameters
        ----------
        calls : sequence of Call
            Operations with their inputs and upstream gradients.

        Returns
        -------
        list of tuple
            For each call the value and the gradients; for an update, copies of the arrays that it changes.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError, ShapeError
            If an operation doesn't take its arrays.

        Examples
        --------
        >>> from gradtwin.backends.interface import Call
        >>> from gradtwin.backends.operations import find_operation
        >>> import numpy as np
        >>> from gradtwin.backends.registry import get_backend
        >>> call = Call(find_operation("relu"), (np.array([-1.0, 2.0]),), np.ones(2))
        >>> [[array.tolist() for array in answer] for answer in get_backend("numpy").answer([call])]
        [[[0.0, 2.0], [0.0, 1.0]]]
        """

    def trainer(self, network: Network, weights: Mapping[str, Array], learning_rate: float) -> Trainer:
        """Return a trainer of a network.

        Parameters
        ----------
        network : Network
            The layers, the loss and the optimizer.
        weights : mapping
            The start weights by name, in one floating dtype. They are copied.
        learning_rate : float
            The optimizer's learning rate.

        Returns
        -------
        Trainer
            The weights, the optimizer's state, and the step that trains them.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError, ShapeError
            At the first step, if data or weights don't fit the network.

        Examples
        --------
        >>> from gradtwin.backends.network import Layer, Network
        >>> from gradtwin.backends.registry import get_backend
        >>> network = Network([Layer("dense", {"w": (2, 1), "b": (1,)})], "sse")
        >>> trainer = get_backend("numpy").trainer(network, network.draw_weights(), 0.1)
        >>> sorted(trainer.weights())
        ['b', 'w']
        """
