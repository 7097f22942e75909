"""Hard but right: inputs at which a right gradient is easily taken for a wrong one. None of these is a mismatch."""

from typing import NamedTuple

import numpy as np

from . import activations, attention, convolution, linear, losses, normalisation, recurrent, scientific
from .case import Case, Family, MakeInputs, draw, fixed, labels, normal


class Hard(NamedTuple):
    """A right case at other inputs; a dtype these inputs fix themselves is not the one asked for."""

    name: str
    case: Case
    make_inputs: MakeInputs


def hard(name: str, family: Family, make_inputs: MakeInputs) -> Hard:
    """The family's right gradient at these inputs."""
    return Hard(name, next(case for case in family.cases if not case.wrong), make_inputs)


def residual(size: float) -> MakeInputs:
    """Predictions this near to their targets."""

    def make(rng, dtype):
        target = rng.standard_normal((5, 3)).astype(dtype)
        return target + (size * rng.standard_normal((5, 3))).astype(dtype), target

    return make


def of_type(dtype: str, make_inputs: MakeInputs) -> MakeInputs:
    """The same inputs, always of this type."""
    return lambda rng, _: make_inputs(rng, dtype)


def scaled(*scales: float) -> MakeInputs:
    """One (5, 4) array for each scale, float64."""
    return of_type("float64", draw(*(normal(5, 4, scale=scale) for scale in scales)))


# --- memory layouts -------------------------------------------------------------------------------


