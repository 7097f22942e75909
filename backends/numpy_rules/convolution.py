"""Convolution, pooling and flattening of images x (n,h,w,c): samples, rows, columns, channels last.

Each is a view of windows, and one matrix product or reduction over them; no element is looped over.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gradtwin.backends.interface import Array, Pullback
from gradtwin.backends.windows import Padding, same_padding


def flatten(x: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = X with all axes but the first in one;  X̄ = Ȳ in X's shape."""
    n, h, w, c = x.shape
    return x.reshape(n, h * w * c), (lambda y_bar: y_bar.reshape(n, h, w, c),)


def average_pool(x: Array, size: int = 2, stride: int = 2) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = mean of each size × size window;  X̄ = Σ Ȳ / size² over the windows that hold the element."""
    _, h, w, _ = x.shape
    y = _windows(x, (size, size), stride).sum(axis=(-2, -1)) / size**2

    def x_pullback(y_bar: Array) -> Array:
        spread = _spread(y_bar / size**2, (h, w), (size, size), stride)
        x_bar: Array = _windows(spread, (size, size), 1).sum(axis=(-2, -1))
        return x_bar

    return y, (x_pullback,)


def max_pool(x: Array, size: int = 2, stride: int = 2) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = maximum of each size × size window;  X̄ = Ȳ at the window's first largest element, 0 elsewhere, summed."""
    windows = _windows(x, (size, size), stride)
    _, rows, columns, _ = windows.shape[:4]
    flat = windows.reshape(*windows.shape[:4], size * size)
    first = flat.argmax(axis=-1)

    def x_pullback(y_bar: Array) -> Array:
        places = np.zeros_like(x, shape=(size * size, *x.shape))
        for place in range(size * size):  # of the window: the contribution of each to x, then their sum
            i, j = divmod(place, size)
            reached = (slice(None), slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            places[(place, *reached)] = np.where(first == place, y_bar, 0)
        x_bar: Array = places.sum(axis=0)
        return x_bar

    return flat.max(axis=-1), (x_pullback,)


def conv2d(
    x: Array, w: Array, b: Array, stride: int = 1, padding: Padding = "valid"
) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = X ⋆ W + b, cross-correlation;  X̄ = spread(Ȳ) ⋆ flip(W)ᵀ,  W̄ = windows(X)ᵀ Ȳ,  b̄ = Σ Ȳ over all but channels.

    x (n,h,w,c), w (i,j,c,o), b (o) give y (n,p,q,o). Padding `valid` has windows inside the image only; `same` pads
    with zeros to p = ⌈h / stride⌉, with the odd one at the end. `spread` puts stride − 1 zeros between elements, and
    enough around them for every element of w to meet every element of x.
    Source: Dumoulin & Visin, *A guide to convolution arithmetic for deep learning* (2016), §4.
    """
    n, height, width, _ = x.shape
    kernel, outputs = w.shape[:2], w.shape[3]
    pads = [same_padding(*extents, stride, padding) for extents in zip(x.shape[1:3], kernel, strict=True)]
    padded = np.pad(x, ((0, 0), *pads, (0, 0))) if padding == "same" else x
    columns = _columns(padded, kernel, stride)
    p, q = ((extent - k) // stride + 1 for extent, k in zip(padded.shape[1:3], kernel, strict=True))
    y = (columns @ w.reshape(-1, outputs)).reshape(n, p, q, outputs)
    y += b

    def x_pullback(y_bar: Array) -> Array:
        spread = _spread(y_bar, padded.shape[1:3], kernel, stride)
        flipped = w[::-1, ::-1].transpose(0, 1, 3, 2).reshape(-1, w.shape[2])
        x_bar = (_columns(spread, kernel, 1) @ flipped).reshape(padded.shape)
        (top, _), (left, _) = pads
        return x_bar[:, top : top + height, left : left + width]

    return y, (
        x_pullback,
        lambda y_bar: (columns.T @ y_bar.reshape(-1, outputs)).reshape(w.shape),
        lambda y_bar: y_bar.sum(axis=(0, 1, 2)),
    )


def _windows(x: Array, kernel: tuple[int, ...], stride: int) -> Array:
    """Return a view (n,p,q,c,i,j) of the windows of x (n,h,w,c)."""
    return sliding_window_view(x, kernel, axis=(1, 2))[:, ::stride, ::stride]


def _columns(x: Array, kernel: tuple[int, ...], stride: int) -> Array:
    """Return the windows as rows (n·p·q, i·j·c), copied, for one product of matrices."""
    windows = _windows(x, kernel, stride)
    n, p, q, c, i, j = windows.shape
    if c * j < q:  # few channels: copied with images' rows last, which are longer
        return windows.transpose(4, 5, 3, 0, 1, 2).reshape(i * j * c, n * p * q).T
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(n * p * q, i * j * c)


def _spread(y_bar: Array, image: tuple[int, ...], kernel: tuple[int, ...], stride: int) -> Array:
    """Put stride − 1 zeros after each element, and zeros around, to the size at which its windows cover the image.

    Window (h,w) of the result is, flipped, the part of y_bar that element (h,w) contributed to through the kernel.
    """
    n, rows, columns, c = y_bar.shape
    if stride > 1:
        gaps = ((0, 0), (0, 0), (0, stride - 1), (0, 0), (0, stride - 1), (0, 0))
        y_bar = np.pad(y_bar.reshape(n, rows, 1, columns, 1, c), gaps).reshape(n, rows * stride, columns * stride, c)
        y_bar = y_bar[:, : image[0] - kernel[0] + 1, : image[1] - kernel[1] + 1]
    around = [
        (extent - 1, image_extent - y_extent)
        for extent, image_extent, y_extent in zip(kernel, image, y_bar.shape[1:3], strict=True)
    ]
    return np.pad(y_bar, ((0, 0), *around, (0, 0)))
