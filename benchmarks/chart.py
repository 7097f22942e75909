"""Time against size on both backends, log–log, as a picture."""

from __future__ import annotations

import io

from gradtwin.benchmarks.cases import CONVERSION, PLAIN_MATMUL
from gradtwin.benchmarks.results import BenchReport
from gradtwin.benchmarks.statistics import quartiles


def plot_timings(report: BenchReport, kind: str = "png") -> bytes:
    """Return a picture (`png` or `svg`) with a panel for each case: median and quartiles against the size n."""
    from matplotlib.figure import Figure  # without pyplot: no display, no global state

    timings = [t for t in report.timings if not t.first_call and t.work.case not in (CONVERSION, PLAIN_MATMUL)]
    titles = list(dict.fromkeys(t.work.title for t in timings))
    columns = min(3, max(1, len(titles)))
    rows = max(1, -(-len(titles) // columns))
    figure = Figure(figsize=(5 * columns, 3.8 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, title in zip(axes, titles, strict=False):
        rows_here = [t for t in timings if t.work.title == title]
        for backend, mode in dict.fromkeys((t.backend, t.mode) for t in rows_here):
            line = [t for t in rows_here if (t.backend, t.mode) == (backend, mode)]
            sizes = [t.work.extents[0] for t in line]
            label = "NumPy" if backend == "numpy" else f"TensorFlow {mode}"
            panel.plot(sizes, [t.median for t in line], marker="o", markersize=3, label=label)
            low, _, high = zip(*[quartiles(t.samples) for t in line], strict=True)
            panel.fill_between(sizes, low, high, alpha=0.2)
        panel.set(title=f"{title}, {rows_here[0].work.dtype}", xlabel="n", ylabel="seconds", xscale="log", yscale="log")
        panel.legend()
    for panel in axes[len(titles) :]:
        panel.set_axis_off()
    image = io.BytesIO()
    figure.savefig(image, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)
    return image.getvalue()
