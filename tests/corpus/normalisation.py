"""Normalisations, and dropout with a given mask."""

import numpy as np

from .case import Family, binary, draw, normal

EPS = 1e-5
IMAGES = draw(normal(3, 4, 2, 5), normal(4), normal(4))

# --- batch norm in training: statistics over the batch --------------------------------------------


def batchnorm_forward(x, gamma, beta):
    mean = x.mean(axis=0)
    std = np.sqrt(x.var(axis=0) + EPS)
    x_hat = (x - mean) / std
    return gamma * x_hat + beta, (x_hat, std, gamma)


BATCH_NORM = Family("batch-norm", "backward", batchnorm_forward, draw(normal(5, 4), normal(4), normal(4)))


@BATCH_NORM.right
def batchnorm_backward(dout, cache):
    x_hat, std, gamma = cache
    n = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * x_hat, axis=0)
    dx_hat = dout * gamma
    dx = (n * dx_hat - dx_hat.sum(axis=0) - x_hat * np.sum(dx_hat * x_hat, axis=0)) / (n * std)
    return dx, dgamma, dbeta


@BATCH_NORM.wrong("missing-term")
def without_the_mean_path(dout, cache):
    x_hat, std, gamma = cache
    _, dgamma, dbeta = batchnorm_backward(dout, cache)
    dx_hat = dout * gamma
    return (dx_hat - x_hat * np.mean(dx_hat * x_hat, axis=0)) / std, dgamma, dbeta


@BATCH_NORM.wrong("missing-term", "unknown")
def without_the_variance_path(dout, cache):
    _, std, gamma = cache
    _, dgamma, dbeta = batchnorm_backward(dout, cache)
    dx_hat = dout * gamma
    return (dx_hat - dx_hat.mean(axis=0)) / std, dgamma, dbeta


@BATCH_NORM.wrong("missing-term", "unknown")
def statistics_held(dout, cache):
    _, std, gamma = cache
    _, dgamma, dbeta = batchnorm_backward(dout, cache)
    return dout * gamma / std, dgamma, dbeta


@BATCH_NORM.wrong("elementwise-factor")
def without_gamma(dout, cache):
    _, _, gamma = cache
    dx, dgamma, dbeta = batchnorm_backward(dout, cache)
    return dx / gamma, dgamma, dbeta


@BATCH_NORM.wrong("swapped")
def beta_before_gamma(dout, cache):
    dx, dgamma, dbeta = batchnorm_backward(dout, cache)
    return dx, dbeta, dgamma


@BATCH_NORM.wrong("mean-for-sum")
def parameters_averaged(dout, cache):
    x_hat, _, _ = cache
    dx, _, _ = batchnorm_backward(dout, cache)
    return dx, np.mean(dout * x_hat, axis=0), np.mean(dout, axis=0)


@BATCH_NORM.wrong("missing-sum", "shape")
def parameters_not_summed(dout, cache):
    x_hat, _, _ = cache
    dx, _, _ = batchnorm_backward(dout, cache)
    return dx, dout * x_hat, dout


@BATCH_NORM.wrong("mean-for-sum")
def batch_factor_forgotten(dout, cache):
    dx, dgamma, dbeta = batchnorm_backward(dout, cache)
    return dx * len(dout), dgamma, dbeta


@BATCH_NORM.wrong("stale-value", "elementwise-factor", "unknown", note="Σ ȳ y for Σ ȳ x̂")
def output_for_normalised(dout, cache):
    x_hat, _, gamma = cache
    dx, _, dbeta = batchnorm_backward(dout, cache)
    return dx, np.sum(dout * x_hat * gamma, axis=0), dbeta


# --- layer norm: statistics over the features -----------------------------------------------------


def layer_norm(x, gamma, beta):
    centred = x - x.mean(axis=-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPS) + beta


LAYER_NORM = Family("layer-norm", "vjp", layer_norm, draw(normal(5, 4), normal(4), normal(4)))


@LAYER_NORM.right
def layer_norm_vjp(y_bar, x, gamma, beta):
    std = np.sqrt(x.var(axis=1, keepdims=True) + EPS)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / std
    g = y_bar * gamma
    dx = (g - g.mean(1, keepdims=True) - x_hat * (g * x_hat).mean(1, keepdims=True)) / std
    return dx, (y_bar * x_hat).sum(0), y_bar.sum(0)


@LAYER_NORM.wrong("missing-term")
def layer_without_the_mean_path(y_bar, x, gamma, beta):
    std = np.sqrt(x.var(axis=1, keepdims=True) + EPS)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / std
    g = y_bar * gamma
    dx = (g - x_hat * (g * x_hat).mean(1, keepdims=True)) / std
    return dx, (y_bar * x_hat).sum(0), y_bar.sum(0)


