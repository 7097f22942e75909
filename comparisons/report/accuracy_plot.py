"""The picture of a function's digits along its input's range, NumPy and TensorFlow side by side."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtwin.comparisons.results.data import Report

from .plots import SIDES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Magnitudes between the ends of an axis, in decades, from which on it is logarithmic.
WIDE = 3


def plot_accuracy(report: Report, kind: str = "png") -> bytes:
    """Return a picture (`png` or `svg`) of the digits that both sides keep, what is allowed, and the worst input."""
    from matplotlib.figure import Figure  # without pyplot: no display, no global state

    assert report.details is not None
    sweep: list[dict[str, Any]] = report.details.to_dict()["digits"]["sweep"]
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    name = report.checks[0].operation
    for axes, (side, title), color in zip(panels, SIDES.items(), ("C0", "C1"), strict=True):
        _plot_side(axes, sweep, side, color)
        axes.set(title=f"{name}: digits kept by {title}", xlabel="input (the element of largest magnitude)")
    panels[0].set_ylabel("decimal digits")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    image = io.BytesIO()
    figure.savefig(image, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)
    return image.getvalue()


def _plot_side(axes: Axes, sweep: list[dict[str, Any]], side: str, color: str) -> None:
    known = [point for point in sweep if point[side] is not None]
    if not known:
        axes.text(0.5, 0.5, "no value", transform=axes.transAxes, ha="center", color="0.4")
        return
    at, kept, allowed = ([point[key] for point in known] for key in ("at", side, "allowed"))
    axes.fill_between(at, kept, allowed, where=np.less_equal(kept, allowed).tolist(), color="C3", alpha=0.15)
    axes.plot(at, allowed, color="0.6", linestyle="--", label="allowed by the problem")
    axes.plot(at, kept, color=color, marker=".", markersize=4, linewidth=1, label="kept")
    for point in known:
        if point["is_worst"]:
            label = f"worst input found: {point['at']:.4g}"
            axes.plot([point["at"]], [point[side]], "o", color="C3", markersize=9, markerfacecolor="none", label=label)
    sizes = [abs(x) for x in at if x]
    if max(sizes) > 10**WIDE * min(sizes):
        axes.set_xscale("symlog", linthresh=min(sizes))
        axes.set_xticks(_ticks(min(at), max(at), min(sizes)))
    axes.set_ylim(bottom=-0.5)
    axes.grid(color="0.9")


def _ticks(low: float, high: float, least: float) -> list[float]:
    """Return a few powers of ten on both sides of zero, away from it."""
    first, last = math.ceil(math.log10(least)), math.floor(math.log10(max(abs(low), abs(high))))
    step = max(1, (last - first) // 3)
    sizes = [10.0**k for k in range(last, first - 1, -step) if k >= first + step]
    return [x for x in (*(-size for size in sizes), 0.0, *sizes[::-1]) if low <= x <= high]
