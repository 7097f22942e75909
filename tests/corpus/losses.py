"""Losses: scalar-valued functions of predictions and targets."""

import numpy as np

from .case import Family, binary, distribution, draw, fixed, labels, near, normal, one_hot, spread, uniform

PAIR = draw(normal(5, 3), normal(5, 3))
VECTORS = draw(normal(7), normal(7))

# --- mean of squares: L = Σ(p-t)²/N;  p̄ = 2(p-t)/N ------------------------------------------------


def mse(pred, target):
    return np.mean((pred - target) ** 2)


def mse_pair(pred, target):
    n = pred.shape[0]
    return np.sum(np.mean((pred - target.reshape(n, 1)) ** 2, axis=0))


def half_sse_of_columns(pred, target):
    return 0.5 * np.square(pred - target).sum()


MSE = Family("mse", "grad", mse, PAIR, wrt=(0,))
MSE_COLUMN = Family("mse-column", "grad", mse_pair, draw(normal(6, 1), normal(6)), wrt=(0,))


@MSE.right
def mse_grad(pred, target):
    return 2 * (pred - target) / np.size(target)


@MSE.wrong("sign")
def target_less_prediction(pred, target):
    return 2 * (target - pred) / target.size


@MSE.wrong("factor")
def two_forgotten(pred, target):
    return (pred - target) / target.size


@MSE.wrong("sign", "factor", all_of=True)
def half_and_negated(pred, target):
    return (target - pred) / target.size


@MSE.wrong("factor", "mean-for-sum")
def size_forgotten(pred, target):
    return 2 * (pred - target)


@MSE.wrong("mean-for-sum")
def divided_by_the_batch(pred, target):
    return 2 * (pred - target) / pred.shape[0]


@MSE.wrong("dtype", dtypes=("float64",))
def residual_in_float32(pred, target):
    residual = np.array(pred - target, dtype="float32")
    return (2 * residual / target.size).astype(pred.dtype)


@MSE.wrong("partial")
def last_row_forgotten(pred, target):
    gradient = np.zeros_like(pred)
    for i in range(len(pred) - 1):
        gradient[i] = 2 * (pred[i] - target[i]) / pred.size
    return gradient


@MSE.wrong("shape")
def flattened(pred, target):
    return (2 * (pred - target) / pred.size).ravel()


@MSE.wrong("shape", "missing-sum", "unknown")
def averaged_over_rows(pred, target):
    return 2 * np.mean(pred - target, axis=0) / pred.shape[1]


@MSE.wrong("mutated-input")
def residual_in_place(pred, target):
    pred -= target
    return 2 * pred / pred.size


@MSE.wrong("raises")
def shapes_do_not_fit(pred, target):
    return 2 * (pred - target.T) / pred.size


@MSE_COLUMN.right
def mse_column_grad(pred, target):
    return 2 * (pred - target[:, None]) / len(pred)


@MSE_COLUMN.wrong("forward-broadcast", forward=mse, note="the forward averages an (m,m) array")
def intended_gradient(pred, target):
    return 2 * (pred - target.reshape(-1, 1)) / len(pred)


@MSE_COLUMN.wrong("forward-broadcast", "shape", "missing-sum", "mean-for-sum", forward=mse)
def broadcast_gradient(pred, target):
    return 2 * (pred - target) / pred.size


@MSE_COLUMN.wrong("shape", "missing-sum", "forward-broadcast", note="the gradient alone is broadcast to (m,m)")
def gradient_alone_broadcast(pred, target):
    return 2 * (pred - target) / len(pred)


def column_mae(pred, target):
    return np.mean(np.abs(pred - target))


@MSE_COLUMN.wrong("forward-broadcast", forward=column_mae)
def intended_mae(pred, target):
    return np.sign(pred - target[:, np.newaxis]) / len(pred)


@MSE_COLUMN.wrong("forward-broadcast", "shape", "missing-sum", forward=half_sse_of_columns)
def intended_residual(pred, target):
    return pred - target


# --- half the mean or sum of squares, its root ----------------------------------------------------


def half_mse(p, t):
    return np.square(p - t).mean() / 2


def half_sse(p, t):
    return 0.5 * np.sum((p - t) ** 2)


def rmse(p, t):
    return np.sqrt(np.mean((p - t) ** 2))


HALF_MSE = Family("half-mse", "grad", half_mse, PAIR, wrt=(0,))
HALF_SSE = Family("half-sse", "grad", half_sse, PAIR, wrt=(0, 1))
RMSE = Family("rmse", "grad", rmse, PAIR, wrt=(0,))


