"""Judges saved cases again, and reports the differences between the machines."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from gradtwin.backends.quiet_import import import_tensorflow
from gradtwin.comparisons.catalogue import case as operation_case
from gradtwin.comparisons.checks import case as check_case
from gradtwin.comparisons.checks import saved_case
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.report.tables import STYLE, make_table
from gradtwin.comparisons.results.case import Case, read_case, take
from gradtwin.comparisons.results.data import Cause, Check, Details, Report, Verdict, worst_verdict
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.errors import GradTwinError, InputFileError
from gradtwin.progress import Progress

if TYPE_CHECKING:
    from rich.table import Table

#: What of an environment can change a verdict.
TELLING = ("python", "gradtwin", "numpy", "tensorflow", "keras", "platform", "cpu", "blas", "onednn")


@dataclass(frozen=True)
class Replayed:
    """A case, its verdict now, and the differences since it was saved: (what, then, now)."""

    name: str
    saved: str
    verdict: Verdict
    differs: tuple[tuple[str, str, str], ...]

    @property
    def said(self) -> str:
        """The outcome in words; with another verdict, the differences too."""
        if self.verdict == "mismatch":
            return "still fails" if self.saved == "crash" else "same verdict"
        if not self.differs:
            return "another verdict in the same environment"
        shown = "; ".join(f"{what} {then} → {now}" if now else f"{what} {then}" for what, then, now in self.differs)
        return f"another verdict; different here: {shown}"


@dataclass(frozen=True)
class ReplayDetails(Details):
    """The outcome of each case, and the reasons for those that could not be judged."""

    replayed: tuple[Replayed, ...]
    refused: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the cases for the JSON report."""
        cases = [{**vars(case), "differs": [list(item) for item in case.differs]} for case in self.replayed]
        return {"cases": cases, "refused": list(self.refused)}

    def parts(self, report: Report) -> list[Text | Table]:
        """Return the lines and the table of the report."""
        still = sum(case.verdict == "mismatch" for case in self.replayed)
        count = len(self.replayed)
        words = f"  replay: {still} of {count} cases still mismatch"
        table = make_table("case", "saved as", "now", "")
        for case in self.replayed:
            table.add_row(case.name, case.saved, Text(case.verdict, style=STYLE[case.verdict]), case.said)
        refused = [Text(f"not judged: {reason}", style="yellow") for reason in self.refused]
        return [Text.assemble((report.verdict.upper(), STYLE[report.verdict]), words), table, *refused]


def replay(folder: str | Path, progress: Progress | None = None) -> Report:
    """Judge every case that is saved in a folder, or a single one, again.

    Its verdict is `mismatch` if any case still mismatches. Cases that can't be judged are in `refused`. Raises
    InputFileError where there is no case, or none that can be judged.
    """
    place = Path(folder)
    files = sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not files or not files[0].is_file():
        raise InputFileError(f"{place}: there are no saved cases; expected a folder that --save or a soak has filled.")
    import_tensorflow()  # where it is missing, no case is at fault
    environment = describe_environment()
    checks: list[Check] = []
    replayed: list[Replayed] = []
    refused: list[str] = []
    for done, file in enumerate(files):
        if progress:
            progress(done, len(files), file.stem)
        try:
            case = read_case(file)
            then = take(case.fields, "environment", dict, file)
            found, changed = _judge(case, file.parent)
        except GradTwinError as error:
            refused.append(str(error))
            continue
        differs = _differences(then, environment)
        differs += [(f"{path} has changed", "", "") for path in changed]
        verdict = worst_verdict(check.verdict for check in found)
        replayed.append(Replayed(case.name, str(case.fields.get("verdict")), verdict, tuple(differs)))
        checks += [replace(check, name=f"{case.name}: {check.name}") for check in found]
    if not replayed:
        raise InputFileError("\n".join([f"{place}: no case could be judged.", *refused]))
    command = f"gradtwin replay {place}"
    details = ReplayDetails(tuple(replayed), tuple(refused))
    return Report("replay", tuple(checks), 0, command, environment, details=details)


def _judge(case: Case, folder: Path) -> tuple[list[Check], list[str]]:
    kind = take(case.fields, "kind", str, f"{case.name}.json")
    if kind == operation_case.KIND:
        return _judge_operation(case, folder), []
    if kind == check_case.KIND:
        return saved_case.judge_case(case, folder)
    kinds = f"{operation_case.KIND} or {check_case.KIND}"
    raise InputFileError(f"{case.name}.json: its kind is {kind!r}; expected {kinds}. Save the case again.")


def _judge_operation(case: Case, folder: Path) -> list[Check]:
    """Judge an operation's case; one that ended a process is judged in a separate one, which it may end again."""
    try:
        if case.fields.get("verdict") != "crash":
            return operation_case.judge_case(case)
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(_judge_file, folder / f"{case.name}.json").result()
    except InputFileError:
        raise
    except Exception as error:
        cause = Cause("raises", True, type(error).__name__, f"judging it raised {type(error).__name__}: {error}")
        operation, dtype, mode = (str(case.fields[key]) for key in ("operation", "dtype", "mode"))
        return [Titles(operation, dtype, mode).failed("crash", "contract", cause)]


def _judge_file(file: Path) -> list[Check]:
    return operation_case.judge_case(read_case(file))


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(name, str(then.get(name)), str(now[name])) for name in TELLING if then.get(name) != now[name]]
