"""The gradient checkers side by side, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median as median_of

from rich.table import Table
from rich.text import Text

from gradtwin.benchmarks.statistics import quartiles
from gradtwin.benchmarks.table import count_threads, show_ratio, show_seconds, titled_table

from .results import Judged, PeerComparison, PeerTiming


def render_peers(found: PeerComparison) -> Iterator[Text | Table]:
    """Yield the tables: time and evaluations against size, faults caught and false alarms; then the settings."""
    if found.timings:
        yield _time_table(found)
        yield _evaluation_table(found.timings)
    tools = list(found.versions)
    faults = [judged for judged in found.judged if judged.fault]
    rights = [judged for judged in found.judged if not judged.fault]
    if faults:
        yield from _fault_tables(faults, tools)
    if rights:
        yield _alarm_table(rights, tools)
    for tool, words in found.settings.items():
        if tool in found.missing:
            yield Text(f"{tool}: {found.missing[tool]}")
        else:
            yield Text(f"{tool} {found.versions[tool]}: {words}.")


def _time_table(found: PeerComparison) -> Table:
    sizes = list(dict.fromkeys(t.extents for t in found.timings))
    table = titled_table(
        "one check of dense + mean square, by size n × k × m", "tool", *[_name(size) for size in sizes]
    )
    protocol = found.protocol
    table.caption = (
        f"float64, {count_threads(protocol['threads'])}, {protocol['rounds']} × {protocol['values']} values; median; "
        f"quartiles; the first check of a process; time over gradtwin's and the 95 % interval of that."
    )
    for tool in dict.fromkeys(t.tool for t in found.timings):
        row = {t.extents: _show_time(t) for t in found.timings if t.tool == tool}
        table.add_row(tool, *[row[size] for size in sizes], end_section=True)
    return table


def _evaluation_table(timings: Sequence[PeerTiming]) -> Table:
    sizes = list(dict.fromkeys(t.extents for t in timings))
    table = titled_table(
        "evaluations of the forward and of the gradient in one check", "tool", *[_name(size) for size in sizes]
    )
    for tool in dict.fromkeys(t.tool for t in timings):
        row = {t.extents: f"{t.forward} and {t.gradient}" for t in timings if t.tool == tool}
        table.add_row(tool, *[row[size] for size in sizes])
    return table


def _fault_tables(faults: Sequence[Judged], tools: Sequence[str]) -> Iterator[Table]:
    """Yield a table for each setting: for each tool, how many faults of a kind it caught."""
    for setting in dict.fromkeys(judged.setting for judged in faults):
        here = [judged for judged in faults if judged.setting == setting]
        kinds = list(dict.fromkeys(judged.kind for judged in here))
        table = titled_table(f"planted faults caught, {setting}", "tool", *kinds, "all")
        operations = ", ".join(dict.fromkeys(judged.operation for judged in here))
        table.caption = (
            f"Faults of the self-test, each at one point, in the gradients of {operations}. Whatever is raised on the "
            f"way to a verdict counts as caught."
        )
        for tool in tools:
            own = [judged for judged in here if judged.tool == tool]
            table.add_row(tool, *[_count([j for j in own if j.kind == kind]) for kind in kinds], _count(own))
        yield table


def _alarm_table(rights: Sequence[Judged], tools: Sequence[str]) -> Table:
    settings = list(dict.fromkeys(judged.setting for judged in rights))
    table = titled_table("false alarms: right gradients rejected", "tool", *settings)
    for tool in tools:
        own = [judged for judged in rights if judged.tool == tool]
        table.add_row(tool, *[_count([j for j in own if j.setting == setting]) for setting in settings])
    return table


def _count(judged: Sequence[Judged]) -> str:
    undecided = sum(j.verdict == "inconclusive" for j in judged)
    return f"{sum(j.caught for j in judged)} of {len(judged)}" + (f", {undecided} undecided" if undecided else "")


def _show_time(timing: PeerTiming) -> str:
    if not timing.samples:
        assert timing.estimate is not None
        return f"not run: would take\nabout {show_seconds(timing.estimate)}"
    q1, median, q3 = quartiles(timing.samples)
    lines = [show_seconds(median), show_seconds(q1, q3)]
    lines.append(f"first {show_seconds(median_of(timing.first_checks))}")
    if timing.ratio:
        lines.append(show_ratio(timing.ratio))
    return "\n".join(lines)


def _name(extents: tuple[int, int, int]) -> str:
    return "×".join(map(str, extents))
