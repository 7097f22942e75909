"""The report for a terminal: a table for each case, with the size from which TensorFlow is the faster one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gradtwin.benchmarks.cases import CONVERSION, PLAIN_MATMUL, Extents
from gradtwin.benchmarks.results import BenchReport, Timing
from gradtwin.benchmarks.statistics import Ratio, quartiles

NOT_DISTINGUISHABLE = "not distinguishable"
UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
LEGEND = (
    "Median; quartiles; of NumPy, its arithmetic and the part that is of a plain BLAS product's rate; "
    "of TensorFlow, its time over NumPy's and the 95 % interval of that."
)


def render(report: BenchReport) -> RenderableType:
    """Return the report as tables, under a line of its conditions."""
    return Group(*_parts(report))


def _parts(report: BenchReport) -> Iterator[RenderableType]:
    yield Text(_describe(report))
    for line in report.refused:
        yield Text(f"refused: {line}", style="red")
    rates = {t.work.extents: t.flops / t.median for t in report.timings if t.work.case == PLAIN_MATMUL and t.flops}
    cases = [t for t in report.timings if t.work.case not in (CONVERSION, PLAIN_MATMUL)]
    if cases:
        yield Text(LEGEND)
    for title in dict.fromkeys(t.work.title for t in cases):
        yield _case_table(title, [t for t in cases if t.work.title == title], rates)
    conversions = [t for t in report.timings if t.work.case == CONVERSION]
    if conversions:
        yield _conversion_table(conversions)
    if report.figures:
        yield _figure_table(report)


def _describe(report: BenchReport) -> str:
    found = report.environment
    rounds, values, seconds = (found["protocol"][key] for key in ("rounds", "values", "seconds"))
    load = f", load {found['load'][0]:.1f} to {found['load_after'][0]:.1f}" if found["load"] else ""
    return (
        f"{found['cpu']}, {found['threads']} of {len(found['affinity'])} processors{load}. "
        f"NumPy {found['numpy']} ({found['blas']}), TensorFlow {found['tensorflow']}. "
        f"{rounds} × {values} values of at least {seconds * 1000:.0f} ms. "
        f"Correctness gate: {report.verdict}, {len(report.checks)} checks."
    )


def _case_table(title: str, timings: Sequence[Timing], rates: dict[Extents, float]) -> Table:
    columns = list(dict.fromkeys((t.backend, t.mode) for t in timings))
    table = _table(f"{title}, {timings[0].work.dtype}", "n", *[_name_column(*column) for column in columns])
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
    table = _table(f"conversion of an n × n array, {timings[0].work.dtype}", "n", *stages)
    for extents in dict.fromkeys(t.work.extents for t in timings):
        row = {t.work.stage: _show_timing(t, {}) for t in timings if t.work.extents == extents}
        table.add_row(str(extents[0]), *[row[stage] for stage in stages], end_section=True)
    return table


def _figure_table(report: BenchReport) -> Table:
    table = _table("figures to reach", "what", "at", "ratio", "limit", "outcome")
    for figure in report.figures:
        at = " × ".join(map(str, figure.timing.work.extents))
        table.add_row(figure.what, at, show_interval(figure.ratio), f"≤ {figure.limit}", figure.outcome)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    for column in columns:
        table.add_column(column)
    return table


def _name_column(backend: str, mode: str) -> str:
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
    """Return a ratio with its interval, or that there is none to speak of."""
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
        found.append(f"{mode} {find_crossover(row)}")
    return "TensorFlow is the faster one: " + ", ".join(found)


def find_crossover(timings: Sequence[Timing]) -> str:
    """Return from which size on TensorFlow is decidedly the faster one, of timings by rising size."""
    faster_from = None
    for timing in reversed(timings):
        assert timing.ratio
        if not (timing.ratio.decided and timing.ratio.median < 1):
            break
        faster_from = timing.work.extents[0]
    return f"from n = {faster_from}" if faster_from else "at no size"