@HALF_MSE.right
def half_mse_grad(p, t):
    return (p - t) / p.size


@HALF_MSE.wrong("factor")
def a_half_too_many(p, t):
    return 0.5 * (p - t) / p.size


@HALF_MSE.wrong("zeroed")
def integer_division(p, t):
    return (p - t) * (1 // p.size)


@HALF_SSE.right
def half_sse_grad(p, t):
    return p - t, t - p


@HALF_SSE.wrong("factor", "mean-for-sum")
def averaged(p, t):
    return (p - t) / p.size, (t - p) / p.size


@HALF_SSE.wrong("sign")
def same_sign_for_both(p, t):
    return p - t, p - t


@HALF_SSE.wrong("sign", "swapped")
def exchanged(p, t):
    return t - p, p - t


@RMSE.right
def rmse_grad(p, t):
    return (p - t) / (p.size * rmse(p, t))


@RMSE.wrong("factor")
def root_forgotten(p, t):
    return (p - t) / p.size


@RMSE.wrong("factor")
def divided_by_twice_the_root(p, t):
    return (p - t) / (2 * p.size * rmse(p, t))


@RMSE.wrong("sign", "mean-for-sum", all_of=True)
def root_negated_and_size_forgotten(p, t):
    return (t - p) / rmse(p, t)


# --- absolute, Huber, log-cosh, quantile ----------------------------------------------------------

DELTA, QUANTILE = 0.8, 0.3


def mae(y_hat, y):
    return np.abs(y_hat - y).mean()


def huber(y_hat, y):
    r = np.abs(y_hat - y)
    return np.where(r <= DELTA, 0.5 * r**2, DELTA * (r - 0.5 * DELTA)).sum()


def log_cosh(y_hat, y):
    return np.log(np.cosh(y_hat - y)).sum()


def pinball(y_hat, y):
    e = y - y_hat
    return np.mean(np.maximum(QUANTILE * e, (QUANTILE - 1) * e))


MAE = Family("mae", "grad", mae, PAIR, wrt=(0,))
HUBER = Family("huber", "grad", huber, draw(spread(5, 3, step=0.3), normal(5, 3, scale=0.01)), wrt=(0,))
LOG_COSH = Family("log-cosh", "grad", log_cosh, PAIR, wrt=(0,))
PINBALL = Family("pinball", "grad", pinball, draw(spread(7), near(np.zeros(7))), wrt=(0,))


@MAE.right
def mae_grad(y_hat, y):
    return np.sign(y_hat - y) / y.size


@MAE.wrong("factor", "mean-for-sum")
def summed(y_hat, y):
    return np.sign(y_hat - y)


@MAE.wrong("sign")
def absolute_negated(y_hat, y):
    return np.where(y_hat > y, -1.0, 1.0) / y.size


@MAE.wrong("partial")
def never_negative(y_hat, y):
    return (y_hat > y) / y.size


@HUBER.right
def huber_grad(y_hat, y):
    r = y_hat - y
    return np.where(np.abs(r) <= DELTA, r, DELTA * np.sign(r))


@HUBER.wrong("partial")
def never_clipped(y_hat, y):
    return y_hat - y


@HUBER.wrong("partial")
def delta_forgotten(y_hat, y):
    r = y_hat - y
    return np.where(np.abs(r) <= DELTA, r, np.sign(r))


@HUBER.wrong("partial")
def one_side_forgotten(y_hat, y):
    r = y_hat - y
    return np.where(r <= DELTA, r, DELTA)


@HUBER.wrong("mean-for-sum", "factor")
def huber_averaged(y_hat, y):
    return huber_grad(y_hat, y) / y.size


@LOG_COSH.right
def log_cosh_grad(y_hat, y):
    return np.tanh(y_hat - y)


@LOG_COSH.wrong("sign")
def other_way_round(y_hat, y):
    return np.tanh(y - y_hat)


@LOG_COSH.wrong("stale-value", "unknown")
def of_the_prediction_alone(y_hat, y):
    return np.tanh(y_hat)


@PINBALL.right
def pinball_grad(y_hat, y):
    return np.where(y > y_hat, -QUANTILE, 1 - QUANTILE) / y.size


@PINBALL.wrong("unknown")
def quantiles_exchanged(y_hat, y):
    return np.where(y > y_hat, QUANTILE - 1, QUANTILE) / y.size


@PINBALL.wrong("partial")
def sign_of_one_side(y_hat, y):
    return np.where(y > y_hat, QUANTILE, 1 - QUANTILE) / y.size


# --- log loss of probabilities and of logits: ā = (a-t)/(a(1-a)), z̄ = σ(z) - t --------------------


def log_loss(a, t):
    return -np.sum(t * np.log(a) + (1 - t) * np.log(1 - a)) / len(a)


def bce_with_logits(z, t):
    return np.mean(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))))


