"""The pytest plugin: the fixture `gradtwin`, failures as gradtwin words them, and one report of a whole session.

Loading it imports neither NumPy nor TensorFlow; the first check does.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from .errors import GradientMismatch, GradTwinError
from .listeners import listening

if TYPE_CHECKING:
    from gradtwin.comparisons.results.data import Report

#: Points drawn for a check by signature.
EXAMPLES = {"quick": 20, "default": 100, "thorough": 1000}

_REPORTS = pytest.StashKey[list["Report"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("gradtwin", "gradtwin: hand-derived gradients against autodiff")
    group.addoption("--gradtwin-profile", choices=EXAMPLES, default="default", help="how many points checks draw")
    group.addoption("--gradtwin-seed", type=int, default=0, help="what the seeds of all tests derive from (default: 0)")
    group.addoption("--gradtwin-report", metavar="FILE", help="write all assertions' reports to FILE.html or FILE.json")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a report that can't be written before any test runs; gather where the session's end is seen."""
    path = config.getoption("--gradtwin-report")
    if not path or hasattr(config, "workerinput"):  # workers of pytest-xdist send theirs to the controller
        return
    from .files import check_writable

    if not path.endswith((".html", ".json")):
        raise pytest.UsageError(f"--gradtwin-report: got {path!r}; expected a file that ends in .html or .json.")
    try:
        check_writable(path)
    except GradTwinError as error:
        raise pytest.UsageError(f"--gradtwin-report: {error}") from None
    config.pluginmanager.register(_Session(config, path), "gradtwin-session")


class Assertions:
    """What the fixture `gradtwin` is: the assertions with the test's own seed, and the profile's number of points."""

    def __init__(self, seed: int, profile: str) -> None:
        self.seed = seed
        self.profile = profile

    @cached_property
    def rng(self) -> Any:
        """The test's NumPy generator, for inputs: one for the whole test, from the test's seed."""
        import numpy as np

        return np.random.default_rng(self.seed)

    def assert_gradient(self, forward: Any, **arguments: Any) -> None:
        """As `gt.assert_gradient`."""
        __tracebackhide__ = True
        from .assertions import assert_gradient

        assert_gradient(forward, **{"seed": self.seed, "examples": EXAMPLES[self.profile], **arguments})

    def assert_layer(self, layer: Any, x: Any, **arguments: Any) -> None:
        """As `gt.assert_layer`."""
        __tracebackhide__ = True
        from .assertions import assert_layer

        assert_layer(layer, x, **{"seed": self.seed, **arguments})

    def assert_update(self, step: Any, optimizer: Any, **arguments: Any) -> None:
        """As `gt.assert_update`."""
        __tracebackhide__ = True
        from .assertions import assert_update

        assert_update(step, optimizer, **{"seed": self.seed, **arguments})

    def assert_match(self, *operations: str, **arguments: Any) -> None:
        """As `gt.assert_match`."""
        __tracebackhide__ = True
        from .assertions import assert_match

        assert_match(*operations, **{"seed": self.seed, "profile": self.profile, **arguments})


@pytest.fixture
def gradtwin(request: pytest.FixtureRequest) -> Assertions:
    """Gradtwin's assertions with a seed that is the test's own: by its name and --gradtwin-seed."""
    seed = crc32(f"{request.config.getoption('--gradtwin-seed')} {request.node.nodeid}".encode())
    return Assertions(seed, request.config.getoption("--gradtwin-profile"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Listen to the reports that the test's assertions make."""
    item.stash[_REPORTS] = []
    with listening(item.stash[_REPORTS].append):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, pytest.TestReport]:
    """Show a mismatch as gradtwin words it, what Hypothesis adds, and the test's line; hand on what was reported."""
    outcome: pytest.TestReport = yield
    if call.when == "call":
        # Built-in types, which pytest-xdist carries from its workers.
        outcome.gradtwin = [report.to_dict() for report in item.stash.get(_REPORTS, [])]  # type: ignore[attr-defined]
    assertions = getattr(item, "funcargs", {}).get("gradtwin")
    if call.when == "call" and isinstance(assertions, Assertions) and "rng" in vars(assertions):
        outcome.sections.append(("gradtwin", f"gradtwin.rng: numpy.random.default_rng({assertions.seed})"))
    if call.excinfo and call.excinfo.errisinstance(GradientMismatch) and outcome.failed:
        notes = getattr(call.excinfo.value, "__notes__", [])
        outcome.longrepr = "\n".join([str(call.excinfo.value).strip(), *notes, "", _find_line(call.excinfo)])
    return outcome


def _find_line(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """Return the place and the text of the innermost line that is not gradtwin's."""
    entries = [e for e in excinfo.traceback if not e.frame.f_globals.get("__name__", "").startswith("gradtwin.")]
    entry = entries[-1]
    return f"{entry.path}:{entry.lineno + 1}: in {entry.name}\n    {str(entry.statement).strip()}"


class _Session:
    """Gathers the reports of all tests, of all workers, and writes them at the end."""

    def __init__(self, config: pytest.Config, path: str) -> None:
        self._config = config
        self._path = path
        self._reports: list[tuple[str, dict[str, Any]]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test reported."""
        self._reports += [(report.nodeid, fields) for fields in getattr(report, "gradtwin", [])]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        from gradtwin.comparisons.report.writing import write_report
        from gradtwin.comparisons.results.environment import describe_environment
        from gradtwin.comparisons.results.merging import merge_reports

        words = " ".join(["pytest", *map(str, self._config.invocation_params.args)])
        seed = self._config.getoption("--gradtwin-seed")
        write_report(merge_reports(self._reports, seed, words, describe_environment()), self._path)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say where the file is."""
        terminalreporter.write_line(f"gradtwin: {len(self._reports)} reports in {self._path}")
