"""The report for a terminal: a table for each case, with the size from which TensorFlow is the faster one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from gradtwin.benchmarks.claims.claim import Found
from gradtwin.comparisons.results.data import Report

from .cases import CONVERSION, PLAIN_MATMUL, Extents
from .results import Figure, Timing, find_crossover
from .statistics import Ratio, quartiles

NOT_DISTINGUISHABLE = "not distinguishable"
UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
LEGEND = (
    "Median; quartiles; of NumPy, its arithmetic and the part that is of a plain BLAS product's rate; "
    "of TensorFlow, its time over NumPy's and the 95 % interval of that."
)


def render_timings(report: Report, timed: Sequence[Timing], refused: Sequence[str]) -> Iterator[Text | Table]:
    """Yield the timings as tables, under a line with the report's conditions."""
    yield Text(_describe(report))
    for line in refused:
        yield Text(f"refused: {line}", style="red")
    if any(t.work.case not in (CONVERSION, PLAIN_MATMUL) for t in timed):
        yield Text(LEGEND)
    for threads in report.environment["threads"]:
        timings = [t for t in timed if t.threads == threads]
        rates = {t.work.extents: t.flops / t.median for t in timings if t.work.case == PLAIN_MATMUL and t.flops}
        cases = [t for t in timings if t.work.case not in (CONVERSION, PLAIN_MATMUL)]
        for title in dict.fromkeys(t.work.title for t in cases):
            yield _case_table(title, [t for t in cases if t.work.title == title], rates)
        conversions = [t for t in timings if t.work.case == CONVERSION]
        if conversions:
            yield _conversion_table(conversions)


def _describe(report: Report) -> str:
    found = report.environment
    rounds, values, seconds = (found["protocol"][key] for key in ("rounds", "values", "seconds"))
    load = f", load {found['load'][0]:.1f} to {found['load_after'][0]:.1f}" if found["load"] else ""
    threads = " and ".join(map(str, found["threads"]))
    reused = f" {found['reused']} answers come from an interrupted run." if found["reused"] else ""
    return (
        f"{found['cpu']}, {threads} of {len(found['affinity'])} processors{load}. "
        f"NumPy {found['numpy']} ({found['blas']}), TensorFlow {found['tensorflow']}. "
        f"{rounds} × {values} values of at least {seconds * 1000:.0f} ms.{reused} "
        f"Correctness gate: {report.verdict}, {len(report.checks)} checks."
    )


def _case_table(title: str, timings: Sequence[Timing], rates: dict[Extents, float]) -> Table:
    columns = list(dict.fromkeys((t.backend, t.mode) for t in timings))
    table = titled_table(_name_table(title, timings[0]), "n", *[name_column(*column) for column in columns])
    table.caption = _describe_crossovers(timings, [column for column in columns if column[0] != "numpy"])
    steady = [t for t in timings if not t.first_call]
    for extents in dict.fromkeys(t.work.extents for t in steady):
        row = {(t.backend, t.mode): _show_timing(t, rates) for t in steady if t.work.extents == extents}
        table.add_row(str(extents[0]), *[row.get(column, "refused") for column in columns], end_section=True)
    first = [[t.median for t in timings if t.first_call and (t.backend, t.mode) == column] for column in columns]
    table.add_row("first\ncall", *[show_seconds(min(m), max(m)) for m in first])
    return table


def _conversion_table(timings: Sequence[Timing]) -> Table:
    stages = list(dict.fromkeys(t.work.stage for t in timings))
    table = titled_table(_name_table("conversion of an n × n array", timings[0]), "n", *stages)
    for extents in dict.fromkeys(t.work.extents for t in timings):
        row = {t.work.stage: _show_timing(t, {}) for t in timings if t.work.extents == extents}
        table.add_row(str(extents[0]), *[row[stage] for stage in stages], end_section=True)
    return table


def _name_table(title: str, timing: Timing) -> str:
    return f"{title}, {timing.work.dtype}, {count_threads(timing.threads)}"


def count_threads(threads: int) -> str:
    """Return a number of threads in words."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def figure_table(figures: Sequence[Figure], claims: Sequence[Found]) -> Table:
    """Return the figures to reach, and their measurements."""
    table = titled_table("figures to reach", "what", "at", "ratio", "limit", "outcome")
    for figure in figures:
        at = " × ".join(map(str, figure.timing.work.extents))
        table.add_row(figure.what, at, show_interval(figure.ratio), f"≤ {figure.limit}", figure.outcome)
    for found in claims:
        table.add_row(found.claim.what, found.claim.at, found.show(), found.claim.bound, found.outcome)
    return table


def titled_table(title: str, *columns: str) -> Table:
    """Return an empty table with these columns, under its title."""
    table = Table(title=title, title_justify="left", caption_justify="left")
    for column in columns:
        table.add_column(column)
    return table


def name_column(backend: str, mode: str) -> str:
    """Return a backend and its mode as a column's name."""
    return "NumPy" if backend == "numpy" else f"TensorFlow {mode}"


def _show_timing(timing: Timing, rates: dict[Extents, float]) -> str:
    q1, median, q3 = quartiles(timing.samples)
    lines = [show_seconds(median), show_seconds(q1, q3)]
    if timing.ratio:
        lines.append(show_ratio(timing.ratio))
    elif timing.flops and timing.work.extents in rates:
        rate = timing.flops / median
        lines.append(f"{rate / 1e9:.3g} GFLOP/s ({rate / rates[timing.work.extents]:.0%})")
    return "\n".join(lines)


def show_ratio(ratio: Ratio) -> str:
    """Return a ratio with its interval, or "not distinguishable"."""
    return show_interval(ratio) if ratio.decided else NOT_DISTINGUISHABLE


def show_interval(ratio: Ratio) -> str:
    """Return a ratio with its interval."""
    return f"{ratio.median:.3g}× [{ratio.low:.3g}, {ratio.high:.3g}]"


def show_seconds(*seconds: float) -> str:
    """Return one duration or a range of them to three digits, in the unit that suits the last."""
    unit, factor = next((u for u in UNITS if seconds[-1] >= u[1]), UNITS[-1])
    return f"{'–'.join(f'{value / factor:.3g}' for value in seconds)} {unit}"


def _describe_crossovers(timings: Sequence[Timing], columns: Sequence[tuple[str, str]]) -> str:
    found = []
    for backend, mode in columns:
        row = [t for t in timings if (t.backend, t.mode) == (backend, mode) and t.ratio]
        crossover = find_crossover(row)
        found.append(f"{mode} {f'from n = {crossover}' if crossover else 'at no size'}")
    return "TensorFlow is the faster one: " + ", ".join(found)
