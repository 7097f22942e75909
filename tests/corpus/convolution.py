"""Convolutions and pooling; images are (batch, channels, height, width) unless said otherwise."""

import numpy as np

from .case import Family, draw, normal, spread

# --- one dimension: y[i] = Σₖ x[i+k] w[k] ---------------------------------------------------------


def conv1d(x, w, b):
    n, k = len(x), len(w)
    y = np.zeros(n - k + 1)
    for i in range(n - k + 1):
        y[i] = np.sum(x[i : i + k] * w) + b
    return y


def correlate(x, w):
    return np.correlate(x, w, mode="valid")


CONV1D = Family("conv1d", "vjp", conv1d, draw(normal(9), normal(3), normal()))
CORRELATE = Family("correlate", "vjp", correlate, draw(normal(9), normal(3)))


@CONV1D.right
def conv1d_vjp(y_bar, x, w, b):
    k = len(w)
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(y_bar)):
        dx[i : i + k] += y_bar[i] * w
        dw += y_bar[i] * x[i : i + k]
    return dx, dw, y_bar.sum()


@CONV1D.wrong("not-accumulated", "unknown")
def windows_assigned(y_bar, x, w, b):
    dx = np.zeros_like(x)
    for i in range(len(y_bar)):
        dx[i : i + len(w)] = y_bar[i] * w
    _, dw, db = conv1d_vjp(y_bar, x, w, b)
    return dx, dw, db


@CONV1D.wrong("permuted")
def kernel_gradient_reversed(y_bar, x, w, b):
    dx, dw, db = conv1d_vjp(y_bar, x, w, b)
    return dx, dw[::-1].copy(), db


@CONV1D.wrong("permuted")
def shifted_by_one(y_bar, x, w, b):
    dx, dw, db = conv1d_vjp(y_bar, x, w, b)
    return np.roll(dx, 1), dw, db


@CONV1D.wrong("partial")
def last_window_forgotten(y_bar, x, w, b):
    _, dw, db = conv1d_vjp(y_bar, x, w, b)
    dx = np.zeros_like(x)
    for i in range(len(y_bar) - 1):
        dx[i : i + len(w)] += y_bar[i] * w
    return dx, dw, db


@CONV1D.wrong("mean-for-sum")
def conv_bias_averaged(y_bar, x, w, b):
    dx, dw, _ = conv1d_vjp(y_bar, x, w, b)
    return dx, dw, y_bar.mean()


@CONV1D.wrong("missing-sum", "shape")
def conv_bias_not_summed(y_bar, x, w, b):
    dx, dw, _ = conv1d_vjp(y_bar, x, w, b)
    return dx, dw, y_bar


@CORRELATE.right
def correlate_vjp(y_bar, x, w):
    return np.convolve(y_bar, w), np.correlate(x, y_bar, mode="valid")


@CORRELATE.wrong("permuted", "unknown", note="the kernel is not flipped")
def kernel_not_flipped(y_bar, x, w):
    return np.convolve(y_bar, w[::-1]), np.correlate(x, y_bar, mode="valid")


@CORRELATE.wrong("permuted")
def kernel_flipped_twice(y_bar, x, w):
    return np.convolve(y_bar, w), np.convolve(x, y_bar[::-1], mode="valid")[::-1].copy()


@CORRELATE.wrong("shape")
def same_padding(y_bar, x, w):
    return np.convolve(y_bar, w, mode="same"), np.correlate(x, y_bar, mode="valid")


@CORRELATE.wrong("partial")
def border_forgotten(y_bar, x, w):
    dx = np.zeros_like(x)
    dx[2:-2] = np.convolve(y_bar, w, mode="valid")
    return dx, np.correlate(x, y_bar, mode="valid")


# --- two dimensions, padding 1, stride 2, naive loops ---------------------------------------------

PAD, STRIDE = 1, 2
LAYER = draw(normal(2, 3, 5, 7), normal(4, 3, 3, 2), normal(4))


def windows(x_shape, w_shape):
    for i in range((x_shape[2] + 2 * PAD - w_shape[2]) // STRIDE + 1):
        for j in range((x_shape[3] + 2 * PAD - w_shape[3]) // STRIDE + 1):
            rows = slice(i * STRIDE, i * STRIDE + w_shape[2])
            yield i, j, rows, slice(j * STRIDE, j * STRIDE + w_shape[3])


def conv_forward_naive(x, w, b):
    padded = np.pad(x, ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD)))
    height = (x.shape[2] + 2 * PAD - w.shape[2]) // STRIDE + 1
    width = (x.shape[3] + 2 * PAD - w.shape[3]) // STRIDE + 1
    out = np.zeros((x.shape[0], w.shape[0], height, width))
    for i, j, rows, cols in windows(x.shape, w.shape):
        for f in range(w.shape[0]):
            out[:, f, i, j] = np.sum(padded[:, :, rows, cols] * w[f], axis=(1, 2, 3)) + b[f]
    return out, (x, w, b)


