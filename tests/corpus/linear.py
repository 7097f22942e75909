"""Products of matrices: dense layers, small networks, regressions, lookups, broadcasting."""

import numpy as np

from .case import Family, away, binary, draw, fixed, normal

# --- dense: Y = X W + b;  X̄ = Ȳ Wᵀ, W̄ = Xᵀ Ȳ, b̄ = Σ Ȳ ---------------------------------------------


def dense(x, w, b):
    return x @ w + b


LAYER = draw(normal(5, 4), normal(4, 3), normal(3))
SQUARE = draw(normal(4, 4), normal(4, 4), normal(4))
DENSE = Family("dense", "vjp", dense, LAYER)


@DENSE.right
def dense_vjp(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, y_bar.sum(axis=0)


@DENSE.wrong("transpose", make_inputs=SQUARE)
def weights_transposed(y_bar, x, w, b):
    return y_bar @ w.T, y_bar.T @ x, y_bar.sum(axis=0)


@DENSE.wrong("transpose", "shape")
def weights_transposed_visibly(y_bar, x, w, b):
    return y_bar @ w.T, y_bar.T @ x, y_bar.sum(axis=0)


@DENSE.wrong("transpose", "unknown", make_inputs=SQUARE, note="W for Wᵀ inside the product")
def factor_not_transposed(y_bar, x, w, b):
    return y_bar @ w, x.T @ y_bar, y_bar.sum(axis=0)


@DENSE.wrong("transpose", "unknown", make_inputs=SQUARE, note="X for Xᵀ inside the product")
def input_not_transposed(y_bar, x, w, b):
    return y_bar @ w.T, x @ y_bar, y_bar.sum(axis=0)


@DENSE.wrong("missing-sum", "shape")
def bias_not_summed(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, y_bar


@DENSE.wrong("shape")
def bias_keeps_its_axis(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, y_bar.sum(axis=0, keepdims=True)


@DENSE.wrong("shape", "missing-sum", note="another axis is summed")
def bias_summed_over_features(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, y_bar.sum(axis=1)


@DENSE.wrong("missing-sum", "permuted", "unknown", make_inputs=SQUARE)
def bias_summed_over_the_wrong_axis(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, y_bar.sum(axis=1)


@DENSE.wrong("mean-for-sum")
def bias_averaged(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, y_bar.mean(axis=0)


@DENSE.wrong("mean-for-sum")
def weights_averaged(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar / x.shape[0], y_bar.sum(axis=0)


@DENSE.wrong("zeroed")
def bias_gradient_zero(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, np.zeros_like(b)


@DENSE.wrong("zeroed")
def input_gradient_zero(y_bar, x, w, b):
    return np.zeros_like(x), x.T @ y_bar, y_bar.sum(axis=0)


@DENSE.wrong("swapped", make_inputs=SQUARE)
def weights_before_input(y_bar, x, w, b):
    return x.T @ y_bar, y_bar @ w.T, y_bar.sum(axis=0)


@DENSE.wrong("swapped", "shape")
def weights_before_input_visibly(y_bar, x, w, b):
    return x.T @ y_bar, y_bar @ w.T, y_bar.sum(axis=0)


@DENSE.wrong("sign")
def weights_negated(y_bar, x, w, b):
    return y_bar @ w.T, -(x.T @ y_bar), y_bar.sum(axis=0)


@DENSE.wrong("elementwise-factor", "unknown")
def bias_without_y_bar(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, np.full_like(b, len(y_bar))


@DENSE.wrong("unknown", "elementwise-factor")
def weights_without_y_bar(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ np.ones_like(y_bar), y_bar.sum(axis=0)


def largest(array):
    return np.unravel_index(np.argmax(np.abs(array)), array.shape)


@DENSE.wrong("partial", dtypes=("float64",))
def entry_off_by_1e_6(y_bar, x, w, b):
    dw = x.T @ y_bar
    dw[largest(dw)] *= 1 + 1e-6
    return y_bar @ w.T, dw, y_bar.sum(axis=0)


@DENSE.wrong("partial", dtypes=("float64",), make_inputs=draw(normal(3, 8), normal(8, 16), normal(16)))
def entry_off_by_1e_8(y_bar, x, w, b):
    dw = x.T @ y_bar
    dw[largest(dw)] *= 1 + 1e-8
    return y_bar @ w.T, dw, y_bar.sum(axis=0)


@DENSE.wrong("partial", dtypes=("float64",), make_inputs=draw(normal(3, 8), normal(8, 16), normal(16)))
def entry_off_by_1e_10(y_bar, x, w, b):
    dx = y_bar @ w.T
    dx[largest(dx)] *= 1 + 1e-10
    return dx, x.T @ y_bar, y_bar.sum(axis=0)


@DENSE.wrong("partial")
def one_column_forgotten(y_bar, x, w, b):
    dw = np.zeros_like(w)
    for j in range(w.shape[1] - 1):
        dw[:, j] = x.T @ y_bar[:, j]
    return y_bar @ w.T, dw, y_bar.sum(axis=0)


@DENSE.wrong("not-accumulated", "partial", "unknown")
def last_sample_alone(y_bar, x, w, b):
    dw = np.zeros_like(w)
    for i in range(len(x)):
        dw = np.outer(x[i], y_bar[i])
    return y_bar @ w.T, dw, y_bar.sum(axis=0)


@DENSE.wrong("dtype", dtypes=("float64",))
def weights_in_single(y_bar, x, w, b):
    dw = x.astype("f4").T @ y_bar.astype("f4")
    return y_bar @ w.T, dw, y_bar.sum(axis=0)


@DENSE.wrong("dtype", dtypes=("float64",), note="a float32 buffer keeps the sum")
def single_buffer(y_bar, x, w, b):
    db = np.zeros(b.shape, dtype=np.float32)
    db += y_bar.sum(axis=0).astype(np.float32)
    return y_bar @ w.T, x.T @ y_bar, db


@DENSE.wrong("mutated-input", "stale-value", note="updates W before using it for x̄")
def updates_too_early(y_bar, x, w, b):
    dw, db = x.T @ y_bar, y_bar.sum(axis=0)
    w -= 0.1 * dw
    return y_bar @ w.T, dw, db


@DENSE.wrong("stale-value", "unknown", note="x̄ from the weights after the step, without changing them")
def uses_the_next_weights(y_bar, x, w, b):
    dw, db = x.T @ y_bar, y_bar.sum(axis=0)
    return y_bar @ (w - 0.1 * dw).T, dw, db


@DENSE.wrong("mutated-input")
def divides_y_bar_in_place(y_bar, x, w, b):
    gradients = y_bar @ w.T, x.T @ y_bar, y_bar.sum(axis=0)
    y_bar /= len(x)
    return gradients


@DENSE.wrong("mutated-input", note="the step is taken in place, after the gradients")
def takes_the_step(y_bar, x, w, b):
    dx, dw, db = y_bar @ w.T, x.T @ y_bar, y_bar.sum(axis=0)
    w -= 0.1 * dw
    b -= 0.1 * db
    return dx, dw, db


@DENSE.wrong("raises")
def transposes_nothing(y_bar, x, w, b):
    return y_bar @ w, x @ y_bar, y_bar.sum(axis=0)


@DENSE.wrong("raises")
def unbound_local(y_bar, x, w, b):
    if x.shape == w.shape:
        dx = y_bar @ w.T
    return dx, x.T @ y_bar, y_bar.sum(axis=0)


@DENSE.wrong("nondeterministic", note="gradient noise, from an unseeded generator")
def noisy(y_bar, x, w, b):
    dw = x.T @ y_bar
    return y_bar @ w.T, dw + 0.01 * np.random.default_rng().standard_normal(dw.shape), y_bar.sum(axis=0)


KEPT = {}


@DENSE.wrong("nondeterministic", note="adds to what the last call left behind; the first call is right")
def never_reset(y_bar, x, w, b):
    previous = KEPT.get("dw", 0.0) if np.shape(KEPT.get("dw")) == w.shape else 0.0
    KEPT["dw"] = previous + x.T @ y_bar
    return y_bar @ w.T, KEPT["dw"].copy(), y_bar.sum(axis=0)


# --- the course's affine layer: x of any shape, flattened by rows ---------------------------------


def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    return out, (x, w, b)


AFFINE = Family("affine", "backward", affine_forward, draw(normal(5, 2, 3), normal(6, 4), normal(4)))


@AFFINE.right
def affine_backward(dout, cache):
    x, w, _ = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    return dx, dw, np.sum(dout, axis=0)


@AFFINE.wrong("shape")
def left_flat(dout, cache):
    x, w, _ = cache
    return dout.dot(w.T), x.reshape(x.shape[0], -1).T.dot(dout), np.sum(dout, axis=0)


@AFFINE.wrong("permuted")
def restored_in_column_order(dout, cache):
    x, w, _ = cache
    dx = dout.dot(w.T).reshape(x.shape[0], 3, 2).transpose(0, 2, 1)
    return dx, x.reshape(x.shape[0], -1).T.dot(dout), np.sum(dout, axis=0)


@AFFINE.wrong("missing-sum", "shape")
def course_bias_not_summed(dout, cache):
    x, w, _ = cache
    return dout.dot(w.T).reshape(x.shape), x.reshape(x.shape[0], -1).T.dot(dout), dout


@AFFINE.wrong("shape")
def forgets_to_flatten(dout, cache):
    x, w, _ = cache
    return dout.dot(w.T).reshape(x.shape), x.T.dot(dout), np.sum(dout, axis=0)


@AFFINE.wrong("raises")
def forgets_to_flatten_and_transpose(dout, cache):
    x, w, _ = cache
    return dout.dot(w.T).reshape(x.shape), x.dot(dout), np.sum(dout, axis=0)


# --- samples as columns: Z = W A + b --------------------------------------------------------------


def columns_forward(a, w, b):
    return np.dot(w, a) + b, (a, w)


COLUMNS = Family("columns", "backward", columns_forward, draw(normal(4, 5), normal(3, 4), normal(3, 1)))


@COLUMNS.right
def columns_backward(dz, cache):
    a, w = cache
    return w.T @ dz, dz @ a.T, dz.sum(axis=1, keepdims=True)


@COLUMNS.wrong("mean-for-sum")
def columns_averaged(dz, cache):
    a, w = cache
    m = a.shape[1]
    return w.T @ dz, dz @ a.T / m, dz.sum(axis=1, keepdims=True) / m


@COLUMNS.wrong("missing-sum", "shape")
def columns_bias_not_summed(dz, cache):
    a, w = cache
    return w.T @ dz, dz @ a.T, dz


@COLUMNS.wrong("shape")
def keepdims_forgotten(dz, cache):
    a, w = cache
    return w.T @ dz, dz @ a.T, dz.sum(axis=1)


@COLUMNS.wrong("factor", "mean-for-sum")
def bias_summed_over_everything(dz, cache):
    a, w = cache
    return w.T @ dz, dz @ a.T, dz.sum(axis=1, keepdims=True) * a.shape[1]


# --- dense + relu, dense + tanh -------------------------------------------------------------------


def dense_relu(x, w, b):
    return np.maximum(x.dot(w) + b, 0)


def dense_tanh(x, w, b):
    return np.tanh(x.dot(w) + b)


DENSE_RELU = Family("dense-relu", "vjp", dense_relu, LAYER)
DENSE_TANH = Family("dense-tanh", "vjp", dense_tanh, LAYER)


@DENSE_RELU.right
def dense_relu_vjp(y_bar, x, w, b):
    dz = y_bar * (x.dot(w) + b > 0)
    return dz.dot(w.T), x.T.dot(dz), dz.sum(0)


@DENSE_RELU.wrong("elementwise-factor", "unknown")
def activation_forgotten(y_bar, x, w, b):
    return y_bar.dot(w.T), x.T.dot(y_bar), y_bar.sum(0)


@DENSE_RELU.wrong("stale-value", "unknown")
def mask_of_y_bar(y_bar, x, w, b):
    dz = y_bar * (y_bar > 0)
    return dz.dot(w.T), x.T.dot(dz), dz.sum(0)


@DENSE_TANH.right
def dense_tanh_vjp(y_bar, x, w, b):
    a = np.tanh(x.dot(w) + b)
    dz = y_bar * (1 - a * a)
    return dz.dot(w.T), x.T.dot(dz), dz.sum(0)


@DENSE_TANH.wrong("stale-value", "unknown")
def pre_activation_squared(y_bar, x, w, b):
    z = x.dot(w) + b
    dz = y_bar * (1 - z * z)
    return dz.dot(w.T), x.T.dot(dz), dz.sum(0)


@DENSE_TANH.wrong("missing-sum", "shape")
def tanh_bias_not_summed(y_bar, x, w, b):
    a = np.tanh(x.dot(w) + b)
    dz = y_bar * (1 - a * a)
    return dz.dot(w.T), x.T.dot(dz), dz


# --- a network of two layers, with its loss -------------------------------------------------------


def mlp_loss(w1, b1, w2, b2, x, t):
    h = np.tanh(x @ w1 + b1)
    return np.mean((h @ w2 + b2 - t) ** 2)


MLP = Family(
    "mlp",
    "grad",
    mlp_loss,
    draw(normal(4, 6), normal(6), normal(6, 3), normal(3), normal(5, 4), normal(5, 3)),
    wrt=(0, 1, 2, 3),
)


@MLP.right
def mlp_grad(w1, b1, w2, b2, x, t):
    h = np.tanh(x @ w1 + b1)
    dy = 2 * (h @ w2 + b2 - t) / t.size
    dz = dy @ w2.T * (1 - h**2)
    return x.T @ dz, dz.sum(axis=0), h.T @ dy, dy.sum(axis=0)


@MLP.wrong("factor")
def loss_without_its_two(w1, b1, w2, b2, x, t):
    h = np.tanh(x @ w1 + b1)
    dy = (h @ w2 + b2 - t) / t.size
    dz = dy @ w2.T * (1 - h**2)
    return x.T @ dz, dz.sum(axis=0), h.T @ dy, dy.sum(axis=0)


@MLP.wrong("sign")
def target_less_output(w1, b1, w2, b2, x, t):
    h = np.tanh(x @ w1 + b1)
    dy = 2 * (t - h @ w2 - b2) / t.size
    dz = dy @ w2.T * (1 - h**2)
    return x.T @ dz, dz.sum(axis=0), h.T @ dy, dy.sum(axis=0)


@MLP.wrong("elementwise-factor", "unknown")
def hidden_derivative_forgotten(w1, b1, w2, b2, x, t):
    h = np.tanh(x @ w1 + b1)
    dy = 2 * (h @ w2 + b2 - t) / t.size
    dz = dy @ w2.T
    return x.T @ dz, dz.sum(axis=0), h.T @ dy, dy.sum(axis=0)


@MLP.wrong("stale-value", "unknown")
def hidden_pre_activation(w1, b1, w2, b2, x, t):
    z = x @ w1 + b1
    h = np.tanh(z)
    dy = 2 * (h @ w2 + b2 - t) / t.size
    dz = dy @ w2.T * (1 - z**2)
    return x.T @ dz, dz.sum(axis=0), h.T @ dy, dy.sum(axis=0)


@MLP.wrong("zeroed")
def first_layer_frozen(w1, b1, w2, b2, x, t):
    _, _, dw2, db2 = mlp_grad(w1, b1, w2, b2, x, t)
    return np.zeros_like(w1), np.zeros_like(b1), dw2, db2


@MLP.wrong("stale-value", "unknown", note="the second layer's gradient from the pre-activation of the first")
def second_layer_from_z(w1, b1, w2, b2, x, t):
    dw1, db1, _, db2 = mlp_grad(w1, b1, w2, b2, x, t)
    z = x @ w1 + b1
    dy = 2 * (np.tanh(z) @ w2 + b2 - t) / t.size
    return dw1, db1, z.T @ dy, db2


# --- regressions ----------------------------------------------------------------------------------

LAMBDA = 0.2


def logistic_parts(w, b, x, t):
    s = 1 / (1 + np.exp(-(x @ w + b)))
    loss = -np.mean(t * np.log(s) + (1 - t) * np.log(1 - s)) + 0.5 * LAMBDA * np.sum(w**2)
    return loss, x.T @ (s - t) / len(t), np.mean(s - t)


def ridge_loss(w, x, t):
    r = x @ w - t
    return r @ r + LAMBDA * w @ w


def lasso_loss(w, x, t):
    return 0.5 * np.sum((x @ w - t) ** 2) + LAMBDA * np.sum(np.abs(w))


SAMPLES = draw(normal(4), normal(), normal(7, 4), binary(7))
LOGISTIC = Family("logistic-regression", "value_and_grad", None, SAMPLES, wrt=(0, 1))
RIDGE = Family("ridge", "grad", ridge_loss, draw(normal(4), normal(7, 4), normal(7)), wrt=(0,))
LASSO = Family("lasso", "grad", lasso_loss, draw(away(4), normal(7, 4), normal(7)), wrt=(0,))


@LOGISTIC.right
def logistic_regression(w, b, x, t):
    loss, dw, db = logistic_parts(w, b, x, t)
    return loss, dw + LAMBDA * w, db


@LOGISTIC.wrong("missing-term")
def weight_decay_forgotten(w, b, x, t):
    return logistic_parts(w, b, x, t)


@LOGISTIC.wrong("missing-term")
def weight_decay_doubled(w, b, x, t):
    loss, dw, db = logistic_parts(w, b, x, t)
    return loss, dw + 2 * LAMBDA * w, db


@LOGISTIC.wrong("mean-for-sum")
def bias_summed(w, b, x, t):
    loss, dw, db = logistic_parts(w, b, x, t)
    return loss, dw + LAMBDA * w, db * len(t)


@LOGISTIC.wrong("sign")
def ascent(w, b, x, t):
    loss, dw, db = logistic_regression(w, b, x, t)
    return loss, -dw, -db


@RIDGE.right
def ridge_grad(w, x, t):
    return 2 * x.T @ (x @ w - t) + 2 * LAMBDA * w


@RIDGE.wrong("missing-term")
def penalty_negated(w, x, t):
    return 2 * x.T @ (x @ w - t) - 2 * LAMBDA * w


@RIDGE.wrong("factor")
def both_twos_forgotten(w, x, t):
    return x.T @ (x @ w - t) + LAMBDA * w


@RIDGE.wrong("mean-for-sum")
def ridge_averaged(w, x, t):
    return (2 * x.T @ (x @ w - t) + 2 * LAMBDA * w) / len(t)


@LASSO.right
def lasso_grad(w, x, t):
    return x.T @ (x @ w - t) + LAMBDA * np.sign(w)


@LASSO.wrong("unknown", "missing-term")
def square_penalty(w, x, t):
    return x.T @ (x @ w - t) + LAMBDA * w


@LASSO.wrong("partial")
def penalty_of_positives(w, x, t):
    return x.T @ (x @ w - t) + LAMBDA * np.where(w > 0, 1, 0)


# --- shared weights -------------------------------------------------------------------------------


def tied_autoencoder(w, x):
    return np.mean((np.tanh(x @ w) @ w.T - x) ** 2)


def pca_loss(w, x):
    return 0.5 * np.sum((x @ w @ w.T - x) ** 2)


TIED = Family("tied-autoencoder", "grad", tied_autoencoder, draw(normal(4, 2), normal(5, 4)), wrt=(0,))
PCA = Family("pca", "grad", pca_loss, draw(normal(4, 2), normal(5, 4)), wrt=(0,))


@TIED.right
def tied_grad(w, x):
    h = np.tanh(x @ w)
    dy = 2 * (h @ w.T - x) / x.size
    return dy.T @ h + x.T @ (dy @ w * (1 - h**2))


@TIED.wrong("not-accumulated", "unknown")
def decoder_alone(w, x):
    h = np.tanh(x @ w)
    return (2 * (h @ w.T - x) / x.size).T @ h


@TIED.wrong("not-accumulated", "unknown")
def encoder_alone(w, x):
    h = np.tanh(x @ w)
    dy = 2 * (h @ w.T - x) / x.size
    return x.T @ (dy @ w * (1 - h**2))


@PCA.right
def pca_grad(w, x):
    r = x @ w @ w.T - x
    return x.T @ r @ w + r.T @ x @ w


@PCA.wrong("not-accumulated", "unknown")
def one_of_two_uses(w, x):
    r = x @ w @ w.T - x
    return x.T @ r @ w


# --- lookups --------------------------------------------------------------------------------------


def embedding(table, ids):
    return table[ids]


def embedding_forward(x, w):
    return w[x], (x, w)


IDS = fixed([[1, 4, 1], [0, 4, 4]])
EMBEDDING = Family("embedding", "vjp", embedding, draw(normal(6, 4), IDS))
EMBEDDING_COURSE = Family("embedding-course", "backward", embedding_forward, draw(IDS, normal(6, 4)), wrt=(1,))


@EMBEDDING.right
def embedding_vjp(y_bar, table, ids):
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, y_bar)
    return dtable


@EMBEDDING.wrong("not-accumulated")
def assigned(y_bar, table, ids):
    dtable = np.zeros_like(table)
    dtable[ids] = y_bar
    return dtable


@EMBEDDING.wrong("not-accumulated")
def added_once(y_bar, table, ids):
    dtable = np.zeros_like(table)
    dtable[ids] += y_bar
    return dtable


@EMBEDDING.wrong("permuted")
def counted_from_one(y_bar, table, ids):
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids - 1, y_bar)
    return dtable


@EMBEDDING.wrong("partial")
def padding_row_skipped(y_bar, table, ids):
    dtable = embedding_vjp(y_bar, table, ids)
    dtable[0] = 0
    return dtable


@EMBEDDING.wrong("shape", note="the gradient of the rows that were looked up")
def rows_alone(y_bar, table, ids):
    return y_bar.copy()


@EMBEDDING_COURSE.right
def embedding_backward(dout, cache):
    x, w = cache
    dw = np.zeros(w.shape)
    np.add.at(dw, x, dout)
    return dw


@EMBEDDING_COURSE.wrong("elementwise-factor", "unknown")
def divided_by_the_counts(dout, cache):
    x, w = cache
    counts = np.maximum(np.bincount(x.ravel(), minlength=len(w)), 1)
    return embedding_backward(dout, cache) / counts[:, None]


@EMBEDDING_COURSE.wrong("permuted")
def reversed_table(dout, cache):
    return embedding_backward(dout, cache)[::-1].copy()


# --- products and broadcasting --------------------------------------------------------------------


def scale_shift(x, gamma, beta):
    return gamma * x + beta


def column_plus_row(column, row):
    return column + row


def batched(a, b):
    return np.einsum("bij,bjk->bik", a, b)


def bilinear(x, w, z):
    return np.einsum("ni,ij,nj->n", x, w, z)


SCALE_SHIFT = Family("scale-shift", "vjp", scale_shift, draw(normal(5, 4), normal(4), normal(4)))
OUTER_SUM = Family("outer-sum", "vjp", column_plus_row, draw(normal(5, 1), normal(4)))
DOT = Family("dot", "grad", np.dot, draw(normal(6), normal(6)))
OUTER = Family("outer", "vjp", np.outer, draw(normal(5), normal(4)))
BATCHED = Family("batched-matmul", "vjp", batched, draw(normal(2, 5, 4), normal(2, 4, 3)))
BILINEAR = Family("bilinear", "vjp", bilinear, draw(normal(5, 4), normal(4, 3), normal(5, 3)))
MATVEC = Family("matvec-jacobian", "jacobian", np.dot, draw(normal(5, 4), normal(4)), wrt=(1,))
MULTIPLY = Family("multiply", "vjp", np.multiply, draw(normal(5, 4), normal(5, 4)))


@SCALE_SHIFT.right
def scale_shift_vjp(y_bar, x, gamma, beta):
    return y_bar * gamma, (y_bar * x).sum(0), y_bar.sum(0)


@SCALE_SHIFT.wrong("elementwise-factor")
def gamma_forgotten(y_bar, x, gamma, beta):
    return y_bar + 0, (y_bar * x).sum(0), y_bar.sum(0)


@SCALE_SHIFT.wrong("elementwise-factor")
def gamma_twice(y_bar, x, gamma, beta):
    return y_bar * gamma**2, (y_bar * x).sum(0), y_bar.sum(0)


@SCALE_SHIFT.wrong("swapped")
def gamma_and_beta_exchanged(y_bar, x, gamma, beta):
    return y_bar * gamma, y_bar.sum(0), (y_bar * x).sum(0)


@SCALE_SHIFT.wrong("missing-sum", "shape")
def gamma_not_summed(y_bar, x, gamma, beta):
    return y_bar * gamma, y_bar * x, y_bar.sum(0)


@OUTER_SUM.right
def outer_sum_vjp(y_bar, column, row):
    return y_bar.sum(axis=1, keepdims=True), y_bar.sum(axis=0)


@OUTER_SUM.wrong("missing-sum", "shape")
def column_not_summed(y_bar, column, row):
    return y_bar, y_bar.sum(axis=0)


@OUTER_SUM.wrong("mean-for-sum")
def column_averaged(y_bar, column, row):
    return y_bar.mean(axis=1, keepdims=True), y_bar.sum(axis=0)


@OUTER_SUM.wrong("shape", "missing-sum", note="summed to a scalar")
def summed_to_a_scalar(y_bar, column, row):
    return y_bar.sum(axis=1, keepdims=True), y_bar.sum()


@DOT.right
def dot_grad(x, y):
    return y.copy(), x.copy()


@DOT.wrong("swapped")
def each_its_own(x, y):
    return x.copy(), y.copy()


@OUTER.right
def outer_vjp(y_bar, x, y):
    return y_bar @ y, x @ y_bar


@OUTER.wrong("shape")
def outer_keeps_axes(y_bar, x, y):
    return y_bar @ y[:, None], x[None, :] @ y_bar


@BATCHED.right
def batched_vjp(y_bar, a, b):
    return y_bar @ b.transpose(0, 2, 1), a.transpose(0, 2, 1) @ y_bar


@BATCHED.wrong("transpose", make_inputs=draw(normal(2, 4, 4), normal(2, 4, 4)))
def batches_transposed(y_bar, a, b):
    return (y_bar @ b.transpose(0, 2, 1)).transpose(0, 2, 1), a.transpose(0, 2, 1) @ y_bar


@BATCHED.wrong("permuted")
def batch_reversed(y_bar, a, b):
    return (y_bar @ b.transpose(0, 2, 1))[::-1].copy(), a.transpose(0, 2, 1) @ y_bar


@BATCHED.wrong("missing-sum", "mean-for-sum", "shape")
def batch_summed_away(y_bar, a, b):
    return y_bar @ b.transpose(0, 2, 1), (a.transpose(0, 2, 1) @ y_bar).sum(0)


@BILINEAR.right
def bilinear_vjp(y_bar, x, w, z):
    g = y_bar[:, None]
    return g * (z @ w.T), x.T @ (g * z), g * (x @ w)


@BILINEAR.wrong("elementwise-factor")
def bilinear_without_y_bar(y_bar, x, w, z):
    g = y_bar[:, None]
    return z @ w.T, x.T @ (g * z), g * (x @ w)


@BILINEAR.wrong("transpose", make_inputs=draw(normal(5, 4), normal(4, 4), normal(5, 4)))
def bilinear_transposed(y_bar, x, w, z):
    g = y_bar[:, None]
    return g * (z @ w.T), z.T @ (g * x), g * (x @ w)


@MATVEC.right
def matvec_jacobian(a, x):
    return a.copy()


@MATVEC.wrong("transpose", "shape")
def jacobian_transposed_visibly(a, x):
    return a.T.copy()


@MATVEC.wrong("transpose", make_inputs=draw(normal(4, 4), normal(4)))
def jacobian_transposed(a, x):
    return a.T.copy()


@MULTIPLY.right
def multiply_vjp(y_bar, x, y):
    return y_bar * y, y_bar * x


@MULTIPLY.wrong("swapped", "elementwise-factor")
def multiply_exchanged(y_bar, x, y):
    return y_bar * x, y_bar * y


@MULTIPLY.wrong("elementwise-factor")
def other_input_forgotten(y_bar, x, y):
    return y_bar * 1, y_bar * x