def logistic_loss(z, t):
    return np.sum(np.logaddexp(0, -t * z))


LOG_LOSS = Family("log-loss", "grad", log_loss, draw(uniform(0.1, 0.9, 5, 3), binary(5, 3)), wrt=(0,))
BCE_LOGITS = Family("bce-with-logits", "grad", bce_with_logits, draw(normal(5, 3), binary(5, 3)), wrt=(0,))
LOGISTIC_LOSS = Family("logistic-loss", "grad", logistic_loss, VECTORS, wrt=(0,))
FAR_LOGITS = draw(fixed([-900.0, -3.0, 2.0, 900.0]), fixed([0.0, 1.0, 0.0, 1.0]))


@LOG_LOSS.right
def log_loss_grad(a, t):
    return (a - t) / (a * (1 - a)) / len(a)


@LOG_LOSS.wrong("elementwise-factor")
def denominator_forgotten(a, t):
    return (a - t) / len(a)


@LOG_LOSS.wrong("sign")
def likelihood_for_loss(a, t):
    return (t / a - (1 - t) / (1 - a)) / len(a)


@LOG_LOSS.wrong("partial", "elementwise-factor", note="the labels are a mask once too often")
def only_positives(a, t):
    return -t / a / len(a)


@LOG_LOSS.wrong("partial")
def sign_of_the_negatives(a, t):
    return (-t / a - (1 - t) / (1 - a)) / len(a)


@LOG_LOSS.wrong("mean-for-sum")
def batch_forgotten(a, t):
    return (a - t) / (a * (1 - a))


@BCE_LOGITS.right
def bce_with_logits_grad(z, t):
    return (1 / (1 + np.exp(-z)) - t) / z.size


@BCE_LOGITS.wrong("missing-term")
def target_forgotten(z, t):
    return 1 / (1 + np.exp(-z)) / z.size


@BCE_LOGITS.wrong("elementwise-factor")
def sigmoid_derivative_kept(z, t):
    s = 1 / (1 + np.exp(-z))
    return (s - t) * s * (1 - s) / z.size


@BCE_LOGITS.wrong("stale-value")
def logits_for_probabilities(z, t):
    return (z - t) / z.size


@BCE_LOGITS.wrong("stale-value")
def squashed_twice(z, t):
    s = 1 / (1 + np.exp(-1 / (1 + np.exp(-z))))
    return (s - t) / z.size


@BCE_LOGITS.wrong("nan", make_inputs=FAR_LOGITS)
def by_the_chain_rule(z, t):
    s = 1 / (1 + np.exp(-z))
    return (s - t) / (s * (1 - s)) * s * (1 - s) / z.size


@LOGISTIC_LOSS.right
def logistic_loss_grad(z, t):
    return -t / (1 + np.exp(t * z))


@LOGISTIC_LOSS.wrong("elementwise-factor")
def label_forgotten(z, t):
    return -1 / (1 + np.exp(t * z))


@LOGISTIC_LOSS.wrong("nan", make_inputs=draw(fixed([800.0, 2.0, -1.0]), fixed([1.0, -1.0, 1.0])))
def logistic_quotient(z, t):
    return -t * (1 - np.exp(t * z) / (1 + np.exp(t * z)))


# --- softmax cross-entropy: z̄ = (softmax(z) - t)/batch --------------------------------------------


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(z, t):
    return -np.sum(t * np.log(softmax(z))) / z.shape[0]


def smoothed_cross_entropy(z, t):
    soft = 0.9 * t + 0.1 / t.shape[1]
    return -np.sum(soft * np.log(softmax(z)))


CROSS_ENTROPY = Family("cross-entropy", "grad", cross_entropy, draw(normal(5, 3), one_hot(5, 3)), wrt=(0,))
SPARSE = Family("sparse-cross-entropy", "value_and_grad", None, draw(normal(5, 3), labels(5, 3)))
SMOOTHED = Family("smoothed-cross-entropy", "grad", smoothed_cross_entropy, draw(normal(5, 3), one_hot(5, 3)), wrt=(0,))


