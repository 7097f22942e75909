"""The gradient checkers' time against size, as a panel of a picture."""

from __future__ import annotations

from typing import Any

from gradtwin.benchmarks.statistics import quartiles

from .comparison import count_elements
from .results import PeerComparison


def plot_peers(panel: Any, found: PeerComparison) -> None:
    """Plot a line for each tool, log–log: median and quartiles of a check; a hollow end is an estimate."""
    for number, tool in enumerate(dict.fromkeys(t.tool for t in found.timings)):
        line = [t for t in found.timings if t.tool == tool]
        run = [t for t in line if t.samples]
        sizes = [count_elements(t.extents) for t in run]
        style = {"color": f"C{number}", "markersize": 3, "marker": "o"}
        panel.plot(sizes, [t.median for t in run], label=tool, **style)
        low, _, high = zip(*[quartiles(t.samples) for t in run], strict=True)
        panel.fill_between(sizes, low, high, alpha=0.2, color=style["color"])
        estimated = [(count_elements(t.extents), t.estimate) for t in line if t.estimate is not None]
        if estimated:
            points = [(sizes[-1], run[-1].median), *estimated]
            panel.plot(
                *zip(*points, strict=True),
                linestyle=":",
                markerfacecolor="white",
                markevery=list(range(1, len(points))),
                **style,
            )
    panel.set(title="one check of dense + mean square, float64", xlabel="numbers differentiated by", ylabel="seconds")
    panel.set(xscale="log", yscale="log")
    panel.legend(fontsize="small")
