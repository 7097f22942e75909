"""`gradtwin replay`: saved cases judged again."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .outputs import add_command, add_outputs, check_outputs, finish, show_progress


def add_parser(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "replay", run, "judge saved cases again, here")
    parser.epilog = (
        "Exit status: 0 none mismatches any more, 1 one still does, 2 one can't be read or its functions can't be "
        "found, 4 one is inconclusive. A case of a checked gradient runs the user's file, as check does."
    )
    parser.add_argument("folder", metavar="DIR", help="what --save DIR or a soak has filled, or one JSON file in it")
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