@CROSS_ENTROPY.right
def cross_entropy_grad(z, t):
    return (softmax(z) - t) / z.shape[0]


@CROSS_ENTROPY.wrong("missing-term")
def labels_forgotten(z, t):
    return softmax(z) / z.shape[0]


@CROSS_ENTROPY.wrong("sign")
def labels_less_softmax(z, t):
    return (t - softmax(z)) / z.shape[0]


@CROSS_ENTROPY.wrong("mean-for-sum")
def not_divided(z, t):
    return softmax(z) - t


@CROSS_ENTROPY.wrong("factor")
def divided_by_the_classes(z, t):
    return (softmax(z) - t) / z.shape[1]


@CROSS_ENTROPY.wrong("sign", "mean-for-sum", all_of=True)
def negated_and_not_divided(z, t):
    return t - softmax(z)


@CROSS_ENTROPY.wrong("stale-value")
def softmax_of_softmax(z, t):
    return (softmax(softmax(z)) - t) / z.shape[0]


@CROSS_ENTROPY.wrong("elementwise-factor", "jacobian-diagonal", "partial", "unknown", note="right where t is 1")
def diagonal_of_the_softmax(z, t):
    p = softmax(z)
    return -t / p * p * (1 - p) / z.shape[0]


@SPARSE.right
def softmax_loss(x, y):
    n = x.shape[0]
    shifted = x - np.max(x, axis=1, keepdims=True)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    loss = -np.sum(log_probs[np.arange(n), y]) / n
    dx = np.exp(log_probs)
    dx[np.arange(n), y] -= 1
    return loss, dx / n


@SPARSE.wrong("mean-for-sum")
def loss_divided_alone(x, y):
    n = len(x)
    p = softmax(x)
    loss = -np.log(p[np.arange(n), y]).mean()
    p[np.arange(n), y] -= 1
    return loss, p


@SPARSE.wrong("partial")
def one_not_subtracted(x, y):
    n = len(x)
    p = softmax(x)
    return -np.log(p[np.arange(n), y]).mean(), p / n


@SPARSE.wrong("partial")
def loop_stops_early(x, y):
    n = len(x)
    p = softmax(x)
    dx = np.zeros_like(x)
    for i in range(n - 1):
        dx[i] = p[i] / n
        dx[i, y[i]] -= 1 / n
    return -np.log(p[np.arange(n), y]).mean(), dx


@SPARSE.wrong("unknown", "partial", note="p[:, y] marks the labels' columns in every row")
def every_row_marked(x, y):
    n = len(x)
    p = softmax(x)
    loss = -np.log(p[np.arange(n), y]).mean()
    p[:, y[:2]] -= 1
    return loss, p / n


@SPARSE.wrong("sign")
def ascends(x, y):
    loss, dx = softmax_loss(x, y)
    return loss, -dx


@SMOOTHED.right
def smoothed_cross_entropy_grad(z, t):
    return softmax(z) - 0.9 * t - 0.1 / t.shape[1]


@SMOOTHED.wrong("missing-term")
def smoothing_forgotten(z, t):
    return softmax(z) - 0.9 * t


# --- margins: hinge, multi-class SVM --------------------------------------------------------------

REG = 0.3


def hinge(scores, t):
    return np.sum(np.maximum(0, 1 - t * scores))


SIGNS = draw(near([0.5, -0.25, 2.0, -1.5, 0.75, -3.0, 0.3]), fixed([1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0]))
HINGE = Family("hinge", "grad", hinge, SIGNS, wrt=(0,))
SVM = Family("svm", "value_and_grad", None, draw(normal(4, 3), normal(5, 4), labels(5, 3)), wrt=(0,))
SVM_SCORES = Family("svm-scores", "value_and_grad", None, draw(normal(5, 3), labels(5, 3)))


@HINGE.right
def hinge_grad(scores, t):
    return np.where(t * scores < 1, -t, 0)


@HINGE.wrong("sign")
def pushes_away(scores, t):
    return np.where(t * scores < 1, t, 0)


@HINGE.wrong("partial")
def margin_of_zero(scores, t):
    return np.where(t * scores < 0, -t, 0)


@HINGE.wrong("partial", "elementwise-factor", make_inputs=draw(fixed([2.0, -3.0, 0.5, -0.25]), fixed([1.0, -1, 1, 1])))
def no_margin(scores, t):
    return -t


