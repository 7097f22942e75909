"""The command line: parses arguments, runs a command, prints and writes its report, and returns an exit status.

Exit status: 0 everything matches, 1 something mismatches, 2 the usage or an input is wrong, 3 a backend is missing,
4 nothing mismatches but something is inconclusive, 130 the command was interrupted.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from . import accuracy_command, check_command, replay_command, soak_command
from .apart import run_apart
from .cleaning import clean, disarm
from .errors import ArgumentValueError, BackendMissingError, GradTwinError
from .outputs import (
    STATUSES,
    add_command,
    add_outputs,
    check_outputs,
    discard_output,
    finish,
    finish_saving,
    make_console,
    show_progress,
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors quote the command line, and do no more with it."""

    def error(self, message: str) -> NoReturn:
        """Print the message and how the command is used, and exit."""
        super().error(disarm(clean(message)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # what an encoding lacks, such as ASCII a table's lines
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.report_end is None:
        return _run(options)
    return run_apart(partial(_run, options), partial(options.report_end, options))


def _run(options: argparse.Namespace) -> int:
    status = 0
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("gradtwin: interrupted; no file was written.", file=sys.stderr)
        return 130
    except BackendMissingError as error:
        print(f"gradtwin: {error}", file=sys.stderr)
        return 3
    except GradTwinError as error:
        print(f"gradtwin: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        discard_output()
        return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="gradtwin",
        description="Check hand-derived NumPy gradients against TensorFlow's automatic differentiation.",
        epilog=f"{STATUSES} gradtwin COMMAND --help lists a command's options.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    compare = add_command(commands, "compare", _compare, "compare every operation on both backends")
    compare.add_argument(
        "operations", nargs="*", metavar="OP", help="operations (default: all, and then the scenario regression)"
    )
    compare.add_argument(
        "--dtype",
        type=_names,
        default=["float32", "float64"],
        help="comma-separated (default: float32,float64)",
    )
    compare.add_argument(
        "--mode",
        type=_names,
        default=["eager", "graph", "xla"],
        help="comma-separated (default: eager,graph,xla)",
    )
    compare.add_argument(
        "--profile", default="default", help="how much is drawn: quick, default or thorough (default: default)"
    )
    compare.add_argument("--examples", type=int, help="number of drawn problems for each operation and dtype")
    compare.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    compare.add_argument("--save", metavar="DIR", help="save each mismatch, for: gradtwin replay DIR")
    add_outputs(compare)

    train = add_command(commands, "train", _train, "train one scenario on both backends in lock step")
    train.add_argument("scenario", metavar="SCENARIO", help="a scenario; see: gradtwin list scenarios")
    train.add_argument(
        "--data", metavar="FILE.npz|mnist", help="data: x_train, y_train, x_test, y_test and optional start weights"
    )
    train.add_argument("--batch", type=int, help="samples in a step (default: as published)")
    train.add_argument("--activation", help="activation of the hidden layers, if the scenario lets you choose")
    train.add_argument(
        "--init-mean",
        type=float,
        metavar="MEAN",
        help="number to add to the start weights, if the scenario lets you choose",
    )
    train.add_argument("--steps", type=int, help="number of steps (default: as published)")
    train.add_argument("--learning-rate", type=float, help="learning rate (default: as published)")
    train.add_argument("--loss", help="another loss, such as mse or huber; see: gradtwin list operations")
    train.add_argument("--dtype", default="float64", help="float16, float32 or float64 (default: float64)")
    train.add_argument("--mode", default="graph", help="TensorFlow's mode: eager, graph or xla (default: graph)")
    train.add_argument("--seed", type=int, help="seed of everything random (default: as published)")
    train.add_argument("--plot", metavar="FILE", help="draw the curves to a .png or .svg file")
    add_outputs(train)

    check_command.add_parser(commands)
    accuracy_command.add_parser(commands)

    selftest = add_command(commands, "selftest", _selftest, "plant known faults, and show that each is caught")
    selftest.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    add_outputs(selftest)

    bench = add_command(commands, "bench", _bench, "time both backends, fairly")
    bench.add_argument(
        "cases",
        nargs="*",
        metavar="CASE",
        help="operations, training steps, check or figures (default: all operations and training steps)",
    )
    bench.add_argument("--quick", action="store_true", help="time a few cases and sizes, in under a minute")
    bench.add_argument("--threads", help="numbers of threads, such as 1,2 (default: one, then all; with --quick: one)")
    bench.add_argument("--sizes", help="sizes of the arrays, such as 4,64,512 (default: 4 to 512)")
    bench.add_argument("--fresh", action="store_true", help="start over, without the results of an interrupted run")
    bench.add_argument(
        "--compare", nargs=2, metavar=("OLD.json", "NEW.json"), help="show which cases became slower or faster"
    )
    bench.add_argument(
        "--fail-above",
        type=float,
        metavar="RATIO",
        help="with --compare: exit with 1 if a case is slower by this ratio",
    )
    bench.add_argument("--across-machines", action="store_true", help="with --compare: allow results of two machines")
    bench.add_argument("--dtype", default="float64", help="float64 or float32 (default: float64)")
    bench.add_argument(
        "--plot", metavar="FILE", help="draw time against size, and the roofline, to a .png or .svg file"
    )
    bench.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    add_outputs(bench)

    soak_command.add_parser(commands)
    replay_command.add_parser(commands)

    listing = add_command(commands, "list", _list, "list the operations, scenarios, backends and published faults")
    listing.add_argument(
        "what",
        nargs="?",
        choices=["operations", "scenarios", "backends", "faults"],
        help="one of these lists (default: all)",
    )
    add_command(commands, "env", _env, "show versions, processor and threads")
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(name: str, text: str | None) -> list[int] | None:
    """Return the whole numbers of an option, or None if it is not given."""
    if text is None:
        return None
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise ArgumentValueError(f"--{name}: got {text!r}; expected whole numbers, such as 1,2.") from None


def _compare(options: argparse.Namespace) -> int:
    from gradtwin.comparisons.catalogue.suite import compare

    check_outputs(options)
    with show_progress(options) as progress:
        report = compare(
            *options.operations,
            dtypes=options.dtype,
            modes=options.mode,
            profile=options.profile,
            examples=options.examples,
            seed=options.seed,
            progress=progress,
        )
    return finish_saving(report, options)


def _train(options: argparse.Namespace) -> int:
    from gradtwin.comparisons.catalogue.training import train
    from gradtwin.comparisons.report.plots import plot_training

    check_outputs(options, options.plot)
    with show_progress(options) as progress:
        report = train(
            options.scenario,
            steps=options.steps,
            learning_rate=options.learning_rate,
            batch=options.batch,
            loss=options.loss,
            activation=options.activation,
            init_mean=options.init_mean,
            dtype=options.dtype,
            mode=options.mode,
            data=options.data,
            seed=options.seed,
            progress=progress,
        )
    if options.plot:
        from .files import write_whole

        write_whole(options.plot, plot_training(report, options.plot[-3:]))
    return finish(report, options, plot_training(report, "png") if options.html else None)


def _selftest(options: argparse.Namespace) -> int:
    from gradtwin.comparisons.catalogue.selftest import selftest

    check_outputs(options)
    with show_progress(options) as progress:
        report = selftest(seed=options.seed, progress=progress)
    return finish(report, options)


def _bench(options: argparse.Namespace) -> int:
    from gradtwin.benchmarks.changes import compare_results
    from gradtwin.benchmarks.chart import plot_report
    from gradtwin.benchmarks.report import BenchDetails
    from gradtwin.benchmarks.runner import bench

    from .files import write_whole
    from .kept import default_folder

    check_outputs(options, options.plot)
    if options.compare:
        across = options.across_machines
        return finish(compare_results(*options.compare, fail_above=options.fail_above, across_machines=across), options)
    if options.fail_above is not None or options.across_machines:
        raise ArgumentValueError(
            "--fail-above, --across-machines: got one without --compare OLD.json NEW.json. Add it."
        )
    with show_progress(options) as progress:
        try:
            report = bench(
                options.cases,
                quick=options.quick,
                threads=_numbers("threads", options.threads),
                sizes=_numbers("sizes", options.sizes),
                dtype=options.dtype,
                seed=options.seed,
                keep=default_folder("bench"),
                fresh=options.fresh,
                progress=progress,
            )
        except KeyboardInterrupt:
            print("gradtwin: the results so far are kept; the same command continues from them.", file=sys.stderr)
            raise
    assert isinstance(report.details, BenchDetails)
    if options.plot:
        write_whole(options.plot, plot_report(report.details, options.plot[-3:]))
    return finish(report, options, plot_report(report.details, "png") if options.html else None)


def _list(options: argparse.Namespace) -> int:
    from .listing import listing

    make_console().print(listing(options.what))
    return 0


def _env(_: argparse.Namespace) -> int:
    from gradtwin.comparisons.results.environment import describe_environment

    for name, value in describe_environment().items():
        print(f"{name:12} {value if value is not None else 'not installed'}")
    return 0
