"""Plots of a training run, as PNG: losses, drift, and the result of the training."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtwin.comparisons.results.data import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDES = {"numpy": "NumPy", "tensorflow": "TensorFlow"}
RIGHT, WRONG = "C0", "C3"


def plot_training(report: Report, kind: str = "png") -> bytes:
    """Return a picture (`png` or `svg`): losses on both backends, free-running drift, the scenario's picture."""
    from matplotlib.figure import Figure  # without pyplot: no display, no global state

    extra = report.extra
    picture: dict[str, Any] = extra["picture"] or {"kind": "none"}
    true = {name: array for name, array in extra["true_weights"].items() if array}
    panels = 2 + bool(true) + _PANELS[picture["kind"]]
    below = picture["kind"] == "digits"  # they have a separate row
    figure = Figure(figsize=(6 * panels if below else 5 * panels, 10 if below else 4), layout="constrained")
    rows: Any = figure.subfigures(2, 1, height_ratios=(2, 3)) if below else [figure]
    axes = rows[0].subplots(1, panels)
    _plot_losses(axes[0], extra)
    _plot_drift(axes[1], extra)
    if true:
        _plot_weights(axes[2], true, extra["weights"]["numpy"])
    if picture["kind"] != "none":
        _PICTURES[picture["kind"]](rows[1] if below else axes[2:], picture)
    image = io.BytesIO()
    figure.savefig(image, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)
    return image.getvalue()


def _plot_losses(axes: Axes, extra: dict[str, Any]) -> None:
    losses, test = extra["loss"], extra["test_loss"]
    epochs = range(0, len(losses["numpy"]), extra["steps_per_epoch"])
    for (side, name), color, style in zip(SIDES.items(), ("C0", "C1"), ("-", "--"), strict=True):
        axes.plot(range(len(losses[side])), losses[side], color=color, linestyle=style, label=name)
    for (side, name), color, style in zip(SIDES.items(), ("C2", "C3"), ("-", "--"), strict=True):
        mark = "." if len(test[side]) < 3 else None  # a line through one point shows nothing
        axes.plot(epochs, test[side], color=color, linestyle=style, linewidth=1, marker=mark, label=f"test, {name}")
    axes.set(title=f"{extra['scenario']}: loss before each update", xlabel="step", ylabel="loss")
    if min(losses["numpy"]) > 0:
        axes.set_yscale("log")
    axes.legend()


def _plot_drift(axes: Axes, extra: dict[str, Any]) -> None:
    axes.plot(range(len(extra["drift"])), extra["drift"], color="C4")
    if max(extra["drift"], default=0) > 0:
        axes.set_yscale("log")
    axes.set(title="free-running drift", xlabel="step", ylabel="max |NumPy − TensorFlow| / max |w|")
    if extra["decisions_differ_at"] is not None:
        axes.axvline(extra["decisions_differ_at"], color="0.5", linestyle=":", label="decisions first differ")
        axes.legend()


def _plot_weights(axes: Axes, true: dict[str, Any], learned: dict[str, Any]) -> None:
    pairs = np.concatenate([np.stack([np.ravel(true[name]), np.ravel(learned[name])]) for name in true], axis=1)
    span = [pairs.min(), pairs.max()]
    axes.plot(span, span, color="0.7", linewidth=1, label="equal")
    axes.scatter(*pairs, color="C0", label="weights")
    axes.set(title="learned against true weights", xlabel="true", ylabel="learned")
    axes.legend()


def _plot_curves(panels: Any, picture: dict[str, Any]) -> None:
    x, targets = np.ravel(picture["inputs"]), np.asarray(picture["targets"])
    [axes] = panels
    for k in range(targets.shape[1]):
        axes.plot(x, targets[:, k], color="0.6", linewidth=3, label="target" if k == 0 else None)
        for (side, name), style in zip(SIDES.items(), ("-", "--"), strict=True):
            outputs = np.asarray(picture["outputs"][side])[:, k]
            axes.plot(x, outputs, color=f"C{k}", linestyle=style, label=f"output {k}, {name}")
    axes.set(title="fitted curves", xlabel="x")
    axes.legend()


def _plot_surface(panels: Any, picture: dict[str, Any]) -> None:
    sides = picture["sides"]
    for axes, (side, name) in zip(panels, SIDES.items(), strict=True):
        shades = axes.contourf(
            sides, sides, picture["outputs"][side], levels=np.linspace(-0.25, 1.25, 13), extend="both"
        )
        axes.contour(sides, sides, picture["outputs"][side], levels=[0.5], colors="white")
        axes.scatter([0, 0, 1, 1], [0, 1, 0, 1], c=["k", "w", "w", "k"], edgecolors="k", zorder=3)
        axes.set(title=f"output, {name}", xlabel="first input", ylabel="second input")
        axes.figure.colorbar(shades, ax=axes)


def _plot_digits(figure: Any, picture: dict[str, Any]) -> None:
    """Show held-back digits with the NumPy network's outputs as bars: blue where it is right, red where wrong."""
    inputs, targets = np.asarray(picture["inputs"]), np.asarray(picture["targets"])
    outputs = np.asarray(picture["outputs"]["numpy"])
    columns = 5
    axes = figure.subplots(-(-len(inputs) // columns), 2 * columns, squeeze=False)
    for panel in axes.flat:
        panel.axis("off")
    for k, (x, target, output) in enumerate(zip(inputs, targets, outputs, strict=True)):
        row, column = divmod(k, columns)
        image, bars = axes[row, 2 * column], axes[row, 2 * column + 1]
        image.imshow(x, cmap="gray_r")
        bars.axis("on")
        right = output.argmax() == target.argmax()
        bars.bar(range(len(output)), output, color=RIGHT if right else WRONG)
        bars.set(ylim=(min(0, output.min()), 1.05), xticks=range(len(output)), yticks=[])
        bars.tick_params(labelsize=6)
        bars.set_title(
            f"{target.argmax()} taken for {output.argmax()}" if not right else str(target.argmax()), fontsize=8
        )


_PICTURES: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "curves": _plot_curves,
    "surface": _plot_surface,
    "digits": _plot_digits,
}
#: Panels that each takes beside losses and drift.
_PANELS = {"curves": 1, "surface": 2, "digits": 0, "none": 0}
