"""`gradtwin check`: checks one hand-derived gradient, every pair in a file (once or at every save), or the gallery."""

from __future__ import annotations

import argparse
import faulthandler
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from .apart import note
from .arguments import check_place
from .cleaning import clean
from .errors import ArgumentValueError, GradTwinError, InputFileError
from .outputs import add_command, add_outputs, check_outputs, finish, finish_saving, show_progress

if TYPE_CHECKING:
    from gradtwin.comparisons.results.data import Report
    from gradtwin.comparisons.subjects.loading import Target

STYLES = ("vjp", "backward", "grad", "derivative", "jacobian")

#: Seconds for loading a file, and again for a check, where none are given.
DEFAULT_TIMEOUT = 120.0

#: Options for a named function, which mean nothing for a whole file.
NAMED_ONLY = (*STYLES, "value_and_grad", "signature", "inputs", "wrt", "reference")

#: Options that mean nothing for the gallery, with their defaults.
NOT_FOR_GALLERY = {
    **dict.fromkeys((*STYLES, "signature", "inputs", "wrt", "dtype", "domain", "examples", "reference", "timeout")),
    "require": None,
    "value_and_grad": False,
    "strict_accuracy": False,
    "seed": 0,
    "watch": False,
    "save": None,
}

#: Seconds between two looks at a watched file.
WATCH_EVERY = 0.2

USAGE = """gradtwin check FILE.py [options]
       gradtwin check FILE.py:FORWARD STYLE (--signature SHAPES | --inputs FILE.npz) [options]
       gradtwin check --gallery [options]

STYLE is one of --vjp NAME, --backward NAME, --grad NAME, --derivative NAME, --jacobian NAME, --value-and-grad"""

TRUST = """
This runs your code: it imports the file, without its `if __name__ == "__main__"` part, and calls its functions. Check
only code that you would run. An archive for --inputs is read without pickle, and can't run code."""

EXAMPLES = """examples:
  gradtwin check layers.py
  gradtwin check layers.py:affine --vjp affine_vjp --signature '(n,i),(i,o),(o)->(n,o)'
  gradtwin check layers.py:tanh --derivative tanh_prime --inputs x.npz --timeout 10"""


def add_parser(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "check", run, "check a hand-derived gradient, or every pair in a file", report_end)
    parser.usage, parser.formatter_class = USAGE, argparse.RawDescriptionHelpFormatter
    parser.description = f"{parser.description}\n{TRUST}"
    parser.epilog = f"{EXAMPLES}\n\n{parser.epilog}"
    what = parser.add_argument_group("what to check")
    what.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="FILE.py:forward, package.module:forward, or FILE.py for all functions with a gradient by name",
    )
    what.add_argument(
        "--gallery", action="store_true", help="check gradtwin's gallery of published faults, instead of TARGET"
    )
    what.add_argument(
        "--require",
        metavar="NAME",
        nargs="+",
        action="extend",
        help="functions or gradients of FILE.py that must be in a checked pair; exit with 4 if one is not",
    )
    style = parser.add_argument_group("how the gradient is written (exactly one of these)")
    style.add_argument("--vjp", metavar="NAME", help="NAME(y_bar, *inputs)")
    style.add_argument("--backward", metavar="NAME", help="NAME(y_bar, cache), if forward returns (y, cache)")
    style.add_argument("--grad", metavar="NAME", help="NAME(*inputs), if forward returns a number")
    style.add_argument("--derivative", metavar="NAME", help="NAME(x), if forward is elementwise")
    style.add_argument("--jacobian", metavar="NAME", help="NAME(*inputs), an array of shape output + input")
    style.add_argument("--value-and-grad", action="store_true", help="forward itself returns (loss, gradient, ...)")
    where = parser.add_argument_group("where to check (at drawn points, or at --inputs)")
    where.add_argument("--signature", metavar="SHAPES", help="shapes of drawn inputs, such as '(n,k),(k,m)->(n,m)'")
    where.add_argument(
        "--inputs", metavar="FILE.npz", help="arrays with the names of forward's parameters, or in their order"
    )
    where.add_argument(
        "--wrt", type=_positions, metavar="0,1", help="positions of differentiated inputs (default: all floating)"
    )
    where.add_argument("--dtype", metavar="NAME", help="dtype of drawn inputs (default: float64)")
    where.add_argument(
        "--domain", type=read_range, metavar="LOW,HIGH", help="range of drawn inputs, such as --domain=-3,3"
    )
    where.add_argument(
        "--examples", type=int, metavar="N", help="number of drawn points (default: 100; 20 for each pair of a file)"
    )
    how = parser.add_argument_group("how to judge")
    how.add_argument(
        "--reference", metavar="NAME", help="compare with a TensorFlow function of the same inputs, in the same file"
    )
    how.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random (default: 0)")
    how.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="limit for loading the file, and for each check (default: 120; 10 to find out how to call a pair)",
    )
    how.add_argument(
        "--strict-accuracy",
        action="store_true",
        help="take a right formula that loses many digits for a mismatch",
    )
    how.add_argument("--save", metavar="DIR", help="save each mismatch, for: gradtwin replay DIR")
    how.add_argument("--watch", action="store_true", help="check again whenever the file is saved, until Ctrl-C")
    add_outputs(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    from gradtwin.comparisons.subjects.loading import Target

    if options.gallery:
        return _check_gallery(options)
    if options.target is None:
        if options.require and options.require[-1].endswith(".py"):
            raise ArgumentValueError(
                f"TARGET: none was given; {options.require[-1]!r} was taken for a name of --require. Put it first: "
                f"gradtwin check {options.require[-1]} --require NAME ..."
            )
        raise ArgumentValueError(
            "TARGET: got none; expected FILE.py:forward, package.module:forward or FILE.py, or --gallery."
        )
    target = Target.parse(options.target)
    _check_usage(target, options)
    check_outputs(options)
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__, all_threads=False)  # a crash of compiled code then names the user's line
    if options.watch:
        return _watch(target, options)
    return finish_saving(_check(target, options), options)


