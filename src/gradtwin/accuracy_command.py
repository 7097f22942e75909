"""`gradtwin accuracy`: how many digits a NumPy function keeps, and where it loses them."""

from __future__ import annotations

import argparse
import faulthandler
import shlex
import sys
from typing import TYPE_CHECKING, Any

from .apart import note
from .arguments import check_place
from .check_command import DEFAULT_TIMEOUT, read_archive, read_range
from .errors import ArgumentValueError
from .outputs import add_command, add_outputs, check_outputs, finish

if TYPE_CHECKING:
    from gradtwin.comparisons.results.data import Report
    from gradtwin.comparisons.subjects.loading import Target

USAGE = "gradtwin accuracy FILE.py:FUNCTION (--signature SHAPES | --inputs FILE.npz) [options]"

TRUST = """
This runs your code: it imports the file, without its `if __name__ == "__main__"` part, and calls the function. Measure
only code that you would run. An archive for --inputs is read without pickle, and can't run code."""

EXAMPLES = """examples:
  gradtwin accuracy losses.py:softplus --signature '()->()'
  gradtwin accuracy losses.py:logsumexp --signature '(n)->()' --dtype float32 --plot digits.png
  gradtwin accuracy losses.py:softplus --inputs x.npz"""

#: Points of the picture.
POINTS = 120

#: Options for drawn inputs, with their defaults.
DRAWN = {"dtype": "float64", "domain": None, "examples": 100}


def add_parser(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(
        commands, "accuracy", run, "measure how many digits a function keeps, and where it loses them", report_end
    )
    parser.usage, parser.formatter_class = USAGE, argparse.RawDescriptionHelpFormatter
    parser.description = f"{parser.description}\n{TRUST}"
    parser.epilog = f"{EXAMPLES}\n\n{parser.epilog}"
    parser.add_argument("target", metavar="TARGET", help="FILE.py:function or package.module:function")
    where = parser.add_argument_group("where to measure (exactly one of --signature and --inputs)")
    where.add_argument("--signature", metavar="SHAPES", help="shapes of the inputs, such as '(n)->()': find the worst")
    where.add_argument(
        "--inputs", metavar="FILE.npz", help="arrays with the names of the function's parameters, or in their order"
    )
    where.add_argument("--dtype", metavar="NAME", help="dtype of drawn inputs: float16, float32, float64 (default)")
    where.add_argument(
        "--domain",
        type=read_range,
        metavar="LOW,HIGH",
        help="range of drawn inputs, such as --domain=-3,3 (default: all magnitudes)",
    )
    where.add_argument("--examples", type=int, metavar="N", help="number of drawn points (default: 100)")
    how = parser.add_argument_group("how to measure")
    how.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random (default: 0)")
    how.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="limit for loading the file, and for measuring (default: 120)"
    )
    how.add_argument("--plot", metavar="FILE", help="draw the digits along the input's range to a .png or .svg file")
    add_outputs(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    from gradtwin.comparisons.subjects.loading import Target

    target = Target.parse(options.target)
    _check_usage(target, options)
    check_outputs(options, options.plot)
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__, all_threads=False)  # a crash of compiled code then names the user's line
    report = _measure(target, options)
    has_picture = bool(report.details and report.details.to_dict()["digits"]["sweep"])
    if options.plot:
        from gradtwin.comparisons.report.accuracy_plot import plot_accuracy

        from .files import write_whole

        write_whole(options.plot, plot_accuracy(report, options.plot[-3:]))
    if options.html and has_picture:
        from gradtwin.comparisons.report.accuracy_plot import plot_accuracy

        return finish(report, options, plot_accuracy(report))
    return finish(report, options)


def report_end(options: argparse.Namespace, how: str, doing: str) -> int:
    """Report a process that ended before the digits were known, and return the exit status."""
    from gradtwin.comparisons.checks.accuracy import report_ended

    return finish(report_ended(options.target, options.dtype or "float64", options.seed, how, doing), options)


def _check_usage(target: Target, options: argparse.Namespace) -> None:
    """Raise ArgumentValueError for options that don't go together."""
    if target.function is None:
        raise ArgumentValueError(
            f"TARGET: got a whole file, {options.target}; expected one function, as in {target.place}:softplus."
        )
    check_place(options, "(n)->()")


def _measure(target: Target, options: argparse.Namespace) -> Report:
    from dataclasses import replace

    from gradtwin.backends.quiet_import import import_tensorflow
    from gradtwin.comparisons.checks.accuracy import check_accuracy
    from gradtwin.comparisons.subjects.loading import SMALLER, find_function, limited, load

    target.file()  # reports a wrong path before the import of TensorFlow takes its time
    timeout = DEFAULT_TIMEOUT if options.timeout is None else float(options.timeout)
    note(f"{target.place} was loaded")
    with load(target, timeout) as module:
        assert target.function is not None
        note(f"{target.function} was measured")
        function = find_function(module, target.function, "function", target.place)
        if options.inputs is not None:
            arguments: dict[str, Any] = {"inputs": read_archive(function, target.function, options.inputs)}
        else:
            given = {name: getattr(options, name) for name in DRAWN}
            arguments = {name: DRAWN[name] if value is None else value for name, value in given.items()}
            arguments["signature"] = options.signature
        import_tensorflow()
        points = POINTS if options.plot or options.html else 0
        with limited(timeout, f"{options.target}: measuring it", SMALLER):
            report = check_accuracy(function, **arguments, seed=options.seed, points=points)
    return replace(report, reproduce=_command_line(options))


def _command_line(options: argparse.Namespace) -> str:
    """Return the command that measures again."""
    words = ["gradtwin", "accuracy", options.target]
    for name in ("signature", "inputs", "dtype", "examples"):
        value = getattr(options, name)
        words += [] if value is None else [f"--{name}", str(value)]
    words += [f"--domain={options.domain[0]:g},{options.domain[1]:g}"] if options.domain else []
    return shlex.join([*words, "--seed", str(options.seed)])
