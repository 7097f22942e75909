"""The pytest plugin: the fixture `gradtwin`, gradtwin's report for a failing test, and one report of a session.

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
    group.addoption("--gradtwin-profile", choices=EXAMPLES, default="default", help="number of points that checks draw")
    group.addoption(
        "--gradtwin-seed", type=int, default=0, help="number that the seeds of all tests derive from (default: 0)"
    )
    group.addoption("--gradtwin-report", metavar="FILE", help="write all assertions' reports to FILE.html or FILE.json")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a report that can't be written, before any test runs; gather reports in the controlling process."""
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
    """The assertions with the test's seed, and with the profile's number of points.

    Parameters
    ----------
    seed : int
        The seed of the test.
    profile : str
        "quick", "default" or "thorough".

    Examples
    --------
    >>> Assertions(7, "quick").profile
    'quick'
    """

    def __init__(self, seed: int, profile: str) -> None:
        self.seed = seed
        self.profile = profile

    @cached_property
    def rng(self) -> Any:
        """The test's NumPy generator, for inputs: one for the whole test, from the test's seed."""
        import numpy as np

        return np.random.default_rng(self.seed)

    def assert_gradient(self, forward: Any, **arguments: Any) -> None:
        """Assert as `gt.assert_gradient` does, with the test's seed and the profile's number of points.

        Parameters
        ----------
        forward : callable
            ``forward(*inputs)`` returns an array or a number.
        **arguments
            The other arguments of `gt.assert_gradient`. They may override the test's seed and the profile's number of
            points.

        Raises
        ------
        GradientMismatch
            If the verdict is `mismatch` or `inconclusive`; the text is the report.

        Examples
        --------
        >>> import numpy as np
        >>> Assertions(7, "quick").assert_gradient(np.square, derivative=lambda x: 2 * x, signature="(...)->(...)")
        """
        __tracebackhide__ = True
        from .assertions import assert_gradient

        assert_gradient(forward, **{"seed": self.seed, "examples": EXAMPLES[self.profile], **arguments})

    def assert_layer(self, layer: Any, x: Any, **arguments: Any) -> None:
        """Assert as `gt.assert_layer` does, with the test's seed.

        Parameters
        ----------
        layer : object or callable
            An object with forward and backward methods, its class, or a function that makes one.
        x : ndarray or tuple of ndarray
            The inputs of forward, of any shape and a floating dtype.
        **arguments
            The other arguments of `gt.assert_layer`. They may override the test's seed.

        Raises
        ------
        GradientMismatch
            If the verdict is `mismatch` or `inconclusive`; the text is the report.

        Examples
        --------
        >>> import numpy as np
        >>> class Double:
        ...     def forward(self, x):
        ...         return 2 * x
        ...     def backward(self, y_bar):
        ...         return 2 * y_bar
        >>> Assertions(7, "quick").assert_layer(Double(), np.array([[1.0, 2.0]]))
        """
        __tracebackhide__ = True
        from .assertions import assert_layer

        assert_layer(layer, x, **{"seed": self.seed, **arguments})

    def assert_update(self, step: Any, optimizer: Any, **arguments: Any) -> None:
        """Assert as `gt.assert_update` does, with the test's seed.

        Parameters
        ----------
        step : callable or object
            A function of the weights and their gradient, or an object with a method `update`, `step` or `apply`.
        optimizer : str or keras.optimizers.Optimizer
            An optimizer of Keras, or its name.
        **arguments
            The other arguments of `gt.assert_update`. They may override the test's seed.

        Raises
        ------
        GradientMismatch
            If the verdict is `mismatch` or `inconclusive`; the text is the report.

        Examples
        --------
        >>> Assertions(7, "quick").assert_update(lambda w, g: w - 0.1 * g, "sgd", config={"learning_rate": 0.1})
        """
        __tracebackhide__ = True
        from .assertions import assert_update

        assert_update(step, optimizer, **{"seed": self.seed, **arguments})

    def assert_match(self, *operations: str, **arguments: Any) -> None:
        """Assert as `gt.assert_match` does, with the test's seed and profile.

        Parameters
        ----------
        *operations : str
            Names of operations. By default all of the catalogue.
        **arguments
            The other arguments of `gt.assert_match`. They may override the test's seed and profile.

        Raises
        ------
        GradientMismatch
            If the verdict is `mismatch` or `inconclusive`; the text is the report.

        Examples
        --------
        >>> Assertions(7, "quick").assert_match("sse", modes=["eager"], dtypes=["float64"])
        """
        __tracebackhide__ = True
        from .assertions import assert_match

        assert_match(*operations, **{"seed": self.seed, "profile": self.profile, **arguments})


@pytest.fixture
def gradtwin(request: pytest.FixtureRequest) -> Assertions:
    """Give a test gradtwin's assertions and a random generator, with a seed for each test.

    Returns
    -------
    Assertions
        The seed comes from the test's name and from `--gradtwin-seed`, the number of points from `--gradtwin-profile`.

    Examples
    --------
    A test that checks a gradient at random inputs::

        def test_affine(gradtwin):
            x, w = gradtwin.rng.standard_normal((4, 3)), gradtwin.rng.standard_normal((3, 2))
            gradtwin.assert_gradient(affine, vjp=affine_vjp, inputs=(x, w))
    """
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
    """Show gradtwin's report of a mismatch, Hypothesis's notes and the test's line; pass on the reports."""
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
    """Gathers the reports of all tests and workers, and writes them at the end."""

    def __init__(self, config: pytest.Config, path: str) -> None:
        self._config = config
        self._path = path
        self._reports: list[tuple[str, dict[str, Any]]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the reports of a test."""
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
        """Print the path of the file."""
        terminalreporter.write_line(f"gradtwin: {len(self._reports)} reports in {self._path}")
