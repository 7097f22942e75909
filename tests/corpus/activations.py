"""Activation functions: elementwise ones, and the softmax."""

import numpy as np

from .case import Family, away, draw, fixed, normal

ELEMENTWISE = draw(away(5, 4))
LARGE = draw(fixed([-900.0, -2.0, 0.5, 3.0, 900.0]))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def stable_sigmoid(x):
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


# --- relu: y = max(x, 0) --------------------------------------------------------------------------


def relu(x):
    return np.maximum(x, 0)


def relu_in_place(x):
    x[x < 0] = 0
    return x


def relu_out(x):
    return np.maximum(x, 0, out=x)


def relu_forward(x):
    return np.maximum(0, x), x


RELU = Family("relu", "derivative", relu, ELEMENTWISE)
RELU_VJP = Family("relu-vjp", "vjp", relu, ELEMENTWISE)
RELU_COURSE = Family("relu-course", "backward", relu_forward, ELEMENTWISE)


@RELU.right
def relu_prime(x):
    return np.where(x > 0, 1.0, 0.0)


@RELU.wrong("partial", "elementwise-factor")
def always_one(x):
    return np.ones_like(x)


@RELU.wrong("sign")
def minus_one(x):
    return np.where(x > 0, -1.0, 0.0)


@RELU.wrong("unknown", "elementwise-factor", note="a mask turned round is a guess")
def other_side(x):
    return np.where(x < 0, 1.0, 0.0)


@RELU.wrong("elementwise-factor")
def relu_itself(x):
    return np.where(x > 0, x, 0.0)


@RELU_VJP.right
def relu_vjp(y_bar, x):
    return y_bar * (x > 0)


@RELU_VJP.wrong("elementwise-factor")
def without_y_bar(y_bar, x):
    return (x > 0).astype(x.dtype)


@RELU_VJP.wrong("elementwise-factor", "partial")
def without_mask(y_bar, x):
    return y_bar.copy()


@RELU_VJP.wrong("elementwise-factor")
def y_bar_twice(y_bar, x):
    return y_bar * y_bar * (x > 0)


@RELU_VJP.wrong("mutated-input", "aliasing", note="scales y_bar in place and returns it; the values are right")
def scales_y_bar(y_bar, x):
    y_bar *= x > 0
    return y_bar


@RELU_VJP.wrong("mutated-input", forward=relu_in_place, note="the forward overwrites its input")
def forward_in_place(y_bar, x):
    return y_bar * (x > 0)


@RELU_VJP.wrong("mutated-input", "aliasing", note="the mask is made in the input's own memory")
def mask_in_the_input(y_bar, x):
    x[x <= 0] = 0
    x[x > 0] = 1
    return y_bar * x


@RELU_VJP.wrong("aliasing", "mutated-input", note="writes through a flat view of y_bar")
def writes_through_a_view(y_bar, x):
    dx = y_bar.ravel()
    dx[x.ravel() <= 0] = 0
    return dx.reshape(x.shape)


@RELU_VJP.wrong("aliasing", "mutated-input", note="asarray makes no copy")
def asarray_is_no_copy(y_bar, x):
    dx = np.asarray(y_bar)
    dx[x <= 0] = 0
    return dx


@RELU_COURSE.right
def relu_backward(dout, cache):
    dx = np.array(dout, copy=True)
    dx[cache <= 0] = 0
    return dx


@RELU_COURSE.wrong("mutated-input", "aliasing")
def zeroes_dout(dout, cache):
    dout[cache <= 0] = 0
    return dout


@RELU_COURSE.wrong("partial")
def beyond_one(dout, cache):
    return dout * (cache > 1)


# --- leaky relu, elu, selu, relu6: other slopes on one side ---------------------------------------

SLOPE, ALPHA = 0.1, 1.5
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def leaky_relu(x):
    return np.where(x > 0, x, SLOPE * x)


def leaky_relu_in_place(x):
    x[x < 0] *= SLOPE
    return x


def elu(x):
    return np.where(x > 0, x, ALPHA * (np.exp(np.minimum(x, 0)) - 1))


