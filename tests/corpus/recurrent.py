"""Recurrent cells: the plain one, LSTM and GRU; one step, and over time."""

import numpy as np

from .case import Family, draw, normal


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# --- plain cell: h' = tanh(x Wx + h Wh + b) -------------------------------------------------------


def rnn_step_forward(x, prev_h, wx, wh, b):
    next_h = np.tanh(x.dot(wx) + prev_h.dot(wh) + b)
    return next_h, (x, prev_h, wx, wh, next_h)


RNN_STEP = Family(
    "rnn-step", "backward", rnn_step_forward, draw(normal(5, 4), normal(5, 3), normal(4, 3), normal(3, 3), normal(3))
)


@RNN_STEP.right
def rnn_step_backward(dnext_h, cache):
    x, prev_h, wx, wh, next_h = cache
    dz = dnext_h * (1 - next_h**2)
    return dz.dot(wx.T), dz.dot(wh.T), x.T.dot(dz), prev_h.T.dot(dz), dz.sum(axis=0)


@RNN_STEP.wrong("stale-value", "unknown", note="the pre-activation in place of its tanh")
def of_the_old_state(dnext_h, cache):
    x, prev_h, wx, wh, next_h = cache
    dz = dnext_h * (1 - np.arctanh(next_h) ** 2)
    return dz.dot(wx.T), dz.dot(wh.T), x.T.dot(dz), prev_h.T.dot(dz), dz.sum(axis=0)


@RNN_STEP.wrong("transpose", "unknown")
def recurrent_weights_untransposed(dnext_h, cache):
    dx, _, dwx, dwh, db = rnn_step_backward(dnext_h, cache)
    _, _, _, wh, next_h = cache
    return dx, (dnext_h * (1 - next_h**2)).dot(wh), dwx, dwh, db


@RNN_STEP.wrong("transpose")
def recurrent_gradient_transposed(dnext_h, cache):
    dx, dh, dwx, dwh, db = rnn_step_backward(dnext_h, cache)
    return dx, dh, dwx, dwh.T.copy(), db


@RNN_STEP.wrong("missing-sum", "shape")
def rnn_bias_not_summed(dnext_h, cache):
    dx, dh, dwx, dwh, _ = rnn_step_backward(dnext_h, cache)
    return dx, dh, dwx, dwh, dnext_h * (1 - cache[-1] ** 2)


@RNN_STEP.wrong("zeroed")
def state_detached(dnext_h, cache):
    dx, dh, dwx, dwh, db = rnn_step_backward(dnext_h, cache)
    return dx, np.zeros_like(dh), dwx, dwh, db


@RNN_STEP.wrong("swapped", "shape")
def state_before_input(dnext_h, cache):
    dx, dh, dwx, dwh, db = rnn_step_backward(dnext_h, cache)
    return dh, dx, dwx, dwh, db


# --- over time: one set of weights for every step; x (batch, time, features) ----------------------


def rnn_forward(x, h0, wx, wh):
    states, h = [], h0
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ wx + h @ wh)
        states.append(h)
    states = np.stack(states, axis=1)
    return states, (x, h0, wx, wh, states)


RNN = Family("rnn", "backward", rnn_forward, draw(normal(2, 5, 4), normal(2, 3), normal(4, 3), normal(3, 3)))


def through_time(dstates, cache, carry):
    """The pre-activations' gradients, latest first; `carry` scales what comes back from the following step."""
    x, h0, _, wh, states = cache
    dh = np.zeros_like(h0)
    for t in reversed(range(x.shape[1])):
        dz = (dstates[:, t] + carry * dh) * (1 - states[:, t] ** 2)
        dh = dz @ wh.T
        yield t, dz, states[:, t - 1] if t > 0 else h0


@RNN.right
def rnn_backward(dstates, cache):
    x, _, wx, wh, _ = cache
    dx, dwx, dwh = np.zeros_like(x), np.zeros_like(wx), np.zeros_like(wh)
    for t, dz, previous in through_time(dstates, cache, 1):
        dx[:, t] = dz @ wx.T
        dwx += x[:, t].T @ dz
        dwh += previous.T @ dz
    return dx, dz @ wh.T, dwx, dwh


