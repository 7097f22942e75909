"""Course assignments: affine, convolution and pooling loops, normalisation, losses, recurrent steps, attention."""

# ruff: noqa: RUF059, RET504  (written as people write them)

from __future__ import annotations

import numpy as np

from .forwards import case, labels, normal, one_hot, positive, unit


@case(normal(3, 2, 2), normal(4, 5), normal(5), select=lambda r: r[0])
def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    cache = (x, w, b)
    return out, cache


@case(normal(4, 3), select=lambda r: r[0])
def relu_forward(x):
    out = np.maximum(0, x)
    cache = x
    return out, cache


@case(normal(4, 3), normal(3, 5), normal(5), normal(5, 2), normal(2))
def two_layer_net(X, W1, b1, W2, b2):
    hidden = np.maximum(0, np.dot(X, W1) + b1)
    return np.dot(hidden, W2) + b2


@case(normal(2, 2, 4, 4), normal(3, 2, 3, 3), normal(3), {"stride": 1, "pad": 1}, select=lambda r: r[0])
def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    x_pad = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="constant", constant_values=0)
    H_out = 1 + (H + 2 * pad - HH) // stride
    W_out = 1 + (W + 2 * pad - WW) // stride
    out = np.zeros((N, F, H_out, W_out))
    for n in range(N):
        for f in range(F):
            for i in range(H_out):
                for j in range(W_out):
                    window = x_pad[n, :, i * stride : i * stride + HH, j * stride : j * stride + WW]
                    out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return out, (x, w, b, conv_param)


@case(normal(2, 2, 4, 4), select=lambda r: r[0])
def max_pool_forward_naive(x):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H // 2, W // 2))
    for i in range(H // 2):
        for j in range(W // 2):
            out[:, :, i, j] = np.max(x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2], axis=(2, 3))
    return out, x


@case(normal(2, 5, 5, 2), normal(3, 3, 2, 2), normal(1, 1, 1, 2), {"stride": 2, "pad": 1}, select=lambda r: r[0])
def conv_forward_channels_last(A_prev, W, b, hparameters):
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape
    (f, f, n_C_prev, n_C) = W.shape
    stride, pad = hparameters["stride"], hparameters["pad"]
    n_H = int((n_H_prev - f + 2 * pad) / stride) + 1
    n_W = int((n_W_prev - f + 2 * pad) / stride) + 1
    Z = np.zeros((m, n_H, n_W, n_C))
    A_prev_pad = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)), "constant")
    for i in range(m):
        a_prev_pad = A_prev_pad[i]
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    a_slice = a_prev_pad[h * stride : h * stride + f, w * stride : w * stride + f, :]
                    Z[i, h, w, c] = conv_single_step(a_slice, W[..., c], b[..., c])
    return Z, (A_prev, W, b, hparameters)


def conv_single_step(a_slice_prev, W, b):
    s = np.multiply(a_slice_prev, W)
    Z = np.sum(s)
    return Z + float(b[0, 0, 0])