def svm_parts(w, x, y):
    n = x.shape[0]
    scores = x @ w
    margins = np.maximum(0, scores - scores[np.arange(n), y][:, None] + 1)
    margins[np.arange(n), y] = 0
    mask = (margins > 0).astype(x.dtype)
    mask[np.arange(n), y] = -mask.sum(axis=1)
    return margins.sum() / n + REG * np.sum(w * w), x.T @ mask / n


@SVM.right
def svm_loss_vectorized(w, x, y):
    loss, dw = svm_parts(w, x, y)
    return loss, dw + 2 * REG * w


@SVM.wrong("missing-term")
def regularisation_forgotten(w, x, y):
    return svm_parts(w, x, y)


@SVM.wrong("missing-term")
def regularisation_halved(w, x, y):
    loss, dw = svm_parts(w, x, y)
    return loss, dw + REG * w


@SVM.wrong("unknown", "missing-term")
def data_part_not_divided(w, x, y):
    loss, dw = svm_parts(w, x, y)
    return loss, dw * len(x) + 2 * REG * w


@SVM_SCORES.right
def svm_loss(x, y):
    n = x.shape[0]
    correct = x[np.arange(n), y]
    margins = np.maximum(0, x - correct[:, np.newaxis] + 1.0)
    margins[np.arange(n), y] = 0
    loss = np.sum(margins) / n
    count = np.sum(margins > 0, axis=1)
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(n), y] -= count
    return loss, dx / n


@SVM_SCORES.wrong("partial")
def correct_class_forgotten(x, y):
    loss, dx = svm_loss(x, y)
    dx[np.arange(len(x)), y] = 0
    return loss, dx


@SVM_SCORES.wrong("partial")
def correct_class_counted_once(x, y):
    n = len(x)
    loss, dx = svm_loss(x, y)
    dx[np.arange(n), y] = np.maximum(dx[np.arange(n), y], -1 / n)
    return loss, dx


# --- divergences ----------------------------------------------------------------------------------


def kl_gaussian(mu, log_var):
    return -0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var))


def kl_categorical(p, q):
    return np.sum(p * np.log(p / q))


def gaussian_nll(mu, log_var, x):
    return 0.5 * np.sum(log_var + (x - mu) ** 2 * np.exp(-log_var))


def poisson_nll(log_rate, k):
    return np.mean(np.exp(log_rate) - k * log_rate)


KL_GAUSSIAN = Family("kl-gaussian", "grad", kl_gaussian, PAIR)
KL_CATEGORICAL = Family("kl-categorical", "grad", kl_categorical, draw(distribution(5, 3), distribution(5, 3)))
GAUSSIAN_NLL = Family("gaussian-nll", "grad", gaussian_nll, draw(normal(6), normal(6), normal(6)), wrt=(0, 1))
POISSON_NLL = Family("poisson-nll", "grad", poisson_nll, draw(normal(6), uniform(1, 5, 6)), wrt=(0,))


@KL_GAUSSIAN.right
def kl_gaussian_grad(mu, log_var):
    return mu, 0.5 * (np.exp(log_var) - 1)


@KL_GAUSSIAN.wrong("swapped")
def variance_first(mu, log_var):
    return 0.5 * (np.exp(log_var) - 1), mu


@KL_GAUSSIAN.wrong("factor")
def half_forgotten(mu, log_var):
    return mu, np.exp(log_var) - 1


@KL_GAUSSIAN.wrong("missing-term")
def constant_forgotten(mu, log_var):
    return mu, 0.5 * np.exp(log_var)


@KL_GAUSSIAN.wrong("sign")
def mean_negated(mu, log_var):
    return -mu, 0.5 * (np.exp(log_var) - 1)


@KL_GAUSSIAN.wrong("zeroed")
def variance_held(mu, log_var):
    return mu.copy(), np.zeros(log_var.shape)


@KL_GAUSSIAN.wrong("mutated-input", note="saves a temporary")
def exponential_in_place(mu, log_var):
    np.exp(log_var, out=log_var)
    return mu.copy(), 0.5 * (log_var - 1)


@KL_CATEGORICAL.right
def kl_categorical_grad(p, q):
    return np.log(p / q) + 1, -p / q


@KL_CATEGORICAL.wrong("missing-term")
def one_forgotten(p, q):
    return np.log(p / q), -p / q