def strided(array):
    wide = np.zeros(tuple(2 * n for n in array.shape), array.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def reversed_axes(array):
    turned = tuple(slice(None, None, -1) for _ in array.shape)
    return array[turned].copy()[turned]


def unaligned(array):
    buffer = np.zeros(array.nbytes + 1, np.uint8)
    view = buffer[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def byte_swapped(array):
    return array.astype(array.dtype.newbyteorder())


def read_only(array):
    array.flags.writeable = False
    return array


def stretched(array):
    return np.broadcast_to(array[..., :1], array.shape)


def offset_view(array):
    wide = np.zeros(tuple(n + 3 for n in array.shape), array.dtype)
    view = wide[tuple(slice(1, n + 1) for n in array.shape)]
    view[...] = array
    return view


def transposed_copy(array):
    return array.T.copy().T


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": strided,
    "reversed": reversed_axes,
    "unaligned": unaligned,
    "byte-swapped": byte_swapped,
    "read-only": read_only,
    "stretched": stretched,
    "offset": offset_view,
    "transposed": transposed_copy,
}


def laid_out(layout: str, make_inputs: MakeInputs) -> MakeInputs:
    """The same numbers (the same first column, if stretched), held in memory another way."""

    def make(rng, dtype):
        arrays = make_inputs(rng, dtype)
        return tuple(LAYOUTS[layout](a) if a.ndim and a.dtype.kind == "f" else a for a in arrays)

    return make


LAID_OUT = {
    "dense": (linear.DENSE, linear.LAYER),
    "layer-norm": (normalisation.LAYER_NORM, draw(normal(5, 4), normal(4), normal(4))),
    "conv2d": (convolution.CONV2D, draw(normal(1, 2, 3, 4), normal(3, 2, 3, 2), normal(3))),
    "mse": (losses.MSE, losses.PAIR),
    "rnn-step": (recurrent.RNN_STEP, recurrent.RNN_STEP.make_inputs),
    "attention": (attention.ATTENTION, draw(normal(5, 4), normal(6, 4), normal(6, 3))),
}

# --- cancellation ---------------------------------------------------------------------------------


def shifted(shift: float, *shape: int) -> MakeInputs:
    """Numbers whose spread is small beside their mean."""
    return of_type("float64", draw(normal(*shape, shift=shift)))


def alternating(rng, dtype):
    """Two factors whose product sums to almost nothing."""
    x = rng.standard_normal(64).astype(dtype)
    return np.repeat(x, 2), np.tile(np.array([1, -1], dtype), 64) * np.repeat(x[::-1], 2)


def batch_far_out(rng, dtype):
    """A batch whose mean is a million of its deviations."""
    x, gamma, beta = draw(normal(5, 4, shift=1e6), normal(4), normal(4))(rng, np.float64)
    return x, gamma, beta


def equal_rows(rng, dtype):
    """Points that nearly coincide, far from the origin."""
    x = (100 + 1e-3 * rng.standard_normal((5, 3))).astype(np.float64)
    return x, x[:4] + 1e-3


def equal_pair(rng, dtype):
    """Predictions that meet their targets: every gradient is rightly zero."""
    target = rng.standard_normal((5, 3)).astype(dtype)
    return target.copy(), target


# --- the list -------------------------------------------------------------------------------------

FLAT = [[1.0, 1.0, 0.0, 2.0, 2.0, 2.0], [1.0, 0.0, 0.0, 2.0, 1.0, 0.0]] * 2
TIES = fixed(np.array([[FLAT]]))
LOGITS = fixed([[1000.0, -1000.0, 0.0], [-1000.0, -1000.0, 1000.0], [999.0, 1000.0, 1000.0], [0.5, 0.25, -1.0]])
KINKS = fixed([0.0, -0.0, 1.5, -2.0])
SINGLE = "float32"
FAINT = of_type("float64", draw(normal(5, 4, scale=1e-309), normal(4), normal(4, scale=1e-309)))

HARD = [
    *(hard(f"mse, residual 1e-{k}", losses.MSE, residual(10.0**-k)) for k in range(7)),
    *(hard(f"half-mse, residual 1e-{k}", losses.HALF_MSE, residual(10.0**-k)) for k in (3, 6)),
    *(hard(f"rmse, residual 1e-{k}", losses.RMSE, residual(10.0**-k)) for k in (3, 6)),
    hard("log-cosh, residual 1e-6", losses.LOG_COSH, residual(1e-6)),
    hard("mse, nothing left", losses.MSE, equal_pair),
    hard("half-sse, nothing left", losses.HALF_SSE, equal_pair),
    hard("huber, nothing left", losses.HUBER, equal_pair),
    hard("mae, nothing left", losses.MAE, equal_pair),
    hard("dot, cancelling", linear.DOT, alternating),
    hard("variance, far from zero", scientific.VARIANCE, shifted(1e6, 7)),
    hard("standardise, far from zero", normalisation.STANDARDISE, shifted(1e5, 7)),
    hard("batch-norm, far from zero", normalisation.BATCH_NORM, batch_far_out),
    hard("squared-distances, points nearly equal", scientific.DISTANCES, equal_rows),
    hard("differences, nearly constant", scientific.DIFFERENCES, shifted(1e8, 7)),
    hard("softmax, nearly constant", activations.SOFTMAX, draw(normal(5, 4, scale=1e-7))),
    hard(
        "dense, K = 8192 in float32", linear.DENSE, of_type(SINGLE, draw(normal(3, 8192), normal(8192, 2), normal(2)))
    ),
    hard(
        "dense, batch of 8192 in float32", linear.DENSE, of_type(SINGLE, draw(normal(8192, 3), normal(3, 2), normal(2)))
    ),
    hard("dot, K = 8192 in float32", linear.DOT, of_type(SINGLE, draw(normal(8192), normal(8192)))),
    hard("mse, 8192 rows in float32", losses.MSE, of_type(SINGLE, draw(normal(8192, 3), normal(8192, 3)))),
    hard("cumsum, 8192 in float32", scientific.CUMSUM, of_type(SINGLE, draw(normal(8192)))),
    hard("multiply, 1e150 and 1e-150", linear.MULTIPLY, scaled(1e150, 1e-150)),
    hard("multiply, 1e150 twice", linear.MULTIPLY, scaled(1e150, 1e150)),
    hard("multiply, 1e-150 twice", linear.MULTIPLY, scaled(1e-150, 1e-150)),
    hard("half-sse, 1e150", losses.HALF_SSE, scaled(1e150, 1e150)),
    hard("half-sse, 1e-150", losses.HALF_SSE, scaled(1e-150, 1e-150)),
    hard("frobenius, 1e150", scientific.FROBENIUS, scaled(1e150)),
    hard("frobenius, 1e-150", scientific.FROBENIUS, scaled(1e-150)),
    hard("tanh, 1e-150", activations.TANH, scaled(1e-150)),
    hard("relu, 1e150", activations.RELU, scaled(1e150)),
    hard("hypotenuse, 1e150", scientific.HYPOTENUSE, scaled(1e150, 1e150)),
    hard("relu, subnormals", activations.RELU_VJP, of_type("float64", draw(normal(5, 4, scale=1e-310)))),
    hard("multiply, subnormals", linear.MULTIPLY, scaled(1e-310, 1.0)),
    hard("multiply, product subnormal", linear.MULTIPLY, scaled(1e-160, 1e-155)),
    hard("scale-shift, subnormals", linear.SCALE_SHIFT, FAINT),
    hard("relu, subnormals in float32", activations.RELU_VJP, of_type(SINGLE, draw(normal(5, 4, scale=1e-40)))),
    hard("relu, zeros", activations.RELU, draw(KINKS)),
    hard("relu-vjp, zeros", activations.RELU_VJP, draw(KINKS)),
    hard("relu-course, all zero", activations.RELU_COURSE, draw(fixed(np.zeros((5, 4))))),
    hard("relu, all negative", activations.RELU_VJP, draw(fixed(-np.ones((5, 4))))),
    hard("leaky-relu, zeros", activations.LEAKY_RELU, draw(KINKS)),
    hard("relu6, at its bounds", activations.RELU6, draw(fixed([0.0, 6.0, 3.0, -1.0]))),
    hard("hard-tanh, at its bounds", activations.HARD_TANH, draw(fixed([-1.0, 1.0, 0.5, 2.0]))),
    hard("prelu, zeros", activations.PRELU, draw(fixed(np.zeros((5, 4))), normal(4))),
    hard("softsign, zero", activations.SOFTSIGN, draw(KINKS)),
    hard("selu, zero", activations.SELU, draw(KINKS)),
    hard("dense-relu, zeros", linear.DENSE_RELU, draw(fixed(np.zeros((5, 4))), normal(4, 3), fixed(np.zeros(3)))),
    hard("huber, at its threshold", losses.HUBER, draw(fixed([0.8, -0.8, 0.25]), fixed([0.0, 0.0, 0.0]))),
    hard("hinge, on the margin", losses.HINGE, draw(fixed([1.0, -1.0, 0.5]), fixed([1.0, -1.0, 1.0]))),
    hard("max-over-time, ties", convolution.MAX_OVER_TIME, draw(fixed([[[1.0, 2], [1, 0], [0, 2]]]))),
    hard("relu, empty", activations.RELU, draw(normal(0))),
    hard("relu-vjp, empty rows", activations.RELU_VJP, draw(normal(0, 4))),
    hard("dense, empty batch", linear.DENSE, draw(normal(0, 4), normal(4, 3), normal(3))),
    hard("dense, no features", linear.DENSE, draw(normal(5, 0), normal(0, 3), normal(3))),
    hard("half-sse, empty", losses.HALF_SSE, draw(normal(0, 3), normal(0, 3))),
    hard("cumsum, empty", scientific.CUMSUM, draw(normal(0))),
    hard("embedding, nothing looked up", linear.EMBEDDING, draw(normal(6, 4), fixed(np.zeros(0, int)))),
    hard("tanh, 0-d", activations.TANH, draw(normal())),
    hard("sigmoid, 0-d", activations.SIGMOID, draw(normal())),
    hard("relu-vjp, 0-d", activations.RELU_VJP, draw(normal())),
    hard("mse, 0-d", losses.MSE, draw(normal(), normal())),
    hard("multiply, 0-d", linear.MULTIPLY, draw(normal(), normal())),
    hard("dense, all of size one", linear.DENSE, draw(normal(1, 1), normal(1, 1), normal(1))),
    hard("batch-norm, batch of two", normalisation.BATCH_NORM, draw(normal(2, 4), normal(4), normal(4))),
    hard("stable-sigmoid, ±1000", activations.STABLE_SIGMOID, draw(LOGITS)),
    hard("softplus, ±1000", activations.SOFTPLUS, draw(LOGITS)),
    hard("softmax, ±1000", activations.SOFTMAX, draw(LOGITS)),
    hard("log-softmax, ±1000", activations.LOG_SOFTMAX, draw(LOGITS)),
    hard("logsumexp, ±1000", scientific.LOGSUMEXP, draw(fixed([1000.0, 999.0, -1000.0, 0.0]))),
    hard("sparse-cross-entropy, ±1000", losses.SPARSE, draw(LOGITS, labels(4, 3))),
    hard("tanh, saturated", activations.TANH, draw(fixed([-30.0, 25.0, 0.5, 3.0]))),
    hard("attention, saturated", attention.ATTENTION, draw(normal(5, 4, scale=100), normal(6, 4), normal(6, 3))),
    *(
        hard(f"{name}, {layout}", family, laid_out(layout, make_inputs))
        for name, (family, make_inputs) in LAID_OUT.items()
        for layout in LAYOUTS
    ),
]