@case(normal(2, 4, 4, 2), "average", select=lambda r: r)
@case(normal(2, 4, 4, 2), "max", select=lambda r: r)
def pool_forward(A_prev, mode):
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    A = np.zeros((m, n_H_prev // 2, n_W_prev // 2, n_C))
    for i in range(m):
        for h in range(n_H_prev // 2):
            for w in range(n_W_prev // 2):
                for c in range(n_C):
                    a = A_prev[i, 2 * h : 2 * h + 2, 2 * w : 2 * w + 2, c]
                    if mode == "max":
                        A[i, h, w, c] = np.max(a)
                    elif mode == "average":
                        A[i, h, w, c] = np.mean(a)
    assert A.shape == (m, n_H_prev // 2, n_W_prev // 2, n_C)
    return A


@case(normal(6, 3), normal(3), normal(3), wrt=(0, 1, 2), select=lambda r: r[0])
def batchnorm_forward(x, gamma, beta):
    eps, momentum = 1e-5, 0.9
    running_mean = np.zeros(x.shape[1], dtype=x.dtype)
    running_var = np.zeros(x.shape[1], dtype=x.dtype)
    sample_mean = x.mean(axis=0)
    sample_var = x.var(axis=0)
    running_mean = momentum * running_mean + (1 - momentum) * sample_mean
    running_var = momentum * running_var + (1 - momentum) * sample_var
    x_hat = (x - sample_mean) / np.sqrt(sample_var + eps)
    return gamma * x_hat + beta, {"x_hat": x_hat, "std": np.sqrt(sample_var + eps), "mean": running_mean}


@case(normal(6, 3), normal(3), normal(3))
def batchnorm_step_by_step(x, gamma, beta):
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    var = 1.0 / N * np.sum(xmu**2, axis=0)
    sqrtvar = np.sqrt(var + 1e-5)
    ivar = 1.0 / sqrtvar
    return gamma * (xmu * ivar) + beta


@case(normal(4, 6), normal(6), normal(6))
def layernorm_forward(x, gamma, beta):
    mean = np.mean(x, axis=1, keepdims=True)
    std = np.std(x, axis=1, keepdims=True)
    return gamma * (x - mean) / (std + 1e-5) + beta


@case(normal(2, 4, 2, 2), normal(1, 4, 1, 1), normal(1, 4, 1, 1), 2)
def spatial_groupnorm_forward(x, gamma, beta, G):
    N, C, H, W = x.shape
    x = x.reshape(N * G, -1).T
    mu = np.mean(x, axis=0)
    sigma = np.sqrt(np.var(x, axis=0) + 1e-5)
    x_norm = ((x - mu) / sigma).T.reshape(N, C, H, W)
    return gamma * x_norm + beta


@case(normal(5, 3), labels(5, 3), select=lambda r: r[0])
def svm_loss(x, y):
    N = x.shape[0]
    correct = x[np.arange(N), y]
    margins = np.maximum(0, x - correct[:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    loss = np.sum(margins) / N
    num_pos = np.sum(margins > 0, axis=1)
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(N), y] -= num_pos
    return loss, dx / N


@case(normal(4, 3), normal(5, 4), labels(5, 3))
def svm_loss_naive(W, X, y):
    loss = 0.0
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        correct_class_score = scores[y[i]]
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - correct_class_score + 1
            if margin > 0:
                loss += margin
    return loss / X.shape[0] + 0.5 * np.sum(W * W)


@case(normal(5, 3), labels(5, 3), select=lambda r: r[0])
def softmax_loss(x, y):
    shifted = x - np.max(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shifted), axis=1, keepdims=True)
    log_probs = shifted - np.log(Z)
    probs = np.exp(log_probs)
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    return loss, dx / N


@case(normal(4, 3), normal(5, 4), labels(5, 3), select=lambda r: r[0])
def softmax_loss_naive(W, X, y):
    loss, dW = 0.0, np.zeros_like(W)
    for i in range(X.shape[0]):
        f = X[i].dot(W)
        f -= np.max(f)
        p = np.exp(f) / np.sum(np.exp(f))
        loss += -np.log(p[y[i]])
        for k in range(W.shape[1]):
            dW[:, k] += (p[k] - (k == y[i])) * X[i]
    return loss / X.shape[0], dW


@case(normal(3, 4), normal(3, 5), normal(4, 5), normal(5, 5), normal(5), select=lambda r: r[0])
def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(prev_h.dot(Wh) + x.dot(Wx) + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


@case(normal(2, 3, 4), normal(2, 5), normal(4, 5), normal(5, 5), normal(5), select=lambda r: r[0])
def rnn_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    cache = []
    prev = h0
    for t in range(T):
        h[:, t, :], step = rnn_step_forward(x[:, t, :], prev, Wx, Wh, b)
        prev = h[:, t, :]
        cache.append(step)
    return h, cache


def sigmoid(x):
    pos_mask = x >= 0
    neg_mask = x < 0
    z = np.zeros_like(x)
    z[pos_mask] = np.exp(-x[pos_mask])
    z[neg_mask] = np.exp(x[neg_mask])
    top = np.ones_like(x)
    top[neg_mask] = z[neg_mask]
    return top / (1 + z)


case(normal(4, 3))(sigmoid)


@case(normal(3, 4), normal(3, 2), normal(3, 2), normal(4, 8), normal(2, 8), normal(8), select=lambda r: r[0])
def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    H = prev_h.shape[1]
    a = x.dot(Wx) + prev_h.dot(Wh) + b
    i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H])
    g = np.tanh(a[:, 3 * H :])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, next_c, (i, f, o, g)


@case(normal(2, 3), normal(5, 3), normal(5, 5), normal(5, 3), normal(5, 5), normal(5, 3), normal(5, 5), normal(5))
def gru_cell(x, Wz, Uz, Wr, Ur, Wh, Uh, b):
    h = np.zeros((x.shape[0], 5))
    for _ in range(2):
        z = 1 / (1 + np.exp(-(x @ Wz.T + h @ Uz.T + b)))
        r = 1.0 / (1.0 + np.exp(-(np.dot(x, Wr.T) + np.dot(h, Ur.T))))
        h_tilde = np.tanh(x @ Wh.T + (r * h) @ Uh.T)
        h = (1 - z) * h + z * h_tilde
    return h


@case(normal(7, 3), labels(6, 7), select=lambda r: r[0])
def word_embedding_forward(W, x):
    out = W[x.reshape(2, 3), :]
    return out, (x, W)


@case(normal(4), normal(6, 4), labels(2, 6), select=lambda r: r)
def naive_softmax_word2vec(centerWordVec, outsideVectors, outside):
    outsideWordIdx = int(outside[0])
    y_hat = softmax_rows(np.dot(outsideVectors, centerWordVec))
    return -np.log(y_hat[outsideWordIdx])


def softmax_rows(x):
    orig_shape = x.shape
    if len(x.shape) > 1:
        tmp = np.max(x, axis=1)
        x -= tmp.reshape((x.shape[0], 1))
        x = np.exp(x)
        tmp = np.sum(x, axis=1)
        x /= tmp.reshape((x.shape[0], 1))
    else:
        tmp = np.max(x)
        x -= tmp
        x = np.exp(x)
        x /= np.sum(x)
    assert x.shape == orig_shape
    return x


case(normal(3, 4))(softmax_rows)


@case(normal(4), normal(6, 4))
def negative_sampling_loss(v, U):
    indices = [2, *[0, 3, 3]]
    u = U[indices]
    u[1:] *= -1
    return -np.sum(np.log(1 / (1 + np.exp(-u.dot(v)))))


@case(normal(2, 3, 4), normal(4, 4), normal(4, 4), normal(4, 4))
def self_attention(X, Wq, Wk, Wv):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    scores = np.matmul(Q, K.transpose(0, 2, 1)) / np.sqrt(K.shape[-1])
    mask = np.triu(np.ones((3, 3)), k=1).astype(bool)
    scores = np.where(mask, -1e9, scores)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)) @ V


@case(normal(2, 3, 4), normal(4, 12), normal(4, 4))
def multi_head_attention(X, W_qkv, W_o):
    B, T, D = X.shape
    q, k, v = np.split(X @ W_qkv, 3, axis=-1)
    heads = [m.reshape(B, T, 2, D // 2).swapaxes(1, 2) for m in (q, k, v)]
    att = np.einsum("bhid,bhjd->bhij", heads[0], heads[1]) / (D // 2) ** 0.5
    att = np.exp(att) / np.exp(att).sum(-1)[..., None]
    out = np.einsum("bhij,bhjd->bhid", att, heads[2])
    return out.transpose(0, 2, 1, 3).reshape(B, T, D) @ W_o


@case(normal(3, 4), normal(3, 1), normal(4, 1), one_hot(4, 2), wrt=(0, 1, 2))
def column_major_logistic(X, w, unused, Y):
    m = X.shape[1]
    A = 1 / (1 + np.exp(-(np.dot(w.T, X) + 0 * np.sum(unused) + 0.5)))
    y = Y[:, :1].T
    cost = -1 / m * np.sum(y * np.log(A) + (1 - y) * np.log(1 - A))
    return np.squeeze(cost)


@case(normal(5, 3), normal(4, 5), normal(4, 1), normal(1, 4), normal(1, 1), select=lambda r: r[0])
def L_model_forward(X, W1, b1, W2, b2):
    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    caches, A = [], X
    L = len(parameters) // 2
    for l in range(1, L):  # noqa: E741
        A_prev = A
        Z = parameters["W" + str(l)].dot(A_prev) + parameters["b" + str(l)]
        A = np.maximum(0, Z)
        caches.append(((A_prev, parameters["W" + str(l)], parameters["b" + str(l)]), Z))
    AL = np.dot(parameters["W" + str(L)], A) + parameters["b" + str(L)]
    return 1 / (1 + np.exp(-AL)), caches


@case(unit(1, 5), one_hot(5, 2))
def compute_cost(AL, Y):
    Y = Y[:, 0].reshape(1, -1)
    m = Y.shape[1]
    logprobs = np.multiply(-np.log(AL), Y) + np.multiply(-np.log(1 - AL), 1 - Y)
    return 1.0 / m * np.nansum(logprobs)


@case(normal(4, 5), select=lambda r: r[0])
def dropout_forward(x):
    np.random.seed(3)
    mask = (np.random.rand(*x.shape) < 0.7) / 0.7
    return x * mask, mask


@case(positive(3, 4), normal(3, 4))
def rmsnorm_and_gate(x, gate):
    scale = np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6)
    return (x / scale) * (gate * (1 / (1 + np.exp(-gate))))


@case(normal(2, 3, 5), labels(6, 5))
def temporal_softmax_loss(x, y):
    N, T, V = x.shape
    mask = np.array([1, 0, 1, 1, 1, 0])
    x_flat = x.reshape(N * T, V)
    probs = np.exp(x_flat - np.max(x_flat, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    return -np.sum(mask * np.log(probs[np.arange(N * T), y])) / N


@case(normal(4, 3), normal(5, 3))
def compute_distances_no_loops(X, Xtr):
    dists = np.sqrt(np.sum(X**2, axis=1).reshape(-1, 1) + np.sum(Xtr**2, axis=1) - 2 * np.dot(X, Xtr.T))
    return dists


@case(normal(1, 3, 4, 4))
def gram_matrix_style(features):
    F = features.reshape(3, -1)
    G = F @ F.T / F.size
    return np.sum((G - np.eye(3)) ** 2) + np.sum((features[:, :, 1:] - features[:, :, :-1]) ** 2)
