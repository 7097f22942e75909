"""The gradient checkers that are compared, and the settings each is used with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

GRADTWIN = "gradtwin"


@dataclass(frozen=True)
class Tool:
    """A gradient checker: its library, the module that asks it, by which function, and its settings in words.

    `timed` is false for a second way to read the verdict of one that is timed already.
    """

    name: str
    library: str
    module: str
    prepare: str
    settings: str
    timed: bool = True

    def load(self) -> Any:
        """Return the module that asks it; this imports its library."""
        return import_module(f"{__package__}.{self.module}")


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(GRADTWIN, "gradtwin", "with_gradtwin", "prepare", "gt.check_gradient(forward, vjp=vjp, inputs=inputs)"),
        Tool(
            "tf.test.compute_gradient",
            "tensorflow",
            "with_tensorflow",
            "prepare",
            "delta = 1/1024, its default; the two Jacobians compared by assertAllClose, as its documentation does, at "
            "the default rtol = atol = 1e-6",
        ),
        Tool(
            "scipy check_grad",
            "scipy",
            "with_scipy",
            "prepare",
            "of Σ y_bar · y, y_bar drawn; it returns an error without a verdict: accepted below 1.5e-7, as in its own "
            "test",
        ),
        Tool(
            "scipy check_grad, told the right error",
            "scipy",
            "with_scipy",
            "prepare_told",
            "accepted up to 10 × its error for the right gradient, which no user has: it can't raise a false alarm",
            timed=False,
        ),
        Tool(
            "torch gradcheck",
            "torch",
            "with_torch",
            "prepare_slow",
            "eps = 1e-6, atol = 1e-5, rtol = 1e-3, its defaults",
        ),
        Tool(
            "torch gradcheck, fast_mode", "torch", "with_torch", "prepare_fast", "the same, along one random projection"
        ),
        Tool(
            "jax check_grads",
            "jax",
            "with_jax",
            "prepare",
            "x64 enabled, eps = 1e-4, atol = rtol = 1e-5, its defaults; order 1 and mode rev, all that a rule in NumPy "
            "has",
        ),
    )
}