@RNN.wrong("not-accumulated", "unknown")
def first_step_alone(dstates, cache):
    x = cache[0]
    dx, dh0, _, dwh = rnn_backward(dstates, cache)
    for t, dz, _ in through_time(dstates, cache, 1):
        dwx = x[:, t].T @ dz
    return dx, dh0, dwx, dwh


@RNN.wrong("partial", "unknown", "missing-term", note="truncated after one step: x̄ is right at the last time alone")
def truncated(dstates, cache):
    _, dh0, dwx, dwh = rnn_backward(dstates, cache)
    dx = np.zeros_like(cache[0])
    for t, dz, _ in through_time(dstates, cache, 0):
        dx[:, t] = dz @ cache[2].T
    return dx, dh0, dwx, dwh


@RNN.wrong("permuted")
def time_runs_backwards(dstates, cache):
    dx, dh0, dwx, dwh = rnn_backward(dstates, cache)
    return dx[:, ::-1].copy(), dh0, dwx, dwh


@RNN.wrong("stale-value", "unknown", note="the state after the step in place of the one before")
def later_state(dstates, cache):
    dx, dh0, dwx, _ = rnn_backward(dstates, cache)
    states = cache[-1]
    dwh = sum(states[:, t].T @ dz for t, dz, _ in through_time(dstates, cache, 1))
    return dx, dh0, dwx, dwh


@RNN.wrong("mean-for-sum")
def averaged_over_time(dstates, cache):
    dx, dh0, dwx, dwh = rnn_backward(dstates, cache)
    return dx, dh0, dwx / dx.shape[1], dwh / dx.shape[1]


# --- LSTM: y is [h' c'] side by side --------------------------------------------------------------


def lstm_gates(x, h, wx, wh, b):
    i, f, o, g = np.split(x @ wx + h @ wh + b, 4, axis=1)
    return sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)


def lstm_step(x, h, c, wx, wh, b):
    i, f, o, g = lstm_gates(x, h, wx, wh, b)
    next_c = f * c + i * g
    return np.concatenate([o * np.tanh(next_c), next_c], axis=1)


LSTM = Family(
    "lstm-step",
    "vjp",
    lstm_step,
    draw(normal(5, 4), normal(5, 3), normal(5, 3), normal(4, 12), normal(3, 12), normal(12)),
)


def lstm_gate_gradients(y_bar, x, h, c, wx, wh, b):
    """The gradients of the pre-activations of i, f, o, g, and of the old cell state."""
    i, f, o, g = lstm_gates(x, h, wx, wh, b)
    t = np.tanh(f * c + i * g)
    dh, dc = np.split(y_bar, 2, axis=1)
    dc = dc + dh * o * (1 - t * t)
    return dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g * g), dc * f


def lstm_from_gates(gates, dc, x, h, wx, wh):
    da = np.concatenate(gates, axis=1)
    return da @ wx.T, da @ wh.T, dc, x.T @ da, h.T @ da, da.sum(axis=0)


@LSTM.right
def lstm_step_vjp(y_bar, x, h, c, wx, wh, b):
    *gates, dc = lstm_gate_gradients(y_bar, x, h, c, wx, wh, b)
    return lstm_from_gates(gates, dc, x, h, wx, wh)


@LSTM.wrong("permuted", note="the gates' blocks stand in another order in the weights' gradients")
def gates_in_another_order(y_bar, x, h, c, wx, wh, b):
    dx, dh, dc, dwx, dwh, db = lstm_step_vjp(y_bar, x, h, c, wx, wh, b)
    return dx, dh, dc, np.roll(dwx, 3, axis=1), np.roll(dwh, 3, axis=1), np.roll(db, 3)


@LSTM.wrong("partial", "zeroed", "unknown", note="blocks of dWx, dWh, db are zero; dx and dh lack a term")
def forget_gate_forgotten(y_bar, x, h, c, wx, wh, b):
    i, f, o, g, dc = lstm_gate_gradients(y_bar, x, h, c, wx, wh, b)
    return lstm_from_gates((i, 0 * f, o, g), dc, x, h, wx, wh)


