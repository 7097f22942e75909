"""What the commands share: their options of output, where a report goes, the exit status, the progress bar."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .apart import end_copy
from .cleaning import clean
from .errors import ArgumentValueError
from .progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

    from gradtwin.comparisons.results.data import Report

STATUSES = "Exit status: 0 match, 1 mismatch, 2 bad usage or input, 3 backend missing, 4 inconclusive, 130 interrupted."
EXIT_STATUS = {"match": 0, "mismatch": 1, "inconclusive": 4}


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    help: str,
    report_end: Callable[[argparse.Namespace, str, str], int] | None = None,
) -> argparse.ArgumentParser:
    """Add a command that calls `run`, and return its parser.

    `report_end` is for a command that runs a user's file, in a process of its own: it is called with words for how that
    process ended before it was done, and for what it was doing.
    """
    description = f"{help[0].upper()}{help[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=description, epilog=STATUSES)
    parser.set_defaults(run=run, report_end=report_end)
    return parser


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add the options for the outputs of a report."""
    output = parser.add_argument_group("output")
    output.add_argument("--json", metavar="FILE", help="write the report as JSON")
    output.add_argument("--html", metavar="FILE", help="write the report as one self-contained page")
    output.add_argument("--junit", metavar="FILE", help="write the report as JUnit XML")
    output.add_argument("--github", action="store_true", help="print each mismatch as an annotation for GitHub too")
    output.add_argument("--quiet", action="store_true", help="print only the verdict")
    output.add_argument("--no-progress", action="store_true", help="show no progress bar")


def check_outputs(options: argparse.Namespace, plot: str | None = None) -> None:
    """Raise GradTwinError, before any work is done, for a file or a folder that can't be written."""
    from .files import check_folder, check_writable

    if getattr(options, "save", None):
        check_folder(options.save)
    paths = [path for path in (options.json, options.html, options.junit, plot) if path]
    for path in paths:
        check_writable(path)
        if paths.count(path) > 1:
            raise ArgumentValueError(f"{path}: got one file for two outputs; expected a file for each.")
    if plot and not plot.endswith((".png", ".svg")):
        raise ArgumentValueError(f"--plot: got {plot!r}; expected a file that ends in .png or .svg.")


def finish(report: Report, options: argparse.Namespace, image: bytes | None = None) -> int:
    """Print the report, write the files that the options name, and return the exit status."""
    from .files import write_whole

    end_copy()
    if options.json:
        from gradtwin.comparisons.results.json_text import to_json

        write_whole(options.json, to_json(report))
    if options.html:
        from gradtwin.comparisons.report.html import to_page

        write_whole(options.html, to_page(report, image))
    if options.junit:
        from gradtwin.comparisons.report.junit import to_junit

        write_whole(options.junit, to_junit(report))
    try:
        if options.quiet:
            print(report.verdict)
        else:
            from gradtwin.comparisons.report.text import print_to_text

            print(print_to_text(report, make_console()), end="")
        if options.github:
            from gradtwin.comparisons.report.github import to_annotations

            for line in to_annotations(report):
                print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
    return EXIT_STATUS[report.verdict]


def discard_output() -> None:
    """Print nothing more: the reader of standard output, such as `head`, has ended."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def finish_saving(report: Report, options: argparse.Namespace) -> int:
    """Save the mismatches if the options say so, then finish as every command does."""
    saved = report.save(options.save) if options.save else []
    status = finish(report, options)
    if saved and not options.quiet:
        folder = clean(options.save)
        print(f"\nsaved {len(saved)} in {folder}; to judge them again: gradtwin replay {folder}")
    return status


def make_console() -> Console:
    """Return a console on the output: of a terminal's width, or of a fixed one in a pipe."""
    from gradtwin.comparisons.report.text import PLAIN_WIDTH, CleanConsole

    return CleanConsole(width=None if sys.stdout.isatty() else PLAIN_WIDTH)


@contextmanager
def show_progress(options: argparse.Namespace) -> Iterator[Progress | None]:
    """Show a progress bar on a terminal; none in a pipe."""
    if options.no_progress or options.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:32}", markup=False),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting TensorFlow", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=clean(what))
