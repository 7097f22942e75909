"""The promises of gradtwin's own cost: each measured for real, at tiny sizes, and each able to be broken."""

import mmap

import numpy as np
import pytest

from gradtwin.benchmarks.claims import measure, worker
from gradtwin.benchmarks.claims.claim import Claim, Found, find
from gradtwin.benchmarks.claims.measure import CLAIMS, Run, measure_claims, modules_of_help, own_job
from gradtwin.benchmarks.statistics import Ratio
from gradtwin.errors import BackendMissingError
from gradtwin.kept import Kept

TINY = Run(1, 2, 1e-4, 1, 0, Kept(None, {}))
TIMED = {"threads": 1, "values": 2, "seconds": 1e-4, "seed": 0}


@pytest.mark.parametrize(
    ("at_least", "low", "high", "outcome"),
    [
        (True, 2.0, 3.0, "reached"),
        (True, 1.0, 1.9, "not reached"),
        (True, 1.0, 3.0, "not distinguishable"),
        (False, 1.0, 2.0, "reached"),
        (False, 2.1, 3.0, "not reached"),
        (False, 1.0, 3.0, "not distinguishable"),
    ],
)
def test_a_claim_is_decided_by_its_whole_interval(at_least, low, high, outcome):
    found = Found(Claim("", "", 2.0, at_least, "×"), Ratio("", (low + high) / 2, low, high))
    assert found.outcome == found.to_dict()["outcome"] == outcome


def test_what_is_not_measured_gives_its_reason():
    found = Found(Claim("", "", 1, True, ""), None, reason="not installed")
    assert (found.outcome, found.show()) == ("not measured", "not installed")
    assert found.to_dict()["ratio"] is None


def test_a_broken_condition_outweighs_the_number():
    found = find(Claim("", "", 1, False, " s"), [[0.1, 0.1]], "one second", None, 0, "it loads scipy")
    assert found.outcome == "not reached"
    assert found.show() == "0.1 s [0.1, 0.1]; it loads scipy"


def test_help_is_quick_and_loads_neither():
    loaded = modules_of_help()
    assert {"gradtwin", "argparse"} <= loaded
    assert not {"tensorflow", "scipy"} & loaded
    [(claim, help_seconds)] = [row for row in CLAIMS if row[0].what.startswith("gradtwin --help")]
    assert help_seconds(claim, TINY).number.median > 0


def test_help_that_loads_scipy_is_told(monkeypatch):
    monkeypatch.setattr(measure, "modules_of_help", lambda: {"gradtwin", "scipy"})
    found = measure.help_seconds(Claim("", "", 1e9, False, " s"), TINY)
    assert (found.outcome, found.broken) == ("not reached", "it loads scipy")


def test_a_job_runs_in_a_process_of_its_own():
    claim = Claim("share", "", 1e6, False, "")  # whatever else the machine does
    [found] = measure_claims(TINY, claims=[(claim, own_job("step_products", "the step", n=8))])
    assert (found.outcome, found.number.to) == ("reached", "the step")


@pytest.mark.parametrize("job", [worker.check_cost, worker.step_products, worker.convolution_rate])
def test_a_timed_job_gives_samples_and_a_base(job, monkeypatch):
    monkeypatch.setattr("gradtwin.benchmarks.timed_tensorflow.set_threads", lambda _: None)
    answer = job("", n=8, **TIMED)
    assert len(answer["samples"]) == len(answer["base"]) == 2
    assert min(*answer["samples"], *answer["base"]) > 0


def test_examples_are_drawn_and_checked(monkeypatch):
    monkeypatch.setattr("gradtwin.benchmarks.timed_tensorflow.set_threads", lambda _: None)
    assert min(worker.drawn_examples("", examples=3, threads=1, values=2, seed=0)["samples"]) > 0


def test_memory_that_is_used_is_seen():
    before = worker.resident_memory()
    with mmap.mmap(-1, 8 * 10**7) as fresh:  # what an allocator has kept would not be seen again
        array = np.frombuffer(fresh)
        array += 1
        grown = worker.resident_memory() - before
        assert abs(grown - array.nbytes) < array.nbytes / 4
        del array
    assert worker.peak_memory() >= worker.resident_memory() * 0.99


def test_a_checks_memory_is_of_the_order_of_its_arrays(monkeypatch):
    found = own_job("check_memory", "one array", timed=False, n=1024)(Claim("", "", 1, False, ""), TINY)
    assert 1 < found.number.median < 1000


def test_evaluations_that_grow_are_told(monkeypatch):
    monkeypatch.setattr(Run, "ask", lambda self, *_, extents, **__: {"forward": extents[0], "gradient": 1})
    found = measure.evaluations(Claim("", "", 1, False, "×"), TINY)
    assert found.outcome == "not reached"
    monkeypatch.setattr(Run, "ask", lambda self, *_, extents, **__: {"forward": 3, "gradient": 3})
    assert measure.evaluations(Claim("", "", 1, False, "×"), TINY).outcome == "reached"


def test_peers_are_timed_by_turns_and_a_missing_one_is_named(monkeypatch):
    asked = []

    def ask(self, name, *_, **__):
        asked.append(name)
        return {"samples": [{"gradtwin": 1.0}.get(name, 2000.0)]}

    monkeypatch.setattr(Run, "ask", ask)
    run = Run(2, 1, 1e-4, 1, 0, Kept(None, {}))
    assert measure.against_tensorflow(Claim("", "", 1000, True, "×"), run).number.median == 2000
    assert asked == ["tf.test.compute_gradient", "gradtwin"] * 2

    def missing(self, *_, **__):
        raise BackendMissingError("not installed")

    monkeypatch.setattr(Run, "ask", missing)
    assert measure.against_torch(Claim("", "", 1, False, "×"), TINY).outcome == "not measured"