def report_end(options: argparse.Namespace, how: str, doing: str) -> int:
    """Report a check whose process ended before its verdict was known, and return the exit status."""
    from gradtwin.comparisons.checks.unchecked import report_ended

    command = _command_line(options) if options.target else ""
    return finish(report_ended(options.target, options.dtype or "float64", options.seed, how, doing, command), options)


def _check_gallery(options: argparse.Namespace) -> int:
    """Check the gallery."""
    from gradtwin.backends.quiet_import import import_tensorflow
    from gradtwin.comparisons.gallery import check_gallery

    if options.target is not None:
        raise ArgumentValueError(
            f"--gallery, TARGET: got both (the target is {options.target!r}); expected one of them. Leave one out."
        )
    for name, default in NOT_FOR_GALLERY.items():
        if getattr(options, name) != default:
            raise ArgumentValueError(
                f"--{name.replace('_', '-')}: got it with --gallery, which has fixed code, inputs and seeds. Leave one "
                f"out."
            )
    check_outputs(options)
    with show_progress(options) as progress:
        import_tensorflow()
        report = check_gallery(progress)
    return finish(report, options)


def _check_usage(target: Target, options: argparse.Namespace) -> None:
    """Raise ArgumentValueError for options that don't go together."""
    if options.seed < 0:
        raise ArgumentValueError(f"seed: got {options.seed}; expected a whole number from 0.")
    if options.examples is not None and options.examples < 1:
        raise ArgumentValueError(f"examples: got {options.examples}; expected at least 1.")
    if target.function is None:
        for name in NAMED_ONLY:
            if getattr(options, name) not in (None, False):
                raise ArgumentValueError(
                    f"--{name.replace('_', '-')}: got it for a whole file; expected one function, "
                    f"{target.place}:forward. Name the function, or leave the option out."
                )
        return
    if options.require:
        raise ArgumentValueError(
            f"--require: it is for a whole file; expected {target.place} with it, or {options.target} without it."
        )
    given = [f"--{name.replace('_', '-')}" for name in (*STYLES, "value_and_grad") if getattr(options, name)]
    if len(given) != 1:
        raise ArgumentValueError(
            f"gradient: got {' and '.join(given) or 'none'}; expected exactly one of "
            f"{', '.join(f'--{name} NAME' for name in STYLES)} or --value-and-grad. It says how yours is written."
        )
    check_place(options, "(n,k),(k,m)->(n,m)")


def _check(target: Target, options: argparse.Namespace) -> Report:
    """Load the target and check it."""
    from gradtwin.backends.quiet_import import import_tensorflow
    from gradtwin.comparisons.subjects.loading import load

    target.file()  # reports a wrong path before the import of TensorFlow takes its time
    if options.reference:
        import_tensorflow()
    note(f"{target.place} was loaded")
    with load(target, _timeout(options)) as module:
        if target.function is not None:
            note(f"{target.function} was checked")
            return _check_function(module, target, options)
        from gradtwin.comparisons.checks.file import check_file

        with show_progress(options) as shown:

            def progress(done: int, total: int, what: str) -> None:
                note(f"{what} was checked")
                if shown:
                    shown(done, total, what)

            import_tensorflow()
            return check_file(
                module,
                target.place,
                dtype=options.dtype or "float64",
                domain=options.domain,
                examples=20 if options.examples is None else options.examples,
                seed=options.seed,
                timeout=options.timeout,
                require=options.require or (),
                accuracy=_accuracy(options),
                progress=progress,
            )