@LSTM.wrong("partial", "sign", "unknown")
def output_gate_negated(y_bar, x, h, c, wx, wh, b):
    i, f, o, g, dc = lstm_gate_gradients(y_bar, x, h, c, wx, wh, b)
    return lstm_from_gates((i, f, -o, g), dc, x, h, wx, wh)


@LSTM.wrong("missing-term", "not-accumulated", "unknown", note="c̄ through h' is left out")
def cell_through_output_forgotten(y_bar, x, h, c, wx, wh, b):
    dx, dh, _, dwx, dwh, db = lstm_step_vjp(y_bar, x, h, c, wx, wh, b)
    _, f, _, _ = lstm_gates(x, h, wx, wh, b)
    return dx, dh, y_bar[:, 3:] * f, dwx, dwh, db


@LSTM.wrong("swapped")
def states_exchanged(y_bar, x, h, c, wx, wh, b):
    dx, dh, dc, dwx, dwh, db = lstm_step_vjp(y_bar, x, h, c, wx, wh, b)
    return dx, dc, dh, dwx, dwh, db


@LSTM.wrong("mutated-input", note="the cell's gradient is accumulated in y_bar's own memory")
def accumulates_in_y_bar(y_bar, x, h, c, wx, wh, b):
    gradients = lstm_step_vjp(y_bar.copy(), x, h, c, wx, wh, b)
    dh, dc = np.split(y_bar, 2, axis=1)
    dc += dh
    return gradients


# --- GRU: h' = (1-z) h + z n ----------------------------------------------------------------------


def gru_step(x, h, wx, wh, b):
    xz, xr, xn = np.split(x @ wx + b, 3, axis=1)
    hz, hr, hn = np.split(h @ wh, 3, axis=1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    return (1 - z) * h + z * np.tanh(xn + r * hn)


GRU = Family("gru-step", "vjp", gru_step, draw(normal(5, 4), normal(5, 3), normal(4, 9), normal(3, 9), normal(9)))


@GRU.right
def gru_step_vjp(y_bar, x, h, wx, wh, b):
    xz, xr, xn = np.split(x @ wx + b, 3, axis=1)
    hz, hr, hn = np.split(h @ wh, 3, axis=1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    n = np.tanh(xn + r * hn)
    dz = y_bar * (n - h) * z * (1 - z)
    dn = y_bar * z * (1 - n * n)
    dr = dn * hn * r * (1 - r)
    da, dg = np.concatenate([dz, dr, dn], axis=1), np.concatenate([dz, dr, dn * r], axis=1)
    return da @ wx.T, y_bar * (1 - z) + dg @ wh.T, x.T @ da, h.T @ dg, da.sum(axis=0)


def gru_update_gate(x, h, wx, wh, b):
    k = h.shape[1]
    return sigmoid((x @ wx + b)[:, :k] + (h @ wh)[:, :k])


@GRU.wrong("missing-term", "unknown", "not-accumulated")
def direct_path_forgotten(y_bar, x, h, wx, wh, b):
    dx, dh, dwx, dwh, db = gru_step_vjp(y_bar, x, h, wx, wh, b)
    return dx, dh - y_bar * (1 - gru_update_gate(x, h, wx, wh, b)), dwx, dwh, db


@GRU.wrong("partial")
def reset_gate_not_learned(y_bar, x, h, wx, wh, b):
    dx, dh, dwx, dwh, db = gru_step_vjp(y_bar, x, h, wx, wh, b)
    dwx[:, 3:6], dwh[:, 3:6], db[3:6] = 0, 0, 0
    return dx, dh, dwx, dwh, db


@GRU.wrong("partial", note="the reset gate's factor is missing in the last block of dWh")
def candidate_not_gated(y_bar, x, h, wx, wh, b):
    dx, dh, dwx, dwh, db = gru_step_vjp(y_bar, x, h, wx, wh, b)
    n = np.tanh((x @ wx + b)[:, 6:] + sigmoid((x @ wx + b + h @ wh)[:, 3:6]) * (h @ wh)[:, 6:])
    dwh[:, 6:] = h.T @ (y_bar * gru_update_gate(x, h, wx, wh, b) * (1 - n * n))
    return dx, dh, dwx, dwh, db