CONV2D = Family("conv2d", "backward", conv_forward_naive, LAYER)


@CONV2D.right
def conv_backward_naive(dout, cache):
    dpad, dw, db = conv_backward_padded(dout, cache)
    return dpad[:, :, PAD:-PAD, PAD:-PAD], dw, db


def conv_backward_padded(dout, cache):
    x, w, _ = cache
    padded = np.pad(x, ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD)))
    dpad, dw = np.zeros_like(padded), np.zeros_like(w)
    for i, j, rows, cols in windows(x.shape, w.shape):
        for f in range(w.shape[0]):
            g = dout[:, f, i, j][:, None, None, None]
            dpad[:, :, rows, cols] += g * w[f]
            dw[f] += np.sum(g * padded[:, :, rows, cols], axis=0)
    return dpad, dw, dout.sum(axis=(0, 2, 3))


@CONV2D.wrong("not-accumulated", "partial", "unknown")
def overlaps_assigned(dout, cache):
    x, w, _ = cache
    _, dw, db = conv_backward_naive(dout, cache)
    dpad = np.zeros((x.shape[0], x.shape[1], x.shape[2] + 2, x.shape[3] + 2))
    for i, j, rows, cols in windows(x.shape, w.shape):
        dpad[:, :, rows, cols] = np.einsum("nf,fchw->nchw", dout[:, :, i, j], w)
    return dpad[:, :, 1:-1, 1:-1], dw, db


@CONV2D.wrong("permuted", "unknown")
def padding_cut_at_one_end(dout, cache):
    dpad, dw, db = conv_backward_padded(dout, cache)
    return dpad[:, :, : -2 * PAD, : -2 * PAD], dw, db


@CONV2D.wrong("shape")
def padding_not_cut(dout, cache):
    return conv_backward_padded(dout, cache)


@CONV2D.wrong("factor")
def bias_times_filters(dout, cache):
    dx, dw, db = conv_backward_naive(dout, cache)
    return dx, dw, db * len(db)


@CONV2D.wrong("missing-sum", "shape")
def batch_of_bias_not_summed(dout, cache):
    dx, dw, _ = conv_backward_naive(dout, cache)
    return dx, dw, dout.sum(axis=(2, 3))


@CONV2D.wrong("mean-for-sum")
def conv_weights_averaged(dout, cache):
    dx, dw, db = conv_backward_naive(dout, cache)
    return dx, dw / len(dout), db / len(dout)


@CONV2D.wrong("partial")
def last_filter_forgotten(dout, cache):
    dx, dw, db = conv_backward_naive(dout, cache)
    dw[-1] = 0
    return dx, dw, db


@CONV2D.wrong("permuted")
def filters_rotated(dout, cache):
    dx, dw, db = conv_backward_naive(dout, cache)
    return dx, np.rot90(dw, 2, axes=(2, 3)).copy(), db


# --- two dimensions by im2col, valid, stride 1, channels last: weights (kh,kw,in,out) -------------


def im2col(x, kh, kw):
    n, height, width, _ = x.shape
    rows = [x[:, i : i + kh, j : j + kw].reshape(n, -1) for i in range(height - kh + 1) for j in range(width - kw + 1)]
    return np.stack(rows, axis=1)


def col2im(columns, shape, kh, kw):
    x = np.zeros(shape, dtype=columns.dtype)
    width = shape[2] - kw + 1
    for k in range(columns.shape[1]):
        i, j = divmod(k, width)
        x[:, i : i + kh, j : j + kw] += columns[:, k].reshape(shape[0], kh, kw, shape[3])
    return x


def conv_im2col(x, w):
    kh, kw, _, filters = w.shape
    y = im2col(x, kh, kw) @ w.reshape(-1, filters)
    return y.reshape(x.shape[0], x.shape[1] - kh + 1, x.shape[2] - kw + 1, filters)


IM2COL = Family("conv2d-im2col", "vjp", conv_im2col, draw(normal(2, 4, 5, 3), normal(3, 2, 3, 4)))


@IM2COL.right
def conv_im2col_vjp(y_bar, x, w):
    kh, kw, _, filters = w.shape
    g = y_bar.reshape(len(x), -1, filters)
    dw = np.tensordot(im2col(x, kh, kw), g, axes=([0, 1], [0, 1])).reshape(w.shape)
    return col2im(g @ w.reshape(-1, filters).T, x.shape, kh, kw), dw


