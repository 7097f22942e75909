"""`gradtwin soak`: draws problems over the whole catalogue for as long as you like."""

from __future__ import annotations

import argparse
from typing import Any

from .outputs import add_command, add_outputs, check_outputs, finish, show_progress


def add_parser(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "soak", run, "draw cases over the whole catalogue for as long as you like")
    parser.epilog = (
        "The folder keeps the results: if a soak ends, is interrupted or is killed, the same command continues it. The "
        "exit status is 130 after an interruption. Otherwise it is that of the verdict."
    )
    parser.add_argument("operations", nargs="*", metavar="OP", help="operations (default: all)")
    parser.add_argument("--minutes", type=float, default=1.0, help="duration of this run in minutes (default: 1)")
    parser.add_argument("--workers", type=int, default=1, help="number of processes, with one thread each (default: 1)")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="address of a Dask cluster whose workers do the work instead"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    parser.add_argument("--folder", metavar="DIR", help="folder of cases and results (default: in the user's cache)")
    add_outputs(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    from gradtwin.comparisons.soak import SoakDetails, soak

    from .kept import default_folder

    check_outputs(options)
    with show_progress(options) as progress:
        report = soak(
            *options.operations,
            minutes=options.minutes,
            workers=options.workers,
            seed=options.seed,
            scheduler=options.scheduler,
            folder=options.folder or default_folder("soak"),
            progress=progress,
        )
    status = finish(report, options)
    assert isinstance(report.details, SoakDetails)
    return 130 if report.details.interrupted else status