@LAYER_NORM.wrong("stale-value", "unknown", note="the raw input in place of the normalised one")
def raw_for_normalised(y_bar, x, gamma, beta):
    dx, _, dbeta = layer_norm_vjp(y_bar, x, gamma, beta)
    return dx, (y_bar * x).sum(0), dbeta


@LAYER_NORM.wrong("missing-sum", "shape")
def beta_not_summed(y_bar, x, gamma, beta):
    dx, dgamma, _ = layer_norm_vjp(y_bar, x, gamma, beta)
    return dx, dgamma, y_bar


@LAYER_NORM.wrong("sign")
def layer_norm_negated(y_bar, x, gamma, beta):
    return tuple(-g for g in layer_norm_vjp(y_bar, x, gamma, beta))


# --- instance norm and group norm: images (n,c,h,w) -----------------------------------------------


def normalised(x, axes):
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(var + EPS), np.sqrt(var + EPS)


def normalised_vjp(g, x, axes):
    x_hat, std = normalised(x, axes)
    return (g - g.mean(axis=axes, keepdims=True) - x_hat * (g * x_hat).mean(axis=axes, keepdims=True)) / std


def instance_norm(x, gamma, beta):
    return gamma[:, None, None] * normalised(x, (2, 3))[0] + beta[:, None, None]


def group_norm(x, gamma, beta):
    grouped = x.reshape(len(x), 2, -1)
    return gamma[:, None, None] * normalised(grouped, 2)[0].reshape(x.shape) + beta[:, None, None]


INSTANCE_NORM = Family("instance-norm", "vjp", instance_norm, IMAGES)
GROUP_NORM = Family("group-norm", "vjp", group_norm, IMAGES)


@INSTANCE_NORM.right
def instance_norm_vjp(y_bar, x, gamma, beta):
    x_hat, _ = normalised(x, (2, 3))
    dx = normalised_vjp(y_bar * gamma[:, None, None], x, (2, 3))
    return dx, np.sum(y_bar * x_hat, axis=(0, 2, 3)), np.sum(y_bar, axis=(0, 2, 3))


@INSTANCE_NORM.wrong("missing-sum", "shape")
def batch_not_summed(y_bar, x, gamma, beta):
    x_hat, _ = normalised(x, (2, 3))
    dx = normalised_vjp(y_bar * gamma[:, None, None], x, (2, 3))
    return dx, np.sum(y_bar * x_hat, axis=(2, 3)), np.sum(y_bar, axis=(2, 3))


@INSTANCE_NORM.wrong("elementwise-factor")
def instance_without_gamma(y_bar, x, gamma, beta):
    _, dgamma, dbeta = instance_norm_vjp(y_bar, x, gamma, beta)
    return normalised_vjp(y_bar, x, (2, 3)), dgamma, dbeta


@GROUP_NORM.right
def group_norm_vjp(y_bar, x, gamma, beta):
    shape = (x.shape[0], 2, -1)
    x_hat = normalised(x.reshape(shape), 2)[0].reshape(x.shape)
    dx = normalised_vjp((y_bar * gamma.reshape(1, -1, 1, 1)).reshape(shape), x.reshape(shape), 2).reshape(x.shape)
    return dx, np.einsum("nchw,nchw->c", y_bar, x_hat), np.einsum("nchw->c", y_bar)


@GROUP_NORM.wrong("permuted")
def channels_reversed(y_bar, x, gamma, beta):
    dx, dgamma, dbeta = group_norm_vjp(y_bar, x, gamma, beta)
    return dx, dgamma[::-1].copy(), dbeta[::-1].copy()


@GROUP_NORM.wrong("partial")
def one_group_forgotten(y_bar, x, gamma, beta):
    dx, dgamma, dbeta = group_norm_vjp(y_bar, x, gamma, beta)
    dx[:, 2:] = 0
    return dx, dgamma, dbeta


# --- lengths: L2 normalisation, RMS norm, standardisation, weight norm ----------------------------


def unit(x):
    return x / np.sqrt(np.sum(x**2))


def unit_rows(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def rms_norm(x, g):
    return g * x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPS)


def standardised(x):
    return (x - x.mean()) / x.std()


def weight_norm(v, g):
    return g * v / np.sqrt((v**2).sum(axis=0))


UNIT = Family("l2-normalise", "vjp", unit, draw(normal(6)))
UNIT_JACOBIAN = Family("l2-normalise-jacobian", "jacobian", unit, draw(normal(5)))
UNIT_ROWS = Family("l2-normalise-rows", "vjp", unit_rows, draw(normal(5, 4)))
RMS_NORM = Family("rms-norm", "vjp", rms_norm, draw(normal(5, 4), normal(4)))
STANDARDISE = Family("standardise", "vjp", standardised, draw(normal(7)))
WEIGHT_NORM = Family("weight-norm", "vjp", weight_norm, draw(normal(5, 3), normal(3)))