@KL_CATEGORICAL.wrong("swapped", "unknown")
def other_order(p, q):
    return -p / q, np.log(p / q) + 1


@KL_CATEGORICAL.wrong("sign")
def second_negated(p, q):
    return np.log(p / q) + 1, p / q


@GAUSSIAN_NLL.right
def gaussian_nll_grad(mu, log_var, x):
    z = (x - mu) * np.exp(-log_var)
    return -z, 0.5 * (1 - (x - mu) * z)


@GAUSSIAN_NLL.wrong("sign")
def residual_turned(mu, log_var, x):
    z = (x - mu) * np.exp(-log_var)
    return z, 0.5 * (1 - (x - mu) * z)


@GAUSSIAN_NLL.wrong("missing-term")
def log_term_forgotten(mu, log_var, x):
    z = (x - mu) * np.exp(-log_var)
    return -z, -0.5 * (x - mu) * z


@POISSON_NLL.right
def poisson_nll_grad(log_rate, k):
    return (np.exp(log_rate) - k) / k.size


@POISSON_NLL.wrong("missing-term")
def counts_forgotten(log_rate, k):
    return np.exp(log_rate) / k.size


# --- metric learning ------------------------------------------------------------------------------

MARGIN = 2.0


def contrastive(a, b, same):
    d2 = np.sum((a - b) ** 2, axis=1)
    hinge = np.maximum(0, MARGIN - np.sqrt(d2))
    return np.sum(same * d2 + (1 - same) * hinge**2) / 2


def triplet(anchor, positive, negative):
    near = np.sum((anchor - positive) ** 2, axis=1)
    far = np.sum((anchor - negative) ** 2, axis=1)
    return np.maximum(0, near - far + 9.0).sum()


PAIRS = draw(normal(5, 3, scale=0.5), normal(5, 3, scale=0.5), fixed([1.0, 0.0, 0.0, 1.0, 0.0]))
CONTRASTIVE = Family("contrastive", "grad", contrastive, PAIRS, wrt=(0, 1))
TRIPLET = Family("triplet", "grad", triplet, draw(*[normal(5, 3, scale=0.5)] * 3))


@CONTRASTIVE.right
def contrastive_grad(a, b, same):
    diff = a - b
    d = np.sqrt(np.sum(diff**2, axis=1))
    weight = same - (1 - same) * np.maximum(0, MARGIN - d) / d
    return weight[:, None] * diff, -weight[:, None] * diff


@CONTRASTIVE.wrong("partial", "elementwise-factor", note="the labels are a mask once too often")
def different_pairs_forgotten(a, b, same):
    diff = a - b
    return same[:, None] * diff, -same[:, None] * diff


@CONTRASTIVE.wrong("partial")
def different_pairs_attract(a, b, same):
    diff = a - b
    d = np.sqrt(np.sum(diff**2, axis=1))
    weight = same + (1 - same) * np.maximum(0, MARGIN - d) / d
    return weight[:, None] * diff, -weight[:, None] * diff


@CONTRASTIVE.wrong("factor")
def square_differentiated_twice(a, b, same):
    da, db = contrastive_grad(a, b, same)
    return 2 * da, 2 * db


@CONTRASTIVE.wrong("sign", "swapped")
def sides_exchanged(a, b, same):
    da, db = contrastive_grad(a, b, same)
    return db, da


@TRIPLET.right
def triplet_grad(anchor, positive, negative):
    active = ((anchor - positive) ** 2).sum(1) - ((anchor - negative) ** 2).sum(1) + 9.0 > 0
    m = 2 * active[:, None]
    return m * (negative - positive), m * (positive - anchor), m * (anchor - negative)


@TRIPLET.wrong("swapped")
def positive_and_negative_exchanged(anchor, positive, negative):
    da, dp, dn = triplet_grad(anchor, positive, negative)
    return da, dn, dp


@TRIPLET.wrong("swapped")
def rotated(anchor, positive, negative):
    da, dp, dn = triplet_grad(anchor, positive, negative)
    return dn, da, dp


@TRIPLET.wrong("sign")
def negative_attracts(anchor, positive, negative):
    da, dp, dn = triplet_grad(anchor, positive, negative)
    return da, dp, -dn


@TRIPLET.wrong("missing-term")
def anchor_pulled_to_the_origin(anchor, positive, negative):
    _, dp, dn = triplet_grad(anchor, positive, negative)
    return -dp - dn + 2 * anchor, dp, dn