@IM2COL.wrong("not-accumulated", "unknown")
def columns_assigned(y_bar, x, w):
    kh, kw, _, filters = w.shape
    columns = y_bar.reshape(len(x), -1, filters) @ w.reshape(-1, filters).T
    dx = np.zeros_like(x)
    for k in range(columns.shape[1]):
        i, j = divmod(k, x.shape[2] - kw + 1)
        dx[:, i : i + kh, j : j + kw] = columns[:, k].reshape(len(x), kh, kw, -1)
    return dx, conv_im2col_vjp(y_bar, x, w)[1]


@IM2COL.wrong("permuted")
def weights_in_another_order(y_bar, x, w):
    dx, dw = conv_im2col_vjp(y_bar, x, w)
    return dx, dw.transpose(2, 1, 0, 3).copy()


@IM2COL.wrong("shape", "permuted", "transpose")
def weights_filters_first(y_bar, x, w):
    dx, dw = conv_im2col_vjp(y_bar, x, w)
    return dx, dw.transpose(3, 2, 0, 1)


@IM2COL.wrong("raises")
def reshaped_too_small(y_bar, x, w):
    return conv_im2col_vjp(y_bar, x, w)[0].reshape(y_bar.shape), w


# --- depthwise, transposed, upsampling ------------------------------------------------------------


def depthwise(x, w):
    kh, kw = w.shape[1:]
    out = 0
    for i in range(kh):
        for j in range(kw):
            out = out + x[:, :, i : x.shape[2] - kh + 1 + i, j : x.shape[3] - kw + 1 + j] * w[:, i, j, None, None]
    return out


def upsample(x):
    return x.repeat(2, axis=2).repeat(3, axis=3)


DEPTHWISE = Family("depthwise", "vjp", depthwise, draw(normal(2, 3, 4, 5), normal(3, 2, 3)))
UPSAMPLE = Family("upsample", "vjp", upsample, draw(normal(2, 3, 4, 5)))