@UNIT.right
def unit_vjp(y_bar, x):
    n = np.sqrt(np.sum(x**2))
    return y_bar / n - x * (x @ y_bar) / n**3


@UNIT.wrong("missing-term")
def length_held(y_bar, x):
    return y_bar / np.sqrt(np.sum(x**2))


@UNIT.wrong("missing-term")
def projection_added(y_bar, x):
    n = np.sqrt(np.sum(x**2))
    return y_bar / n + x * (x @ y_bar) / n**3


@UNIT.wrong("jacobian-diagonal")
def unit_diagonal(y_bar, x):
    n = np.sqrt(np.sum(x**2))
    return y_bar * (1 / n - x * x / n**3)


@UNIT.wrong("factor")
def root_forgotten_once(y_bar, x):
    return unit_vjp(y_bar, x) / np.sqrt(np.sum(x**2))


@UNIT_JACOBIAN.right
def unit_jacobian(x):
    n = np.linalg.norm(x)
    return np.eye(len(x)) / n - np.outer(x, x) / n**3


@UNIT_JACOBIAN.wrong("jacobian-diagonal")
def unit_jacobian_diagonal(x):
    return np.diag(np.diag(unit_jacobian(x)))


@UNIT_ROWS.right
def unit_rows_vjp(y_bar, x):
    n = np.linalg.norm(x, axis=1, keepdims=True)
    y = x / n
    return (y_bar - y * np.sum(y * y_bar, axis=1, keepdims=True)) / n


@UNIT_ROWS.wrong("unknown")
def norm_over_columns(y_bar, x):
    return unit_rows_vjp(y_bar.T, x.T).T


@RMS_NORM.right
def rms_norm_vjp(y_bar, x, g):
    r = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPS)
    t = y_bar * g
    return r * t - r**3 * x * np.mean(t * x, axis=-1, keepdims=True), np.sum(y_bar * x * r, axis=0)


@RMS_NORM.wrong("zeroed")
def gain_not_learned(y_bar, x, g):
    return rms_norm_vjp(y_bar, x, g)[0], np.zeros_like(g)


@RMS_NORM.wrong("missing-term", "unknown")
def rms_held(y_bar, x, g):
    return y_bar * g / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPS), rms_norm_vjp(y_bar, x, g)[1]


@STANDARDISE.right
def standardised_vjp(y_bar, x):
    y = standardised(x)
    return (y_bar - y_bar.mean() - y * (y_bar * y).mean()) / x.std()


@STANDARDISE.wrong("missing-term")
def mean_held(y_bar, x):
    y = standardised(x)
    return (y_bar - y * (y_bar * y).mean()) / x.std()


@STANDARDISE.wrong("factor")
def sample_deviation(y_bar, x):
    y = standardised(x)
    return (y_bar - y_bar.mean() - y * (y_bar * y).mean()) / x.std(ddof=1)


@WEIGHT_NORM.right
def weight_norm_vjp(y_bar, v, g):
    n = np.sqrt((v**2).sum(axis=0))
    dg = (y_bar * v).sum(axis=0) / n
    return g / n * y_bar - g * dg / n**2 * v, dg


@WEIGHT_NORM.wrong("elementwise-factor")
def gain_forgotten(y_bar, v, g):
    dv, dg = weight_norm_vjp(y_bar, v, g)
    return dv / g, dg


# --- dropout with a given mask: y = x m / keep ----------------------------------------------------

KEEP = 0.75


def dropout(x, mask):
    return x * mask / KEEP


DROPOUT = Family("dropout", "vjp", dropout, draw(normal(5, 4), binary(5, 4)), wrt=(0,))


@DROPOUT.right
def dropout_vjp(y_bar, x, mask):
    return y_bar * mask / KEEP


@DROPOUT.wrong("factor")
def not_rescaled(y_bar, x, mask):
    return y_bar * mask


@DROPOUT.wrong("elementwise-factor", "partial")
def mask_forgotten(y_bar, x, mask):
    return y_bar / KEEP


@DROPOUT.wrong("nondeterministic")
def mask_drawn_again(y_bar, x, mask):
    fresh = np.random.default_rng().random(x.shape) < KEEP
    return y_bar * fresh / KEEP


@DROPOUT.wrong("nondeterministic", note="rows are rescaled at random")
def rows_rescaled_at_random(y_bar, x, mask):
    dx = y_bar * mask / KEEP
    return dx * (1 + 0.1 * np.random.default_rng().random((len(x), 1)))


@DROPOUT.wrong("mutated-input")
def mask_rescaled_in_place(y_bar, x, mask):
    mask /= KEEP
    return y_bar * mask


@DROPOUT.wrong("elementwise-factor")
def input_kept(y_bar, x, mask):
    return y_bar * x * mask / KEEP