def selu(x):
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0)))


def relu6(x):
    return np.minimum(np.maximum(x, 0), 6)


def hard_tanh(x):
    return np.clip(x, -1, 1)


LEAKY_RELU = Family("leaky-relu", "vjp", leaky_relu, ELEMENTWISE)
ELU = Family("elu", "derivative", elu, ELEMENTWISE)
SELU = Family("selu", "derivative", selu, ELEMENTWISE)
RELU6 = Family("relu6", "derivative", relu6, draw(fixed([-7.0, -2.5, 0.75, 3.5, 5.5, 6.5, 9.0])))
HARD_TANH = Family("hard-tanh", "derivative", hard_tanh, draw(fixed([[-3.0, -0.75, 0.5], [0.25, 1.5, 2.5]])))


@LEAKY_RELU.right
def leaky_relu_vjp(y_bar, x):
    dx = np.ones_like(x)
    dx[x < 0] = SLOPE
    return dx * y_bar


@LEAKY_RELU.wrong("partial", "elementwise-factor", note="a relu mask once too often")
def no_leak(y_bar, x):
    return y_bar * (x > 0)


@LEAKY_RELU.wrong("partial")
def slope_on_both_sides(y_bar, x):
    return np.where(x > 0, SLOPE, SLOPE) * y_bar


@LEAKY_RELU.wrong("partial")
def slope_negated(y_bar, x):
    return np.where(x > 0, y_bar, -SLOPE * y_bar)


@LEAKY_RELU.wrong("mutated-input", forward=leaky_relu_in_place)
def leaky_forward_in_place(y_bar, x):
    return np.where(x > 0, y_bar, SLOPE * y_bar)


@ELU.right
def elu_prime(x):
    return np.where(x > 0, 1.0, ALPHA * np.exp(np.minimum(x, 0)))


@ELU.wrong("partial")
def without_alpha(x):
    return np.where(x > 0, 1.0, np.exp(np.minimum(x, 0)))


@ELU.wrong("partial")
def value_for_slope(x):
    return np.where(x > 0, 1.0, elu(x))


@ELU.wrong("stale-value", "partial", note="the derivative at the output; right where x is positive")
def elu_at_the_output(x):
    return elu_prime(elu(x))


@SELU.right
def selu_prime(x):
    return SELU_SCALE * np.where(x > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(x, 0)))


@SELU.wrong("factor")
def without_scale(x):
    return np.where(x > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(x, 0)))


@SELU.wrong("partial")
def scale_on_one_side(x):
    return np.where(x > 0, SELU_SCALE, SELU_ALPHA * np.exp(np.minimum(x, 0)))


@RELU6.right
def relu6_prime(x):
    return ((x > 0) & (x < 6)).astype(x.dtype)


@RELU6.wrong("partial")
def no_upper_bound(x):
    return (x > 0).astype(x.dtype)


@HARD_TANH.right
def hard_tanh_prime(x):
    return np.where(np.abs(x) < 1, 1.0, 0.0)


@HARD_TANH.wrong("partial", "elementwise-factor")
def clipping_forgotten(x):
    return np.ones(x.shape)


# --- sigmoid: y = 1/(1+exp(-x));  y' = y (1-y) ----------------------------------------------------


def sigmoid_forward(x):
    a = 1.0 / (1.0 + np.exp(-x))
    return a, a


SIGMOID = Family("sigmoid", "derivative", sigmoid, ELEMENTWISE)
STABLE_SIGMOID = Family("stable-sigmoid", "derivative", stable_sigmoid, LARGE)
SIGMOID_COURSE = Family("sigmoid-course", "backward", sigmoid_forward, ELEMENTWISE)


@SIGMOID.right
def sigmoid_derivative(x):
    return sigmoid(x) * (1 - sigmoid(x))


@SIGMOID.wrong("stale-value")
def of_the_input(x):
    return x * (1 - x)


@SIGMOID.wrong("stale-value")
def sigmoid_at_the_output(x):
    s = sigmoid(sigmoid(x))
    return s * (1 - s)


@SIGMOID.wrong("sign")
def sigmoid_less_one(x):
    s = sigmoid(x)
    return s * (s - 1)