@DEPTHWISE.right
def depthwise_vjp(y_bar, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    h, v = y_bar.shape[2:]
    for i in range(w.shape[1]):
        for j in range(w.shape[2]):
            dx[:, :, i : i + h, j : j + v] += y_bar * w[:, i, j, None, None]
            dw[:, i, j] = np.sum(y_bar * x[:, :, i : i + h, j : j + v], axis=(0, 2, 3))
    return dx, dw


@DEPTHWISE.wrong("permuted")
def kernel_mirrored(y_bar, x, w):
    dx, dw = depthwise_vjp(y_bar, x, w)
    return dx, dw[:, :, ::-1].copy()


@DEPTHWISE.wrong("not-accumulated", "unknown")
def last_tap_alone(y_bar, x, w):
    dx = np.zeros_like(x)
    h, v = y_bar.shape[2:]
    for i in range(w.shape[1]):
        for j in range(w.shape[2]):
            dx[:, :, i : i + h, j : j + v] = y_bar * w[:, i, j, None, None]
    return dx, depthwise_vjp(y_bar, x, w)[1]


@UPSAMPLE.right
def upsample_vjp(y_bar, x):
    n, c, h, w = x.shape
    return y_bar.reshape(n, c, h, 2, w, 3).sum(axis=(3, 5))


@UPSAMPLE.wrong("not-accumulated", "unknown")
def one_copy_taken(y_bar, x):
    return y_bar[:, :, ::2, ::3].copy()


@UPSAMPLE.wrong("factor", "mean-for-sum")
def copies_averaged(y_bar, x):
    n, c, h, w = x.shape
    return y_bar.reshape(n, c, h, 2, w, 3).mean(axis=(3, 5))


@UPSAMPLE.wrong("missing-sum", "shape")
def copies_kept(y_bar, x):
    return y_bar


# --- pooling --------------------------------------------------------------------------------------


def max_pool(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 3, 3).max(axis=(3, 5))


def max_pool_loops(x):
    n, c, h, w = x.shape
    out = np.zeros((n, c, h - 1, w - 1))
    for i in range(h - 1):
        for j in range(w - 1):
            out[:, :, i, j] = x[:, :, i : i + 2, j : j + 2].max(axis=(2, 3))
    return out


def average_pool(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 3, 3).mean(axis=(3, 5))


def average_pool_overlapping(x):
    return (x[:, :, :-1, :-1] + x[:, :, 1:, :-1] + x[:, :, :-1, 1:] + x[:, :, 1:, 1:]) / 4


def global_average_pool(x):
    return x.mean(axis=(2, 3))


def max_over_time(x):
    return x.max(axis=1)


MAX_POOL = Family("max-pool", "vjp", max_pool, draw(spread(2, 3, 4, 6)))
MAX_POOL_OVERLAPPING = Family("max-pool-overlapping", "vjp", max_pool_loops, draw(spread(2, 3, 4, 5)))
AVERAGE_POOL = Family("average-pool", "vjp", average_pool, draw(normal(2, 3, 4, 6)))
AVERAGE_OVERLAPPING = Family("average-pool-overlapping", "vjp", average_pool_overlapping, draw(normal(2, 3, 4, 5)))
GLOBAL_POOL = Family("global-average-pool", "vjp", global_average_pool, draw(normal(2, 3, 4, 5)))
MAX_OVER_TIME = Family("max-over-time", "vjp", max_over_time, draw(spread(3, 5, 4)))


@MAX_POOL.right
def max_pool_vjp(y_bar, x):
    big = max_pool(x).repeat(2, axis=2).repeat(3, axis=3)
    return (x == big) * y_bar.repeat(2, axis=2).repeat(3, axis=3)


@MAX_POOL.wrong("partial")
def to_the_whole_window(y_bar, x):
    return y_bar.repeat(2, axis=2).repeat(3, axis=3)


@MAX_POOL.wrong("elementwise-factor", "unknown")
def mask_alone(y_bar, x):
    return (x == max_pool(x).repeat(2, axis=2).repeat(3, axis=3)).astype(x.dtype)


@MAX_POOL.wrong("mean-for-sum", "factor")
def shared_out(y_bar, x):
    return max_pool_vjp(y_bar, x) / 6


@MAX_POOL.wrong("elementwise-factor")
def value_for_mask(y_bar, x):
    return x * max_pool_vjp(y_bar, x)


@MAX_POOL_OVERLAPPING.right
def max_pool_overlapping_vjp(y_bar, x):
    dx = np.zeros_like(x)
    for i in range(x.shape[2] - 1):
        for j in range(x.shape[3] - 1):
            window = x[:, :, i : i + 2, j : j + 2]
            mask = window == window.max(axis=(2, 3), keepdims=True)
            dx[:, :, i : i + 2, j : j + 2] += mask * y_bar[:, :, i, j, None, None]
    return dx


@MAX_POOL_OVERLAPPING.wrong("not-accumulated", "partial", "unknown")
def winners_assigned(y_bar, x):
    dx = np.zeros_like(x)
    for i in range(x.shape[2] - 1):
        for j in range(x.shape[3] - 1):
            window = x[:, :, i : i + 2, j : j + 2]
            mask = window == window.max(axis=(2, 3), keepdims=True)
            dx[:, :, i : i + 2, j : j + 2][mask] = y_bar[:, :, i, j].ravel()
    return dx


@AVERAGE_POOL.right
def average_pool_vjp(y_bar, x):
    return np.kron(y_bar, np.ones((1, 1, 2, 3))) / 6


@AVERAGE_POOL.wrong("factor", "mean-for-sum")
def window_size_forgotten(y_bar, x):
    return np.kron(y_bar, np.ones((1, 1, 2, 3)))


@AVERAGE_POOL.wrong("factor")
def one_side_forgotten(y_bar, x):
    return np.kron(y_bar, np.ones((1, 1, 2, 3))) / 4


@AVERAGE_OVERLAPPING.right
def average_overlapping_vjp(y_bar, x):
    dx = np.zeros_like(x)
    for i in (0, 1):
        for j in (0, 1):
            dx[:, :, i : i + y_bar.shape[2], j : j + y_bar.shape[3]] += y_bar / 4
    return dx


@AVERAGE_OVERLAPPING.wrong("not-accumulated", "unknown", "partial")
def averages_assigned(y_bar, x):
    dx = np.zeros_like(x)
    for i in (0, 1):
        for j in (0, 1):
            dx[:, :, i : i + y_bar.shape[2], j : j + y_bar.shape[3]] = y_bar / 4
    return dx


@AVERAGE_OVERLAPPING.wrong("partial")
def border_left_out(y_bar, x):
    dx = average_overlapping_vjp(y_bar, x)
    dx[:, :, [0, -1], :] = 0
    return dx


@GLOBAL_POOL.right
def global_average_pool_vjp(y_bar, x):
    return np.broadcast_to(y_bar[:, :, None, None], x.shape) / (x.shape[2] * x.shape[3])


@GLOBAL_POOL.wrong("mean-for-sum", "factor")
def not_divided_by_the_area(y_bar, x):
    return np.ones_like(x) * y_bar[:, :, None, None]


@GLOBAL_POOL.wrong("shape")
def not_spread(y_bar, x):
    return y_bar[:, :, None, None] / (x.shape[2] * x.shape[3])


@MAX_OVER_TIME.right
def max_over_time_vjp(y_bar, x):
    dx = np.zeros_like(x)
    np.put_along_axis(dx, x.argmax(axis=1)[:, None], y_bar[:, None], axis=1)
    return dx


@MAX_OVER_TIME.wrong("unknown", "permuted")
def minimum_taken(y_bar, x):
    dx = np.zeros_like(x)
    np.put_along_axis(dx, x.argmin(axis=1)[:, None], y_bar[:, None], axis=1)
    return dx
