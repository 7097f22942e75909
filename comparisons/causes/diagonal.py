"""The cause that a gradient uses the diagonal of a Jacobian alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from gradtwin.comparisons.precision.constants import FACTOR_ROUNDINGS, PROBES

from .trial import Finding, Repair, Trial, View, bits_of, joined, times


def jacobian_diagonal(view: View) -> Iterator[Repair]:
    """x_bar = y_bar · diag(J), where y_bar · J was needed: every output depends on several inputs."""
    if view.point.style == "jacobian" and view.left.shape == view.right.shape == 2 * view.y.shape and view.y.ndim:
        text = (
            "{gradient} has only the diagonal of the Jacobian: each output depends on several inputs; add the "
            "off-diagonal terms."
        )
        yield Repair((Finding("jacobian-diagonal", "", text),), _diagonal_alone)
    if not view.left.shape == view.right.shape == view.y.shape:
        return
    for axis in dict.fromkeys((view.y.ndim - 1, 0)) if view.y.ndim else ():
        text = (
            f"{{gradient}} uses only the diagonal of the Jacobian along axis {axis}: each output depends on every "
            f"input there; add the off-diagonal terms."
        )
        finding = Finding("jacobian-diagonal", f"axis {axis}", text)
        yield Repair((finding,), partial(_diagonal, axis=axis))
        yield Repair((finding,), partial(_softmax_diagonal, axis=axis))


def _diagonal_alone(view: View) -> Trial | None:
    """Compare a Jacobian with its diagonal; the missing off-diagonal elements are the evidence."""
    if view.left.shape != view.right.shape:
        return None
    on = np.eye(view.y.size, dtype=bool).reshape(view.right.shape)
    bits = float(bits_of(np.abs(view.right), view.allowed)[~on].sum())
    allowed = np.where(on, view.allowed, 0.0)
    return view.trial(view.left, np.where(on, view.right, 0.0), allowed, bits=bits)


def _diagonal(view: View, axis: int) -> Trial | None:
    """Probe with one index of an axis at a time; the rows across it must not depend on each other."""
    if not 1 < view.y.shape[axis] <= PROBES:
        return None
    diagonal = np.zeros_like(view.right)
    for i in range(view.y.shape[axis]):
        index = (slice(None),) * axis + (i,)
        upstream = np.zeros_like(view.y_bar)
        upstream[index] = 1
        found = view.oracle(upstream=upstream)
        if found is None:
            return None
        diagonal[index] = found[index]
    return view.trial(view.left, *times(view, view.y_bar, diagonal, view.allowed))


def _softmax_diagonal(view: View, axis: int) -> Trial:
    """x_bar = y (y_bar − Σ y_bar y), of which y_bar y (1 − y) is the diagonal: softmax, without an oracle."""
    weighted = view.y * view.y_bar
    right = weighted - view.y * weighted.sum(axis, keepdims=True)
    length = view.y.shape[axis]
    error = (
        (length + FACTOR_ROUNDINGS) * view.u * (np.abs(weighted) + view.y * np.abs(weighted).sum(axis, keepdims=True))
    )
    allowed = view.allowed + error
    return joined(view.trial(view.left, weighted * (1 - view.y), allowed), view.trial(view.right, right, allowed))
