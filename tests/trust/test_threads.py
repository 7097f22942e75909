"""Several threads at once: the verdicts of one thread, nothing left swapped, and no traced array for anyone else."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np
import pytest

import gradtwin as gt

from .user_layers import Dense

THREADS = 8
RNG = np.random.default_rng(2)
X, HELD = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2))
POOL = ThreadPoolExecutor(2)


def scaled(x):
    out = np.zeros((len(x), 2))
    for i in range(len(x)):
        out[i] = np.tanh(x[i]) @ HELD
    return out


def scaled_vjp(y_bar, x):
    return y_bar @ HELD.T * (1 - np.tanh(x) ** 2)


def wrong_vjp(y_bar, x):
    return 2 * scaled_vjp(y_bar, x)


def in_parts(x):
    return sum(POOL.map(scaled, [x, 2 * x]))


def in_parts_vjp(y_bar, x):
    return scaled_vjp(y_bar, x) + 2 * scaled_vjp(y_bar, 2 * x)


class Wrong(Dense):
    def backward(self, y_bar):
        return -super().backward(y_bar)


CHECKS = {
    "right": lambda: gt.check_gradient(scaled, vjp=scaled_vjp, inputs=(X,)),
    "wrong": lambda: gt.check_gradient(scaled, vjp=wrong_vjp, inputs=(X,)),
    "drawn": lambda: gt.check_gradient(
        np.tanh, derivative=lambda x: 1 - np.tanh(x) ** 2, signature="(n)->(n)", examples=5
    ),
    "layer": lambda: gt.check_layer(Dense(HELD), X),
    "wrong layer": lambda: gt.check_layer(Wrong(HELD), X),
    "update": lambda: gt.check_update(lambda w, g, learning_rate=0.01: w - learning_rate * g, "sgd"),
    "compare": lambda: gt.compare("matmul", dtypes=["float64"], modes=["eager"], examples=3),
    "own threads": lambda: gt.check_gradient(in_parts, vjp=in_parts_vjp, inputs=(X[:1, :],)),
}


def telling(report):
    return report.verdict, [(check.name, check.verdict, [c.cause for c in check.causes]) for check in report.checks]


def assert_nothing_is_swapped():
    assert type(globals()["np"]).__name__ == "module"
    assert (type(HELD), type(X), type(POOL)) == (np.ndarray, np.ndarray, ThreadPoolExecutor)
    assert type(np.tanh) is np.ufunc
    assert "float" not in globals()


def test_many_threads_come_to_the_verdicts_of_one():
    alone = {name: telling(check()) for name, check in CHECKS.items()}
    assert {name: verdict for name, (verdict, _) in alone.items()} == {
        name: "mismatch" if "wrong" in name else "match" for name in CHECKS
    }
    state = np.random.get_state()[1].tolist()
    jobs = [*CHECKS, *reversed(CHECKS)]
    start = threading.Barrier(THREADS)

    def work(number):
        start.wait()
        return [(name, telling(CHECKS[name]())) for name in [*jobs[number::THREADS], "right"]]

    with ThreadPoolExecutor(THREADS) as pool:
        found = [item for made in pool.map(work, range(THREADS)) for item in made]
    assert len(found) > len(jobs)
    for name, told in found:
        assert told == alone[name], name
    assert_nothing_is_swapped()
    assert np.random.get_state()[1].tolist() == state


class Meeting:
    """A forward during every run of which another thread does what users' threads do.

    What it sees goes into a queue: a list of the forward's would be put back after the traced run.
    """

    def __init__(self):
        self.enter, self.leave, self.seen = threading.Semaphore(0), threading.Semaphore(0), SimpleQueue()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def forward(self, x):
        self.enter.release()
        assert self.leave.acquire(timeout=30)
        return np.tanh(x) @ HELD

    def work(self):
        while self.enter.acquire(timeout=10):
            made = [np.zeros(3), np.array([[1.0, 2]]), np.tanh(HELD), HELD @ HELD.T, HELD[0], np.c_[HELD, HELD]]
            made += [np.vectorize(abs)(HELD), np.random.default_rng(0).normal(size=2), np.linalg.norm(HELD, axis=0)]
            self.seen.put((type(globals()["np"]).__name__, {type(array) for array in made}))
            self.leave.release()


def test_another_threads_numpy_is_numpys_own_while_a_forward_is_traced():
    meeting = Meeting()
    report = gt.check_gradient(meeting.forward, vjp=scaled_vjp, inputs=(X,))
    assert report.ok
    assert report.extra["oracle"] == "traced", "and what they did is none of the trace's"
    seen = [meeting.seen.get() for _ in range(meeting.seen.qsize())]
    assert {name for name, _ in seen} == {"module", "_Module"}, "at least once np was a stand-in"
    assert all(types == {np.ndarray} for _, types in seen)
    assert_nothing_is_swapped()


def test_a_forward_of_several_threads_is_judged_by_differences():
    """TensorFlow's tape sees one thread; what others compute was once taken for constants."""
    report = CHECKS["own threads"]()
    assert report.extra["oracle"] == "finite-differences"
    assert "in another thread" in " ".join(report.extra["notes"])
    assert not gt.check_gradient(in_parts, vjp=wrong_vjp, inputs=(X[:1, :],)).ok


class Rendezvous:
    """A forward that tells whether two threads were ever inside at once; in queues, which no trace puts back."""

    def __init__(self):
        self.inside, self.met = SimpleQueue(), SimpleQueue()

    def forward(self, x):
        self.inside.put(None)
        for _ in range(20):
            time.sleep(0.005)
            if self.inside.qsize() > 1:
                self.met.put(None)
        self.inside.get()
        return np.tanh(x)


@pytest.mark.parametrize("alone", [True, False], ids=["as it is", "unprotected"])
def test_no_two_checks_run_at_once(alone):
    rendezvous, start = Rendezvous(), threading.Barrier(2)
    check = gt.check_gradient if alone else gt.check_gradient.__wrapped__

    def work(_):
        start.wait()
        return check(rendezvous.forward, derivative=lambda x: 1 - np.tanh(x) ** 2, inputs=(X,)).verdict

    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(work, range(2)))
    assert rendezvous.met.empty() is alone
    if alone:
        assert verdicts == ["match", "match"]


def test_a_check_inside_a_users_function_does_not_wait_for_itself():
    def forward(x):
        assert gt.check_gradient(scaled, vjp=scaled_vjp, inputs=(X,)).ok
        return np.tanh(x)

    for factor, verdict in ((1, "match"), (2, "mismatch")):
        report = gt.check_gradient(forward, derivative=lambda x, c=factor: c * (1 - np.tanh(x) ** 2), inputs=(X,))
        assert report.verdict == verdict