def _timeout(options: argparse.Namespace) -> float:
    return DEFAULT_TIMEOUT if options.timeout is None else float(options.timeout)


def _accuracy(options: argparse.Namespace) -> Literal["note", "strict"]:
    return "strict" if options.strict_accuracy else "note"


def _check_function(module: ModuleType, target: Target, options: argparse.Namespace) -> Report:
    from dataclasses import replace

    from gradtwin.backends.quiet_import import import_tensorflow
    from gradtwin.comparisons.checks.gradient import check_gradient
    from gradtwin.comparisons.checks.unchecked import without_random
    from gradtwin.comparisons.subjects.loading import SMALLER, find_function, limited

    assert target.function is not None
    forward = find_function(module, target.function, "function", target.place)
    arguments: dict[str, Any] = {"value_and_grad": options.value_and_grad}
    for style in (*STYLES, "reference"):
        name = getattr(options, style)
        arguments[style] = find_function(module, name, f"--{style}", target.place) if name else None
    if options.inputs is not None:
        arguments["inputs"] = read_archive(forward, target.function, options.inputs)
    else:
        examples = 100 if options.examples is None else options.examples
        arguments |= {"signature": options.signature, "dtype": options.dtype or "float64", "examples": examples}
        arguments["domain"] = options.domain
    import_tensorflow()
    with limited(_timeout(options), f"{options.target}: the check", SMALLER):
        report = check_gradient(forward, **arguments, wrt=options.wrt, seed=options.seed, accuracy=_accuracy(options))
    return replace(without_random(report, target.function), reproduce=_command_line(options))


def read_archive(forward: Callable[..., Any], name: str, path: str) -> tuple[Any, ...]:
    """Return the arrays of an archive in the order of forward's parameters: by name, else by number or as saved."""
    from gradtwin.comparisons.subjects.pairing import parameters, required

    from .files import read_arrays

    arrays = read_arrays(path)
    wanted, needed = [p.name for p in parameters(forward)], required(forward)
    if set(arrays) <= set(wanted) and set(needed) <= set(arrays) and set(wanted[: len(arrays)]) == set(arrays):
        return tuple(arrays[parameter] for parameter in wanted[: len(arrays)])
    if len(needed) <= len(arrays) <= len(wanted) and not set(arrays) & set(wanted):
        numbered = all(f"arr_{i}" in arrays for i in range(len(arrays)))
        return tuple(arrays[f"arr_{i}"] for i in range(len(arrays))) if numbered else tuple(arrays.values())
    raise InputFileError(
        f"{path}: got {', '.join(arrays) or 'no arrays'}; {name} takes {', '.join(wanted) or 'nothing'}. Expected "
        f"arrays with these names, or as many with other names, in order (such as np.savez's arr_0, arr_1, ...)."
    )


def _command_line(options: argparse.Namespace) -> str:
    """Return the command that repeats the check."""
    words = ["gradtwin", "check", options.target]
    for name in (*STYLES, "reference", "signature", "inputs", "dtype", "examples"):
        value = getattr(options, name)
        words += [] if value is None else [f"--{name}", str(value)]
    words += ["--value-and-grad"] if options.value_and_grad else []
    words += ["--wrt", ",".join(map(str, options.wrt))] if options.wrt else []
    words += ["--strict-accuracy"] if options.strict_accuracy else []
    words += [f"--domain={options.domain[0]:g},{options.domain[1]:g}"] if options.domain else []
    return shlex.join([*words, "--seed", str(options.seed)])


def _watch(target: Target, options: argparse.Namespace) -> int:
    """Check at every save until Ctrl-C; print an error, and wait for the next save."""
    files = [target.file(), *([Path(options.inputs)] if options.inputs else [])]
    on_terminal = sys.stdout.isatty()
    try:
        while True:
            seen = [_saved_at(file) for file in files]
            print(f"{time.strftime('%H:%M:%S')}  {clean(options.target)}", flush=True)
            try:
                finish_saving(_check(target, options), options)
            except GradTwinError as error:
                print(f"gradtwin: {error}", file=sys.stderr, flush=True)
            waiting = f"watching {clean(', '.join(map(str, files)))}; Ctrl-C ends"
            print(waiting, end="" if on_terminal else "\n", flush=True)
            while [_saved_at(file) for file in files] == seen:
                time.sleep(WATCH_EVERY)
            print("\r\x1b[K" if on_terminal else "", end="", flush=True)
    except KeyboardInterrupt:
        print(flush=True)
        return 130


def _saved_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:  # an editor may be replacing it
        return 0


def _positions(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def read_range(text: str) -> tuple[float, float]:
    """Read `LOW,HIGH`."""
    low, high = (float(part) for part in text.split(","))
    return low, high


_positions.__name__, read_range.__name__ = "list of positions such as 0,1", "range such as --domain=-3,3"