@SIGMOID.wrong("unknown", "elementwise-factor")
def one_factor_missing(x):
    return 1 - sigmoid(x)


@SIGMOID.wrong("unknown", "elementwise-factor")
def plus_for_minus(x):
    return sigmoid(x) * (1 + sigmoid(x))


@SIGMOID.wrong("dtype", dtypes=("float64",))
def in_single_precision(x):
    s = sigmoid(x.astype(np.float32))
    return s * (1 - s)


@STABLE_SIGMOID.right
def stable_sigmoid_derivative(x):
    z = np.exp(-np.abs(x))
    return z / (1 + z) ** 2


@STABLE_SIGMOID.wrong("nan")
def naive_quotient(x):
    return np.exp(-x) / (1 + np.exp(-x)) ** 2


@STABLE_SIGMOID.wrong("nan")
def naive_other_quotient(x):
    return np.exp(x) / (1 + np.exp(x)) ** 2


@SIGMOID_COURSE.right
def sigmoid_backward(dout, a):
    return dout * a * (1 - a)


@SIGMOID_COURSE.wrong("elementwise-factor")
def derivative_left_out(dout, a):
    return dout * 1.0


@SIGMOID_COURSE.wrong("elementwise-factor")
def derivative_twice(dout, a):
    return dout * (a * (1 - a)) ** 2


@SIGMOID_COURSE.wrong("elementwise-factor")
def dout_left_out(dout, a):
    return a * (1 - a)


@SIGMOID_COURSE.wrong("raises")
def unpacks_a_pair(dout, cache):
    a, (x, _) = cache, cache[0, 0]
    return dout * a * (1 - a) + x


# --- tanh: y' = 1 - y² ----------------------------------------------------------------------------


def tanh_forward(x):
    return np.tanh(x), x


def tanh_forward_in_place(x):
    np.tanh(x, out=x)
    return x.copy(), x


TANH = Family("tanh", "derivative", np.tanh, ELEMENTWISE)
TANH_COURSE = Family("tanh-course", "backward", tanh_forward, ELEMENTWISE)


@TANH.right
def tanh_prime(x):
    return 1 - np.tanh(x) ** 2


@TANH.wrong("stale-value")
def of_the_pre_activation(x):
    return 1 - x**2


@TANH.wrong("stale-value")
def tanh_at_the_output(x):
    return 1 - np.tanh(np.tanh(x)) ** 2


@TANH.wrong("sign")
def square_less_one(x):
    return np.tanh(x) ** 2 - 1


@TANH.wrong("factor")
def doubled(x):
    return 2 * (1 - np.tanh(x) ** 2)


@TANH.wrong("unknown", "elementwise-factor")
def square_forgotten(x):
    return 1 - np.tanh(x)


@TANH.wrong("nan", make_inputs=LARGE)
def sinh_over_cosh(x):
    return 1 - (np.sinh(x) / np.cosh(x)) ** 2


@TANH.wrong("dtype", dtypes=("float64",))
def half_precision(x):
    return (1 - np.tanh(x) ** 2).astype(np.float16)


@TANH.wrong("dtype", dtypes=("float64",), note="rounded on the way, float64 in the end")
def through_single(x):
    return (1 - np.tanh(x) ** 2).astype(np.float32).astype(x.dtype)


@TANH_COURSE.right
def tanh_backward(dout, x):
    return (1 - np.tanh(x) ** 2) * dout


@TANH_COURSE.wrong("mutated-input", "stale-value", forward=tanh_forward_in_place)
def input_overwritten(dout, x):
    return (1 - np.tanh(x) ** 2) * dout


@TANH_COURSE.wrong("stale-value")
def cached_input_squared(dout, x):
    return (1 - x**2) * dout


@TANH_COURSE.wrong("sign", "factor", all_of=True)
def negated_and_doubled(dout, x):
    return -2 * (1 - np.tanh(x) ** 2) * dout


@TANH_COURSE.wrong("raises")
def misspelt_name(dout, x):
    return (1 - np.tanh(x) ** 2) * d_out  # noqa: F821


