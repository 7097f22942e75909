"""`gradtwin replay`: saved cases judged again."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .cleaning import clean
from .outputs import EXIT_STATUS, add_command, add_outputs, check_outputs, finish, show_progress


def add_parser(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "replay", run, "judge saved cases again", report_end)
    parser.epilog = (
        "Exit status: 0 no case mismatches any more, 1 a case still mismatches, 2 a case can't be read or its "
        "functions can't be found, 4 a case is inconclusive. A case of your own gradient runs your file, as gradtwin "
        "check does."
    )
    parser.add_argument(
        "folder", metavar="DIR", help="a folder that --save DIR or a soak has filled, or one JSON file in it"
    )
    add_outputs(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    from gradtwin.comparisons.replay import ReplayDetails, replay

    check_outputs(options)
    with show_progress(options) as progress:
        report = replay(options.folder, progress)
    status = finish(report, options)
    assert isinstance(report.details, ReplayDetails)
    for reason in report.details.refused:
        print(f"gradtwin: {reason}", file=sys.stderr)
    return 2 if report.details.refused else status


def report_end(options: argparse.Namespace, how: str, _: str) -> int:
    """Report that the process ended before all cases were judged, and return the exit status."""
    from gradtwin.comparisons.checks.unchecked import describe_end

    print(f"gradtwin: {clean(options.folder)}: {describe_end(how)}", file=sys.stderr)
    return EXIT_STATUS["inconclusive"]
