"""Attention, heads, rotations of positions, and similarity."""

import numpy as np

from .case import Family, draw, normal


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# --- scaled dot product: Y = softmax(Q Kᵀ/√d) V ---------------------------------------------------


def attention(q, k, v):
    return softmax(q @ k.T / np.sqrt(q.shape[1])) @ v


ATTENTION = Family("attention", "vjp", attention, draw(normal(5, 4), normal(6, 4), normal(6, 3)))
SAME_LENGTH = draw(normal(4, 4), normal(4, 4), normal(4, 4))


@ATTENTION.right
def attention_vjp(y_bar, q, k, v):
    scale = 1 / np.sqrt(q.shape[1])
    a = softmax(q @ k.T * scale)
    da = y_bar @ v.T
    ds = a * (da - np.sum(a * da, axis=1, keepdims=True)) * scale
    return ds @ k, ds.T @ q, a.T @ y_bar


@ATTENTION.wrong("factor")
def scale_forgotten(y_bar, q, k, v):
    dq, dk, dv = attention_vjp(y_bar, q, k, v)
    return dq * np.sqrt(q.shape[1]), dk * np.sqrt(q.shape[1]), dv


@ATTENTION.wrong("jacobian-diagonal", "unknown")
def attention_diagonal(y_bar, q, k, v):
    scale = 1 / np.sqrt(q.shape[1])
    a = softmax(q @ k.T * scale)
    ds = a * (1 - a) * (y_bar @ v.T) * scale
    return ds @ k, ds.T @ q, a.T @ y_bar


@ATTENTION.wrong("swapped", make_inputs=SAME_LENGTH)
def keys_before_queries(y_bar, q, k, v):
    dq, dk, dv = attention_vjp(y_bar, q, k, v)
    return dk, dq, dv


@ATTENTION.wrong("transpose", "unknown", make_inputs=SAME_LENGTH)
def weights_not_transposed(y_bar, q, k, v):
    dq, dk, _ = attention_vjp(y_bar, q, k, v)
    return dq, dk, softmax(q @ k.T / np.sqrt(q.shape[1])) @ y_bar


@ATTENTION.wrong("stale-value", "unknown", note="the scores in place of their softmax")
def scores_for_weights(y_bar, q, k, v):
    dq, dk, _ = attention_vjp(y_bar, q, k, v)
    return dq, dk, (q @ k.T / np.sqrt(q.shape[1])).T @ y_bar


@ATTENTION.wrong("zeroed")
def keys_frozen(y_bar, q, k, v):
    dq, dk, dv = attention_vjp(y_bar, q, k, v)
    return dq, dk * 0, dv


@ATTENTION.wrong("sign")
def queries_negated(y_bar, q, k, v):
    dq, dk, dv = attention_vjp(y_bar, q, k, v)
    return -dq, dk, dv


# --- masked weights: rows of scores, causal -------------------------------------------------------


def causal_weights(scores):
    hidden = np.triu(np.ones(scores.shape, dtype=bool), 1)
    e = np.where(hidden, 0.0, np.exp(scores))
    return e / e.sum(axis=1, keepdims=True)


CAUSAL = Family("causal-weights", "vjp", causal_weights, draw(normal(4, 4)))


@CAUSAL.right
def causal_weights_vjp(y_bar, scores):
    a = causal_weights(scores)
    return a * (y_bar - np.sum(a * y_bar, axis=1, keepdims=True))


@CAUSAL.wrong("jacobian-diagonal")
def causal_diagonal(y_bar, scores):
    a = causal_weights(scores)
    return a * (1 - a) * y_bar


@CAUSAL.wrong("transpose")
def causal_transposed(y_bar, scores):
    return causal_weights_vjp(y_bar, scores).T.copy()


# --- heads: (batch, heads, time, depth) → (batch, time, heads·depth) ------------------------------


def merge_heads(x):
    b, h, t, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(b, t, h * d)


def split_heads(x):
    b, t, _ = x.shape
    return x.reshape(b, t, 3, -1).transpose(0, 2, 1, 3)


MERGE = Family("merge-heads", "vjp", merge_heads, draw(normal(2, 3, 5, 4)))
SPLIT = Family("split-heads", "vjp", split_heads, draw(normal(2, 5, 12)))


@MERGE.right
def merge_heads_vjp(y_bar, x):
    b, h, t, d = x.shape
    return y_bar.reshape(b, t, h, d).transpose(0, 2, 1, 3)