# --- smooth ones: softplus, swish, mish, gelu, softsign, sine, arctan -----------------------------


def softplus(x):
    return np.logaddexp(0, x)


def swish(x):
    return x * sigmoid(x)


def mish(x):
    return x * np.tanh(np.log1p(np.exp(x)))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def softsign(x):
    return x / (1 + np.abs(x))


SOFTPLUS = Family("softplus", "derivative", softplus, LARGE)
SWISH = Family("swish", "derivative", swish, ELEMENTWISE)
MISH = Family("mish", "derivative", mish, ELEMENTWISE)
GELU = Family("gelu", "derivative", gelu, ELEMENTWISE)
SOFTSIGN = Family("softsign", "derivative", softsign, ELEMENTWISE)
SINE = Family("sine", "derivative", np.sin, ELEMENTWISE)
ARCTAN = Family("arctan", "vjp", np.arctan, ELEMENTWISE)


@SOFTPLUS.right
def softplus_prime(x):
    return stable_sigmoid(x)


@SOFTPLUS.wrong("nan")
def exponential_quotient(x):
    return np.exp(x) / (1 + np.exp(x))


@SOFTPLUS.wrong("unknown")
def sigmoid_of_minus_x(x):
    return stable_sigmoid(-x)


@SWISH.right
def swish_prime(x):
    s = sigmoid(x)
    return s + x * s * (1 - s)


@SWISH.wrong("unknown", "missing-term")
def product_rule_forgotten(x):
    return sigmoid(x)


@SWISH.wrong("unknown", "missing-term")
def input_factor_forgotten(x):
    s = sigmoid(x)
    return s + s * (1 - s)


@MISH.right
def mish_prime(x):
    t = np.tanh(np.log1p(np.exp(x)))
    return t + x * (1 - t**2) * sigmoid(x)


@MISH.wrong("unknown", "missing-term")
def inner_derivative_forgotten(x):
    t = np.tanh(np.log1p(np.exp(x)))
    return t + x * (1 - t**2)


@GELU.right
def gelu_prime(x):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2)


@GELU.wrong("unknown")
def three_forgotten(x):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 0.044715 * x**2)


@SOFTSIGN.right
def softsign_prime(x):
    return 1 / (1 + np.abs(x)) ** 2


@SOFTSIGN.wrong("partial")
def absolute_value_forgotten(x):
    return 1 / (1 + x) ** 2


@SINE.right
def cosine(x):
    return np.cos(x)


@SINE.wrong("sign")
def minus_cosine(x):
    return -np.cos(x)


@SINE.wrong("stale-value")
def cosine_of_the_output(x):
    return np.cos(np.sin(x))


@SINE.wrong("factor")
def in_degrees(x):
    return np.cos(x) * np.pi / 180


@ARCTAN.right
def arctan_vjp(y_bar, x):
    return y_bar / (1 + x * x)


@ARCTAN.wrong("stale-value")
def at_the_angle(y_bar, x):
    return y_bar / (1 + np.arctan(x) ** 2)


@ARCTAN.wrong("raises")
def takes_one_argument(y_bar):
    return y_bar


# --- learned slopes and gates ---------------------------------------------------------------------


def prelu(x, a):
    return np.where(x > 0, x, a * x)


def glu(x):
    a, b = np.split(x, 2, axis=1)
    return a * sigmoid(b)


PRELU = Family("prelu", "vjp", prelu, draw(away(5, 4), normal(4)))
GLU = Family("glu", "vjp", glu, draw(normal(5, 6)))


@PRELU.right
def prelu_vjp(y_bar, x, a):
    dx = y_bar * np.where(x > 0, 1, a)
    da = (y_bar * np.where(x > 0, 0, x)).sum(axis=0)
    return dx, da


@PRELU.wrong("missing-sum", "shape")
def slopes_not_summed(y_bar, x, a):
    return y_bar * np.where(x > 0, 1, a), y_bar * np.where(x > 0, 0, x)


