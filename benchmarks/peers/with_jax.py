"""Asks `jax.test_util.check_grads`, of a custom derivative that calls the NumPy functions."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from gradtwin.benchmarks.conditions import usable_cpus
from gradtwin.comparisons.results.data import Verdict
from gradtwin.errors import BackendMissingError

from .optional import import_optional
from .question import Prepared, Question


def set_threads(threads: int) -> None:
    """Limit XLA's pools, possible only before JAX's first operation; BackendMissingError where it would not end.

    On one processor JAX's pool has one thread, and a callback that reads a large argument waits there for itself.
    """
    if len(usable_cpus()) < 2:
        raise BackendMissingError(
            "jax: on one processor its callbacks into NumPy deadlock; run on two, with --threads 1 as before"
        )
    flags = f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()} intra_op_parallelism_threads={threads}"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    os.environ["JAX_PLATFORMS"] = "cpu"
    import_optional("jax").config.update("jax_enable_x64", True)


def prepare(question: Question) -> Prepared:
    """Put the question to the first order, in reverse mode: a rule in NumPy has no other."""
    jax = import_optional("jax")
    check_grads = import_optional("jax.test_util").check_grads
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in question.inputs]
    y_shape = jax.ShapeDtypeStruct(np.shape(question.forward(*[x.copy() for x in question.inputs])), np.float64)

    def call_forward(*arrays: Any) -> Any:
        return np.asarray(question.forward(*[np.asarray(x) for x in arrays]))

    def call_vjp(*arrays: Any) -> Any:
        return tuple(question.vjp(*[np.asarray(x) for x in arrays]))

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def function(*arrays: Any) -> Any:
        return jax.pure_callback(call_forward, y_shape, *arrays)

    def backward(arrays: Any, y_bar: Any) -> Any:
        return tuple(jax.pure_callback(call_vjp, tuple(shapes), y_bar, *arrays))

    function.defvjp(lambda *arrays: (function(*arrays), arrays), backward)
    arrays = tuple(jax.numpy.asarray(x) for x in question.inputs)

    def check() -> Verdict:
        check_grads(function, arrays, order=1, modes=["rev"])
        return "match"

    return Prepared(check, lambda: jax.block_until_ready(function(*arrays)))