@MERGE.wrong("permuted")
def reshaped_alone(y_bar, x):
    return y_bar.reshape(x.shape).copy()


@MERGE.wrong("shape", "permuted", "transpose")
def not_transposed_back(y_bar, x):
    b, h, t, d = x.shape
    return y_bar.reshape(b, t, h, d).copy()


@MERGE.wrong("permuted")
def heads_and_depth_mixed(y_bar, x):
    b, h, t, d = x.shape
    return y_bar.reshape(b, t, d, h).transpose(0, 3, 1, 2).copy()


@SPLIT.right
def split_heads_vjp(y_bar, x):
    return y_bar.transpose(0, 2, 1, 3).reshape(x.shape)


@SPLIT.wrong("permuted")
def joined_without_transpose(y_bar, x):
    return y_bar.reshape(x.shape).copy()


# --- rotations ------------------------------------------------------------------------------------


def rotate(x, angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]], axis=1)


ROTATION = Family("rotation", "vjp", rotate, draw(normal(5, 2), normal()))
ROTARY = Family("rotary", "vjp", rotate, draw(normal(5, 2), normal(5)))


@ROTATION.right
def rotate_vjp(y_bar, x, angle):
    c, s = np.cos(angle), np.sin(angle)
    u, v = y_bar.T
    dx = np.stack([c * u + s * v, c * v - s * u], axis=1)
    return dx, np.sum(u * (-s * x[:, 0] - c * x[:, 1]) + v * (c * x[:, 0] - s * x[:, 1]))


@ROTATION.wrong("unknown", "transpose", "stale-value", note="rotates forward once more in place of back")
def rotated_forward(y_bar, x, angle):
    return rotate(y_bar, angle), rotate_vjp(y_bar, x, angle)[1]


@ROTATION.wrong("sign")
def angle_negated(y_bar, x, angle):
    dx, dangle = rotate_vjp(y_bar, x, angle)
    return dx, -dangle


@ROTATION.wrong("factor")
def angle_in_degrees(y_bar, x, angle):
    dx, dangle = rotate_vjp(y_bar, x, angle)
    return dx, np.deg2rad(dangle)


@ROTATION.wrong("shape", "missing-sum")
def angles_not_summed(y_bar, x, angle):
    dx, _ = rotate_vjp(y_bar, x, angle)
    y = rotate(x, angle)
    return dx, y_bar[:, 1] * y[:, 0] - y_bar[:, 0] * y[:, 1]


@ROTARY.right
def rotary_vjp(y_bar, x, angle):
    y = rotate(x, angle)
    return rotate(y_bar, -angle), y_bar[:, 1] * y[:, 0] - y_bar[:, 0] * y[:, 1]


@ROTARY.wrong("permuted")
def coordinates_exchanged(y_bar, x, angle):
    dx, dangle = rotary_vjp(y_bar, x, angle)
    return dx[:, ::-1].copy(), dangle


@ROTARY.wrong("stale-value", "unknown", note="the input in place of the rotated output")
def angle_from_the_input(y_bar, x, angle):
    return rotate(y_bar, -angle), y_bar[:, 1] * x[:, 0] - y_bar[:, 0] * x[:, 1]


# --- cosine similarity: s = a·b/(|a||b|) ----------------------------------------------------------


def cosine_similarity(a, b):
    return a @ b / (np.sqrt(a @ a) * np.sqrt(b @ b))


COSINE = Family("cosine-similarity", "grad", cosine_similarity, draw(normal(6), normal(6)))


@COSINE.right
def cosine_grad(a, b):
    na, nb, s = np.sqrt(a @ a), np.sqrt(b @ b), cosine_similarity(a, b)
    return b / (na * nb) - s * a / na**2, a / (na * nb) - s * b / nb**2


@COSINE.wrong("missing-term")
def lengths_held(a, b):
    n = np.sqrt(a @ a) * np.sqrt(b @ b)
    return b / n, a / n


@COSINE.wrong("swapped")
def sides_exchanged(a, b):
    da, db = cosine_grad(a, b)
    return db, da


@COSINE.wrong("sign")
def distance_for_similarity(a, b):
    da, db = cosine_grad(a, b)
    return -da, -db


@COSINE.wrong("factor")
def lengths_not_divided(a, b):
    da, db = cosine_grad(a, b)
    return da * np.sqrt(b @ b), db * np.sqrt(a @ a)