@PRELU.wrong("mean-for-sum")
def slopes_averaged(y_bar, x, a):
    return y_bar * np.where(x > 0, 1, a), (y_bar * np.where(x > 0, 0, x)).mean(axis=0)


@PRELU.wrong("zeroed")
def slopes_not_learned(y_bar, x, a):
    return y_bar * np.where(x > 0, 1, a), np.zeros_like(a)


@GLU.right
def glu_vjp(y_bar, x):
    a, b = np.split(x, 2, axis=1)
    s = sigmoid(b)
    return np.concatenate([y_bar * s, y_bar * a * s * (1 - s)], axis=1)


@GLU.wrong("permuted")
def halves_exchanged(y_bar, x):
    a, b = np.split(x, 2, axis=1)
    s = sigmoid(b)
    return np.concatenate([y_bar * a * s * (1 - s), y_bar * s], axis=1)


@GLU.wrong("partial")
def gate_not_learned(y_bar, x):
    _, b = np.split(x, 2, axis=1)
    return np.concatenate([y_bar * sigmoid(b), np.zeros_like(b)], axis=1)


# --- softmax: y = exp(x)/Σexp(x);  x̄ = y (ȳ - Σ ȳ y) ----------------------------------------------


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(x):
    z = x - np.max(x, axis=1, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))


SOFTMAX = Family("softmax", "vjp", softmax, draw(normal(5, 4)))
SOFTMAX_JACOBIAN = Family("softmax-jacobian", "jacobian", softmax, draw(normal(4)))
LOG_SOFTMAX = Family("log-softmax", "vjp", log_softmax, draw(normal(5, 4)))
STRETCHED = draw(fixed([[900.0, 880.0, 0.0], [1.0, 2.0, 3.0]]))


@SOFTMAX.right
def softmax_vjp(y_bar, x):
    y = softmax(x)
    return y * (y_bar - np.sum(y_bar * y, axis=-1, keepdims=True))


@SOFTMAX.wrong("jacobian-diagonal")
def like_a_sigmoid(y_bar, x):
    y = softmax(x)
    return y_bar * y * (1 - y)


@SOFTMAX.wrong("unknown")
def summed_over_the_batch(y_bar, x):
    y = softmax(x)
    return y * (y_bar - np.sum(y_bar * y, axis=0))


@SOFTMAX.wrong("sign")
def softmax_negated(y_bar, x):
    y = softmax(x)
    return y * (np.sum(y_bar * y, axis=-1, keepdims=True) - y_bar)


@SOFTMAX.wrong("nan", make_inputs=STRETCHED)
def no_shift(y_bar, x):
    y = np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)
    return y * (y_bar - np.sum(y_bar * y, axis=-1, keepdims=True))


@SOFTMAX_JACOBIAN.right
def softmax_jacobian(x):
    s = softmax(x).reshape(-1, 1)
    return np.diagflat(s) - s @ s.T


@SOFTMAX_JACOBIAN.wrong("jacobian-diagonal")
def diagonal_alone(x):
    s = softmax(x)
    return np.diag(s * (1 - s))


@SOFTMAX_JACOBIAN.wrong("sign")
def outer_less_diagonal(x):
    s = softmax(x)
    return np.outer(s, s) - np.diag(s)


@SOFTMAX_JACOBIAN.wrong("shape", "jacobian-diagonal")
def a_vector(x):
    s = softmax(x)
    return s * (1 - s)


@SOFTMAX_JACOBIAN.wrong("partial")
def sign_off_the_diagonal(x):
    s = softmax(x)
    jacobian = np.outer(s, s)
    np.fill_diagonal(jacobian, s * (1 - s))
    return jacobian


@LOG_SOFTMAX.right
def log_softmax_vjp(y_bar, x):
    return y_bar - np.exp(log_softmax(x)) * y_bar.sum(axis=1, keepdims=True)


@LOG_SOFTMAX.wrong("jacobian-diagonal")
def log_diagonal_alone(y_bar, x):
    return y_bar * (1 - np.exp(log_softmax(x)))


@LOG_SOFTMAX.wrong("unknown")
def y_bar_not_summed(y_bar, x):
    return y_bar - np.exp(log_softmax(x))
