"""What arrays are made to do: views, copies, masks, branches, dtypes, layouts, reductions, single elements."""

# ruff: noqa: SIM108  (written as people write them)

from __future__ import annotations

import numpy as np

from .forwards import case, labels, normal, positive


@case(normal(3, 4))
def views_write_through(x):
    a = np.zeros((4, 4))
    v = a[1:, :]
    v += x
    a.T[0] *= 2
    b = a.reshape(-1)
    b[::5] = 7.0
    d = np.diagonal(a)
    np.fill_diagonal(a, d * x[0])
    a[[0, 1]] = a[[1, 0]]
    return a


@case(normal(4, 4))
def copies_and_masks(x):
    y = np.full((4, 4), 2.0)
    np.copyto(y, x, where=x > 0)
    np.put(y, [0, 5], x[0, :2] ** 2)
    z = np.triu(x) + np.tril(x, -1).T + np.diag(np.diag(x)) + np.eye(4) * x[0, 0]
    w = np.insert(np.delete(x, 1, axis=0), 1, x[1] * 3, axis=0)
    return y * z + w + np.take(x, [3, 2, 1, 0], axis=1) + np.meshgrid(x[0], x[1])[0]


@case(normal(6))
def comparisons_and_branches(x):
    if x.sum() > 0 and x[0] < 10:
        y = x * 2
    else:
        y = x**2
    best = max(x, key=lambda v: v * v)
    order = sorted(x)
    return y + x[np.argmax(x)] + best + order[2] + min(x[0], x[1]) + (x > 0).sum() + round(float(x[0]), 2)


@case(lambda rng: rng.normal(size=(4, 3)).astype(np.float32), lambda rng: rng.normal(size=(3, 2)).astype(np.float32))
def float32_stays(x, w):
    h = np.maximum(x @ w * 0.5 + 1, 0.1 * (x @ w)) / 2
    return np.mean(h, axis=0) * np.float32(3) + np.ones(2, dtype=np.float32)


@case(lambda rng: rng.normal(size=(4, 3)).astype(np.float32), normal(3, 2))
def mixed_precision(x, w):
    return (x.astype(np.float64) @ w).astype("float32") * 2 + np.zeros((4, 2), dtype=x.dtype)


@case(lambda rng: np.asfortranarray(rng.normal(size=(4, 3))), lambda rng: rng.normal(size=(3, 8))[:, ::3])
def unusual_layouts(x, w):
    flat = x.ravel(order="F").reshape(3, 4)
    x[:, 0] = 1.0
    w[0] *= 2
    return flat.T @ w + x.reshape(-1)[:9].reshape(3, 3)[:1].sum() + x.flatten("F")[3]


@case(lambda rng: rng.normal(size=(2, 3)).astype(">f8"), normal(3))
def big_endian(x, w):
    return np.sin(x) * w + x.dot(w)[:, None] + x[::-1]


@case(normal(3, 4), positive(4))
def reductions(x, w):
    a = np.add.reduce(x, axis=1) + np.multiply.reduce(x, 1) + np.maximum.reduce([x[:, 0], x[:, 1], x[:, 2]])
    b = np.logaddexp.reduce(x, axis=0) + np.add.accumulate(x, axis=1)[0] + np.average(x, axis=0)
    c = np.nanmean(x, axis=0) + np.sum(x, axis=0, where=x > 0) + np.mean(x, 0, keepdims=True)[0]
    return a[:, None] + b + c * np.subtract.outer(w, w)[0] + x.var() + x.std(axis=0) + x.prod(axis=0)


@case(normal(3, 4))
def element_access(x):
    s = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            s += x.item(i, j) * x.tolist()[i][j] * (i + j) + x[i, j].item() ** 2
    return s / x.size + x.flat[3] + np.float64(x[0, 0]) * np.asarray([x[0, 1], 2.0])[0]


@case(normal(4, 3))
def generator_inside(x):
    rng = np.random.default_rng(2)
    W = rng.normal(size=(3, 3))
    noise = np.random.RandomState(4).randn(*x.shape)
    return W.T.dot((x + 0.1 * noise).T) * rng.permutation(3)[:, None]


@case(normal(6, 2), labels(6, 3))
def class_means(x, y):
    means = np.array([x[y == k].mean(axis=0) if (y == k).any() else np.zeros(2) for k in range(3)])
    order = np.argsort(x[:, 0])
    return means.sum() + x[order][0] + np.unique(x[:, 1])[0] + np.apply_along_axis(lambda r: r / r.sum(), 1, np.exp(x))
