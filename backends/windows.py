"""How many windows fit into an image, and how it is padded: the same for every backend."""

from __future__ import annotations

from typing import Literal

Padding = Literal["valid", "same"]


def window_count(extent: int, window: int, stride: int = 1, padding: Padding = "valid") -> int:
    """Return ⌈extent / stride⌉ with padding `same`, else ⌊(extent − window) / stride⌋ + 1; negative if none fits."""
    if padding == "same":
        return -(-extent // stride)
    return (extent - window) // stride + 1 if extent >= window else -1


def same_padding(extent: int, window: int, stride: int, padding: Padding) -> tuple[int, int]:
    """Return the zeros before and after an axis; with `same` the odd one comes after."""
    if padding == "valid":
        return 0, 0
    total = max((window_count(extent, window, stride, padding) - 1) * stride + window - extent, 0)
    return total // 2, total - total // 2
