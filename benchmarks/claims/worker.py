"""The process a claim is measured in, `python -m gradtwin.benchmarks.claims.worker NAME`; jobs as in `worker.py`.

A job's answer has `samples`, and `base` where they are divided by something measured beside them.
"""

from __future__ import annotations

import os
import resource
import sys
from time import perf_counter
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.benchmarks.cases import PLAIN_MATMUL, Work
from gradtwin.benchmarks.peers.question import Question, dense_mean_square
from gradtwin.benchmarks.timing import Task, measure
from gradtwin.comparisons.catalogue.scenarios.regression import REGRESSION
from gradtwin.processes import answer_jobs

Answer = dict[str, list[float]]

ITEM = 8  # bytes of a float64


def start(_: str, threads: int) -> dict[str, Any]:
    """Do nothing yet: a claim about NumPy alone loads no TensorFlow."""
    return {"threads": threads}


def check_cost(_: str, n: int, threads: int, values: int, seconds: float, seed: int) -> Answer:
    """Time a check of dense + mean square at n × n × n, and beside it one gradient by NumPy and one by TensorFlow."""
    from gradtwin.benchmarks.peers.with_gradtwin import prepare, set_threads

    set_threads(threads)
    question = dense_mean_square((n, n, n), seed)
    check = prepare(question).check
    both = [_gradient_by_numpy(question), _gradient_by_tensorflow(question)]
    checks, gradients = measure(
        [Task(check, _settled), Task(lambda: [call() for call in both], _settled)], values, seconds
    )
    return {"samples": checks.samples, "base": gradients.samples}


def check_memory(_: str, n: int, threads: int, seed: int) -> Answer:
    """Measure the process's memory at its highest during a check at n × n × n over that before it, in n × n arrays.

    NumPy's and TensorFlow's memory together, so resident memory, not `tracemalloc`, which sees NumPy's alone. The
    highest is that of the process's whole life: where an import's was higher, the number is too high, never too low.
    """
    from gradtwin.benchmarks.peers.with_gradtwin import prepare, set_threads

    set_threads(threads)
    prepare(dense_mean_square((2, 2, 2), seed)).check()  # loads modules on first use
    check = prepare(dense_mean_square((n, n, n), seed)).check
    before = resident_memory()
    check()
    return {"samples": [(peak_memory() - before) / (ITEM * n * n)]}


def drawn_examples(_: str, examples: int, threads: int, values: int, seed: int) -> Answer:
    """Measure the examples a second at which a product's gradient is checked at drawn points, shrinking enabled."""
    from gradtwin.benchmarks.timed_tensorflow import set_threads
    from gradtwin.comparisons.checks.gradient import check_gradient

    set_threads(threads)

    def product(a: Array, b: Array) -> Array:
        return np.asarray(a @ b)

    def vjp(y_bar: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return y_bar @ b.T, a.T @ y_bar

    def check(count: int, at: int) -> None:
        check_gradient(product, vjp=vjp, signature="(n,k),(k,m)->(n,m)", examples=count, seed=seed + at)

    check(2, 0)
    rates = []
    for at in range(values):
        begin = perf_counter()
        check(examples, at)
        rates.append(examples / (perf_counter() - begin))
    return {"samples": rates}


def step_products(_: str, n: int, threads: int, values: int, seconds: float, seed: int) -> Answer:  # noqa: ARG001
    """Time the matrix products of `regression`'s training step at n × n × n, and beside them NumPy's whole step."""
    from gradtwin.benchmarks.timed_numpy import make_task

    work = Work(REGRESSION.name, "step", (n, n, n), "float64", seed)
    x, target, w = work.draw()
    products = Task(lambda: (x @ w, x.T @ target), _settled)
    alone, step = measure([products, make_task(work, "eager")], values, seconds)
    return {"samples": alone.samples, "base": step.samples}


def convolution_rate(_: str, n: int, threads: int, values: int, seconds: float, seed: int) -> Answer:  # noqa: ARG001
    """Time a plain matrix product of as many operations as conv2d's forward and gradient, and beside it conv2d."""
    from gradtwin.benchmarks.timed_numpy import count_work, make_task

    convolution = Work("conv2d", "gradient", (n, n, n), "float64", seed)
    flops = count_work(convolution)
    side = max(1, round((flops / 2) ** (1 / 3)))
    product = Work(PLAIN_MATMUL, "forward", (side, side, side), "float64", seed)
    plain, own = measure([make_task(product, "eager"), make_task(convolution, "eager")], values, seconds)
    scale = flops / (2 * side**3)
    return {"samples": [scale * value for value in plain.samples], "base": own.samples}


def resident_memory() -> int:
    """Return the bytes of memory that the process has now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def peak_memory() -> int:
    """Return the bytes of memory that the process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _gradient_by_numpy(question: Question) -> Any:
    one = np.ones(())
    return lambda: (question.forward(*question.inputs), question.vjp(one, *question.inputs))


def _gradient_by_tensorflow(question: Question) -> Any:
    from gradtwin.benchmarks.timed_tensorflow import tf

    x, w, b = (tf.constant(array) for array in question.inputs)
    target = tf.zeros((x.shape[0], w.shape[1]), tf.float64)

    def gradient() -> Any:
        with tf.GradientTape() as tape:
            tape.watch((x, w, b))
            loss = tf.reduce_mean(tf.square(x @ w + b - target))
        return [g.numpy() for g in tape.gradient(loss, (x, w, b))]

    return gradient


def _settled() -> None:
    """Do nothing: all that was called is complete when it returns."""


JOBS = {job.__name__: job for job in (start, check_cost, check_memory, drawn_examples, step_products, convolution_rate)}

if __name__ == "__main__":
    answer_jobs(sys.argv[1], JOBS)
