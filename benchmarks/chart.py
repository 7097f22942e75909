"""A benchmark as a picture: time against size for each case, and one roofline."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from gradtwin.benchmarks.peers.chart import plot_peers

from .cases import CONVERSION, PLAIN_MATMUL
from .report import BenchDetails
from .results import Timing, find_crossover
from .statistics import quartiles

COLUMNS = 3
#: A line's colour, by backend and mode; where there are more threads than one, the others' lines are dashed.
COLOURS = {("numpy", "eager"): "C0", ("tensorflow", "eager"): "C1", ("tensorflow", "graph"): "C2"}
COLOURS |= {("tensorflow", "xla"): "C3"}


def plot_report(found: BenchDetails, kind: str = "png") -> bytes:
    """Return a picture (`png` or `svg`): a panel for each case, median and quartiles against the size n, log–log.

    A vertical line marks the size from which on a mode of TensorFlow is decidedly the faster one. The last panel is the
    roofline: arithmetic in a second against arithmetic for each byte given, below the rate of a plain BLAS product.
    """
    from matplotlib.figure import Figure  # without pyplot: no display, no global state

    timings = [t for t in found.timings if not t.first_call and t.work.case not in (CONVERSION, PLAIN_MATMUL)]
    titles = list(dict.fromkeys(t.work.title for t in timings))
    panels = len(titles) + bool(timings) + bool(found.peers)
    columns = min(COLUMNS, max(1, panels))
    rows = max(1, -(-panels // columns))
    figure = Figure(figsize=(5 * columns, 3.8 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, title in zip(axes, titles, strict=False):
        _plot_case(panel, [t for t in timings if t.work.title == title])
    if timings:
        _plot_roofline(axes[len(titles)], timings, [t for t in found.timings if t.work.case == PLAIN_MATMUL])
    if found.peers:
        plot_peers(axes[panels - 1], found.peers)
    for panel in axes[panels:]:
        panel.set_axis_off()
    image = io.BytesIO()
    figure.savefig(image, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)
    return image.getvalue()


def _plot_case(panel: Any, timings: Sequence[Timing]) -> None:
    headline = timings[0].threads
    for backend, mode, threads in dict.fromkeys((t.backend, t.mode, t.threads) for t in timings):
        line = [t for t in timings if (t.backend, t.mode, t.threads) == (backend, mode, threads)]
        sizes = [t.work.extents[0] for t in line]
        label = "NumPy" if backend == "numpy" else f"TensorFlow {mode}"
        colour, first = COLOURS[backend, mode], threads == headline
        style = {"label": label} if first else {"linestyle": "--", "linewidth": 0.8}
        panel.plot(sizes, [t.median for t in line], marker="o", markersize=3, color=colour, **style)
        low, _, high = zip(*[quartiles(t.samples) for t in line], strict=True)
        if first:
            panel.fill_between(sizes, low, high, alpha=0.2, color=colour)
            crossover = find_crossover(line)
            if crossover:
                panel.axvline(crossover, color=colour, linewidth=0.8, linestyle=":")
    panel.set(title=f"{timings[0].work.title}, {timings[0].work.dtype}", xlabel="n", ylabel="seconds")
    panel.set(xscale="log", yscale="log")
    panel.legend(fontsize="small")


def _plot_roofline(panel: Any, timings: Sequence[Timing], products: Sequence[Timing]) -> None:
    """Plot every counted case at the headline's threads; TensorFlow in the mode that is fastest there."""
    counted = [t for t in timings if t.flops and t.threads == timings[0].threads]
    fastest: dict[Any, Timing] = {}
    for t in counted:
        key = (t.backend, t.work)
        if key not in fastest or t.median < fastest[key].median:
            fastest[key] = t
    for backend, name in (("numpy", "NumPy"), ("tensorflow", "TensorFlow, its fastest mode")):
        points = [(t.intensity, t.rate / 1e9) for (side, _), t in fastest.items() if side == backend]
        if points:
            panel.scatter(*zip(*points, strict=True), s=8, alpha=0.6, label=name)
    peak = max((t.rate / 1e9 for t in products if t.flops and t.threads == timings[0].threads), default=None)
    if peak:
        panel.axhline(peak, color="black", linewidth=0.8, label=f"plain BLAS product, {peak:.3g} GFLOP/s")
    panel.set(title="roofline", xlabel="flop for each byte given", ylabel="GFLOP/s", xscale="log", yscale="log")
    panel.legend(fontsize="small")
