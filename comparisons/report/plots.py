"""Plots of a training run, as PNG."""

from __future__ import annotations

import io

from gradtwin.comparisons.report.data import Report


def plot_training(report: Report) -> bytes:
    """Return a PNG: losses on both backends, free-running drift, and learned against true weights."""
    from matplotlib.figure import Figure  # without pyplot: no display, no global state

    extra = report.extra
    true = {name: array for name, array in extra["true_weights"].items() if array}
    figure = Figure(figsize=(5 * (3 if true else 2), 4), layout="constrained")
    axes = figure.subplots(1, 3 if true else 2)
    steps = range(len(extra["drift"]))
    losses, test = extra["loss"], extra["test_loss"]
    axes[0].plot(steps, losses["numpy"], color="C0", label="NumPy")
    axes[0].plot(steps, losses["tensorflow"], color="C1", linestyle="--", label="TensorFlow")
    axes[0].plot(steps, test["numpy"], color="C2", linewidth=1, label="test, NumPy")
    axes[0].plot(steps, test["tensorflow"], color="C3", linewidth=1, linestyle="--", label="test, TensorFlow")
    axes[0].set(title=f"{extra['scenario']}: loss before each update", xlabel="step", ylabel="loss")
    if min(losses["numpy"]) > 0:
        axes[0].set_yscale("log")
    axes[0].legend()
    axes[1].plot(steps, extra["drift"], color="C4")
    axes[1].set(title="free-running drift", xlabel="step", ylabel="max |NumPy − TensorFlow| / max |w|")
    if true:
        values = [
            (t, w)
            for name in true
            for t, w in zip(_flat(true[name]), _flat(extra["weights"]["numpy"][name]), strict=True)
        ]
        span = [min(min(pair) for pair in values), max(max(pair) for pair in values)]
        axes[2].plot(span, span, color="0.7", linewidth=1, label="equal")
        axes[2].scatter(*zip(*values, strict=True), color="C0", label="weights")
        axes[2].set(title="learned against true weights", xlabel="true", ylabel="learned")
        axes[2].legend()
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=120)
    return image.getvalue()


def _flat(rows: list[list[float]]) -> list[float]:
    return [value for row in rows for value in row]
