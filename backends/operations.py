"""The catalogue: one row per operation. Adding one takes a row here and a function in each rules folder."""

from __future__ import annotations

from types import ModuleType

from gradtwin.errors import unknown_name

from .interface import Operation, Rule
from .windows import window_count

_SQUARES = "(...),(...)->()"
_IMAGES = {"n": (0, 8), "h": (3, 9), "w": (3, 9), "c": (1, 8)}
_POOL = {"size": (2, 3), "stride": (2, 1, 3)}
_POOLED = {
    "p": lambda extents, options: window_count(extents["h"], options["size"], options["stride"]),
    "q": lambda extents, options: window_count(extents["w"], options["size"], options["stride"]),
}
_CONVOLVED = {
    "p": lambda extents, options: window_count(extents["h"], extents["i"], **options),
    "q": lambda extents, options: window_count(extents["w"], extents["j"], **options),
}
_ADAM = {"beta_1": (0.9, 0.5), "beta_2": (0.999, 0.9), "epsilon": (1e-7, 1e-3)}
_PROBABILITIES = {"p": "probability", "t": "probability"}

# fmt: off
_ROWS = (
    # products
    Operation("matmul",   "map",    ("a", "b"),      "(n?,k),(k,m?)->(n?,m?)",   "Y = A B", stacked=True, exact=True),
    Operation("dense",    "map",    ("x", "w", "b"), "(n,i),(i,o),(o)->(n,o)",   "Y = X W + b", exact=True),
    Operation("linear",   "map",    ("x", "w"),      "(n,i),(o,i)->(n,o)",       "Y = X Wᵀ", exact=True),
    Operation("dense-columns", "map", ("x", "w", "b"), "(i,n),(o,i),(o,1)->(o,n)", "Y = W X + b", exact=True),
    Operation("prepend-one", "map", ("x",),          "(n,i)->(n,j)",             "Y = [1 X]", exact=True,
              derived={"j": lambda extents, _: extents["i"] + 1}),
    # activations
    Operation("relu",     "map",    ("x",),          "(...)->(...)",             "Y = max(X, 0)", exact=True,
              convention="at 0 the derivative is 0", nonfinite="TensorFlow multiplies an infinite ȳ by 0"),
    Operation("leaky-relu", "map",  ("x",),          "(...)->(...)",             "Y = X where X > 0, else α X",
              options={"slope": (0.2, 0.01)}, convention="at 0 the derivative is α"),
    Operation("sigmoid",  "map",    ("x",),          "(...)->(...)",             "Y = 1 / (1 + e⁻ˣ)", elementary=True),
    Operation("tanh",     "map",    ("x",),          "(...)->(...)",             "Y = tanh X"),
    Operation("softplus", "map",    ("x",),          "(...)->(...)",             "Y = ln(1 + eˣ)", elementary=True),
    Operation("softmax",  "map",    ("x",),          "(n,c)->(n,c)",             "Y = eˣ / Σ eˣ in each row",
              extents={"c": (1, 64)}, domains={"x": "logit"}),
    # images
    Operation("conv2d",   "map",    ("x", "w", "b"), "(n,h,w,c),(i,j,c,o),(o)->(n,p,q,o)", "Y = X ⋆ W + b", exact=True,
              options={"stride": (1, 2, 3), "padding": ("valid", "same")}, derived=_CONVOLVED,
              extents={**_IMAGES, "i": (1, 3), "j": (1, 3), "o": (1, 4)},
              nonfinite="0 · ∞ where padding meets an infinity is NaN in NumPy, left out by TensorFlow"),
    Operation("max-pool", "map",    ("x",),          "(n,h,w,c)->(n,p,q,c)",     "Y = max of each window", exact=True,
              options=_POOL, derived=_POOLED, extents=_IMAGES, convention="a tie's gradient goes to the first",
              nonfinite="TensorFlow passes over NaN"),
    Operation("average-pool", "map", ("x",),         "(n,h,w,c)->(n,p,q,c)",     "Y = mean of each window", exact=True,
              options=_POOL, derived=_POOLED, extents=_IMAGES),
    Operation("flatten",  "map",    ("x",),          "(n,h,w,c)->(n,m)",         "Y = X as rows", exact=True,
              derived={"m": lambda extents, _: extents["h"] * extents["w"] * extents["c"]}, extents=_IMAGES),
    # normalization
    Operation("dropout",  "map",    ("x", "mask"),   "(...),(...)->(...)",       "Y = X M / (1 − rate)", exact=True,
              options={"rate": (0.5, 0.2)}, domains={"mask": "mask"}),
    Operation("batch-norm", "map",  ("x", "scale", "shift"), "(n,c),(c),(c)->(n,c)",
              "Y = γ (X − μ) / √(σ² + ε) + β over the samples", mean=True, options={"epsilon": (1e-3, 1e-5)}),
    Operation("layer-norm", "map",  ("x", "scale", "shift"), "(n,c),(c),(c)->(n,c)",
              "Y = γ (X − μ) / √(σ² + ε) + β over the channels", mean=True, options={"epsilon": (1e-3, 1e-5)}),
    # losses
    Operation("half-mse", "loss",   ("p", "t"),      _SQUARES,                   "L = Σ (p − t)² / 2N",
              mean=True, exact=True),
    Operation("mse",      "loss",   ("p", "t"),      _SQUARES,                   "L = Σ (p − t)² / N",
              mean=True, exact=True),
    Operation("sse",      "loss",   ("p", "t"),      _SQUARES,                   "L = Σ (p − t)²", exact=True),
    Operation("rmse",     "loss",   ("p", "t"),      _SQUARES,                   "L = √(Σ (p − t)² / N)", mean=True,
              convention="at zero residual the gradient is 0",
              nonfinite="NumPy's gradient is NaN throughout if the loss is"),
    Operation("half-sse-per-sample", "loss", ("p", "t"), "(n,o),(n,o)->()",      "L = Σ (p − t)² / 2n",
              mean=True, exact=True),
    Operation("mse-per-output", "loss", ("p", "t"),  "(n,o),(n,o)->()",          "L = Σ (p − t)² / o",
              mean=True, exact=True),
    Operation("huber",    "loss",   ("p", "t"),      _SQUARES,                   "L = Σ h(p − t) / N", mean=True,
              options={"delta": (1.0, 0.5)}),
    Operation("log-loss", "loss",   ("p", "t"),      _SQUARES,
              "L = −Σ (t ln p + (1 − t) ln(1 − p)) / N", mean=True, domains=_PROBABILITIES,
              nonfinite="with an infinite L̄ TensorFlow subtracts infinities"),
    Operation("log-loss-logits", "loss", ("z", "t"), _SQUARES,                   "L = log loss of σ(z)", mean=True,
              domains={"t": "probability"}, nonfinite="with an infinite L̄ TensorFlow subtracts infinities"),
    # With a single class its gradient is zero, by cancellation.
    Operation("softmax-cross-entropy", "loss", ("z", "t"), "(n,c),(n,c)->()",    "L = −Σ t ln softmax(z) / n",
              mean=True,
              domains={"z": "logit", "t": "probability"}, extents={"c": (2, 64)},
              nonfinite="with an infinite L̄ TensorFlow subtracts infinities"),
    # optimizers
    Operation("sgd",      "update", ("w", "dw", "learning_rate"), "(...),(...),()->(...)", "W ← W − η dW", exact=True),
    Operation("momentum", "update", ("w", "velocity", "dw", "learning_rate"), "(...),(...),(...),()->(...)",
              "V ← μ V − η dW;  W ← W + V", state={"velocity": 0.0},
              options={"momentum": (0.9, 0.5), "nesterov": (False, True), "weight_decay": (0.0, 0.01)}),
    Operation("rmsprop",  "update", ("w", "mean_square", "dw", "learning_rate"), "(...),(...),(...),()->(...)",
              "S ← ρ S + (1 − ρ) dW²;  W ← W − η dW / √(S + ε)", state={"mean_square": 0.0},
              options={"rho": (0.9, 0.5), "epsilon": (1e-7, 1e-3)}, domains={"mean_square": "positive"}),
    Operation("adagrad",  "update", ("w", "accumulator", "dw", "learning_rate"), "(...),(...),(...),()->(...)",
              "G ← G + dW²;  W ← W − η dW / √(G + ε)", state={"accumulator": 0.1},
              options={"epsilon": (1e-7, 1e-3)}, domains={"accumulator": "positive"}),
    Operation("adam",     "update", ("w", "mean", "square", "steps", "dw", "learning_rate"),
              "(...),(...),(...),(),(...),()->(...)", "W ← W − α M / (√S + ε)",
              state={"mean": 0.0, "square": 0.0, "steps": 0.0}, options={**_ADAM, "weight_decay": (0.0, 0.01)},
              domains={"square": "positive", "steps": "count"}),
    Operation("adamw",    "update", ("w", "mean", "square", "steps", "dw", "learning_rate"),
              "(...),(...),(...),(),(...),()->(...)", "W ← W − η λ W;  W ← W − α M / (√S + ε)",
              state={"mean": 0.0, "square": 0.0, "steps": 0.0}, options={**_ADAM, "weight_decay": (0.004, 0.01)},
              domains={"square": "positive", "steps": "count"}),
)
# fmt: on

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _ROWS}


def find_operation(name: str | Operation) -> Operation:
    """Return the catalogue's row of that name, or raise ArgumentValueError listing the names; a row is itself."""
    if isinstance(name, Operation):
        return name
    try:
        return OPERATIONS[name]
    except (KeyError, TypeError):
        raise unknown_name("operation", name, list(OPERATIONS)) from None


def rules_by_name(*modules: ModuleType) -> dict[str, Rule]:
    """Return each operation's rule: the function of its name, with `_` for `-`, in one of a backend's rules modules."""
    functions = {name: value for module in modules for name, value in vars(module).items()}
    return {name: functions[name.replace("-", "_")] for name in OPERATIONS}
