"""All names and patterns by which gradtwin recognises the parts of users' code, as data, and in no other module.

A pattern matches a whole name or nothing. Each entry has one line with its purpose.
"""

from __future__ import annotations

import re
from typing import Any


def _whole(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return the pattern anchored at both ends."""
    return re.compile(rf"^(?:{pattern})\Z", flags)


# --- Methods of layers, losses and models.

#: Which method runs forward, first found first.
FORWARD_NAMES = (
    "forward", "forward_pass", "forward_propagation", "fprop", "propagate_forward", "feedforward", "feed_forward",
    "__call__",
)  # fmt: skip
#: Which method runs backward.
BACKWARD_NAMES = (
    "backward", "backward_pass", "backward_propagation", "bprop", "backprop", "back_propagate", "propagate_backward",
)  # fmt: skip
#: Which method runs the backpropagation of a whole model.
BACKPROP_METHODS = (
    *BACKWARD_NAMES, "backpropagation", "backpropagate", "gradient", "gradients", "compute_gradients", "calc_gradients",
)  # fmt: skip
#: Which method gives a model's prediction.
PREDICTING = (*FORWARD_NAMES[:-1], "predict", "__call__")
#: Which method gives a model's loss.
LOSS_METHODS = (
    "loss", "compute_loss", "calculate_loss", "calc_loss", "get_loss", "cost", "compute_cost", "loss_function",
)  # fmt: skip
#: Which attribute of a model is its loss: a method, a function or an object.
LOSS_ATTRIBUTES = (*LOSS_METHODS, "loss_fn", "loss_func", "criterion", "last_layer", "lastLayer", "loss_layer")
#: Which method of a loss object gives the loss.
LOSS_CALLS = (*FORWARD_NAMES, "calculate", "loss", "compute")
#: Which method of a model is the gradient of its loss with respect to the prediction.
LOSS_GRADIENTS = ("loss_prime", "loss_derivative", "loss_grad", "loss_gradient", "d_loss", "dloss", "cost_derivative")
#: Which attribute of a model holds its layers.
LAYER_LISTS = ("layers", "_layers", "modules", "network", "net", "sequence", "stack")

# --- Attributes of objects.

#: What Python or habit puts before a private name, and the name.
PRIVATE = _whole(r"(_[A-Za-z]\w*?__|_*)(.+)")
#: Which attribute is the output of a forward that returns nothing.
OUTPUT_NAMES = ("output", "out", "outputs")
#: Which attribute holds the value of a parameter that is an object.
VALUE_NAMES = ("value", "data", "val", "values", "array")
#: Which attribute holds the gradient of a parameter that is an object.
GRADIENT_OF_VALUE = ("grad", "gradient", "diff", "g", "d", "dx")
#: Which dict or list holds gradients, under the names or positions of the parameters.
CONTAINERS = ("grads", "gradients", "grad", "gradient", "dparams", "d_params")
#: Which attribute is the gradient of the only input.
INPUT_GRADIENT_NAMES = ("dinputs", "dx", "dX", "dinput", "d_input", "grad_input", "gradInput", "input_gradient")

# --- Parameters and their gradients.

_LETTERS = r"[xhyfiogcqkvrzu]|xh|hh|hy|ih|ho|in|out"
_TRAINED = rf"(?:[wb](?:_?(?:{_LETTERS}))?|weights?(?:_?[a-z]{{1,2}})?|bias(?:es)?|kernels?|filters?|gamma|beta)_?\d*"
_FLOWING = (
    r"(?:outs?|outputs?|vals?|values?|inputs?|ins?|next|prev|above|top|loss|cost|scores?|logits?|probs?|preds?|hidden|"
    r"state|cell|act|activations?|layer|params?|parameters?|thetas?|al|[a-su-z])(?:_?(?:next|prev|in|out))?_?\d*"
)

_GRADIENT = (
    r"d|d_\w+|d[A-Z]\w*|"
    rf"(?i:d(?:{_TRAINED}|{_FLOWING}))|"
    r"(?i:d(?:l|j|e|c|loss|cost)_?d_?\w+)|"
    r"(?i:\w*grad(?:s|ients?)?(?:_\w+|\d+)?)|grad(?:ient)?[A-Z]\w*|"
    rf"(?i:(?:\w+_)?deltas?(?:_?(?:{_TRAINED}|out|outputs?|hidden|[xyzah])_?\d*)?)|"
    r"(?i:nabla(?:_?\w+)?)|"
    rf"g[ts]?|g_?(?i:{_TRAINED})|"
    r"\w+_bar|[a-zA-Z]bar"
)

#: Whether an array is called like one that is trained, and no constant: where it has no gradient, the check is open.
TRAINED = _whole(_TRAINED, re.IGNORECASE)
#: Names of the gradient of a parameter, in order of preference.
GRADIENT_FORMS = (
    "d{}", "d_{}", "{}_grad", "{}_diff", "grad_{}", "{}_gradient", "{}grad", "delta_{}", "g{}", "gradient_{}",
    "nabla_{}", "dL_d{}", "dloss_d{}", "dJ_d{}", "dcost_d{}", "dE_d{}", "dC_d{}", "grads_{}", "{}_grads",
    "{}_gradients",
)  # fmt: skip
#: Names for one thing: a gradient called by another of them is the parameter's, where no other parameter is called so.
ALIASES = (
    ("w", "weight", "weights", "kernel", "kernels", "filter", "filters"),
    ("b", "bias", "biases"),
)  # fmt: skip
#: Names of any gradient, for an array or an argument.
GRADIENT = _whole(_GRADIENT)

# --- Arguments of methods and functions.

#: Arguments that tell forward to run in training mode.
TRAINING = frozenset({"training", "train", "is_training", "train_flg", "train_flag", "is_train"})
#: Which argument or attribute is the learning rate.
LEARNING_RATE = _whole(r"l[a-z]*_?rate|lr")
#: Which argument is the learning rate where it has no default.
LEARNING_RATE_IF_REQUIRED = frozenset({"eta", "alpha"})
#: Which argument of a method is the target of a loss.
TARGET = _whole(r"t|targets?|labels?|y_?true|true|actual|truth|expected|one_?hot|y_?real|y_?labels?")
#: Which argument of a function is a target, and not differentiated; methods call their prediction y too.
TARGETS = _whole(
    r"y|t|ys|ts|y_?true|y_?real|y_?actual|true\w*|target\w*|labels?|y_?labels?|actual\w*|real\w*|expected\w*|desired\w*|"
    r"ground_?truth|gt|correct\w*|d(?:esired)?_?out",
    re.IGNORECASE,
)
#: Which argument is the upstream gradient.
UPSTREAM = _whole(rf"{_GRADIENT}|gy|up(?:_?stream\w*)?|(?:\w+_)?err(?:ors?)?(?:_\w+)?|\w*error|cotangents?")
#: Which argument of backward is the input of forward.
FORWARD_INPUT = _whole(r"x|inputs?|inp|input_data|y_?pred|y_?hat|predictions?|preds?", re.IGNORECASE)
#: Which argument of backward is the output of forward.
FORWARD_OUTPUT = frozenset({"output"})
#: Which argument of a loss or of a backpropagation is the prediction.
PREDICTION = _whole(r"y_?pred|y_?hat|predict\w*|preds?|outputs?|out|probs?|logits|scores|a_?\d|al|p", re.IGNORECASE)
#: Which argument of a backward method is what forward returned beside its value.
CACHE = frozenset({"cache", "caches"})
#: Arguments of a backward function that are forward's cache; the other one is the upstream gradient.
CACHE_LIKE = _whole(r"\w*(?:cache|memory|saved|ctx|context|tape|residual)\w*", re.IGNORECASE)
#: Which argument is added to every row, and as large as one.
BIASES = _whole(r"b_?\w?|bias\w*|beta|shift|offset", re.IGNORECASE)
#: Which argument is a number, and one to try it at.
NUMBERS = {
    "alpha": 0.1, "slope": 0.1, "negative_slope": 0.1, "leak": 0.1, "a_leak": 0.1, "beta_": 0.9, "reg": 0.1, "lam": 0.1,
    "lambd": 0.1, "lambda_": 0.1, "l2": 0.1, "eps": 1e-5, "epsilon": 1e-5, "delta": 1.0, "threshold": 0.5, "scale": 1.5,
    "temperature": 1.5, "temp": 1.5, "lr": 0.1, "learning_rate": 0.1, "keep_prob": 0.8,
}  # fmt: skip
#: Which argument is a dict of settings, as well-known courses have them, and one to try it at.
DICTS: dict[str, dict[str, Any]] = {
    "conv_param": {"stride": 1, "pad": 1},
    "pool_param": {"pool_height": 2, "pool_width": 2, "stride": 2},
    "bn_param": {"mode": "train"},
    "ln_param": {},
    "gn_param": {},
    "dropout_param": {"p": 0.5, "mode": "train", "seed": 123},
    "hparameters": {"stride": 1, "pad": 1, "f": 2},
}

# --- Pairs of a function and its gradient.

#: Affixes that make a gradient's name from its function's. Short ones count only at the beginning or end of a word.
SUFFIXES = (
    "derivatives", "derivative", "derivate", "deriv", "der", "prime", "gradients", "gradient", "grads", "grad",
    "backwards", "backward", "backpropagation", "backprop", "bprop", "bwd", "back", "vjp", "jacobian", "jac", "diff",
    "dx", "dz", "d", "p",
)  # fmt: skip
#: The same before the function's name.
PREFIXES = (
    "derivative_of", "gradient_of", "derivative", "deriv", "der", "gradient", "grad", "backward", "backprop", "bprop",
    "back", "vjp", "jacobian", "jac", "diff", "d",
)  # fmt: skip
#: Longer ones that count only so too, since words begin or end with them.
PARTS_OF_WORDS = ("back", "diff")
#: Words that a function's name may carry and its gradient's not, or the other way round.
FORWARD_WORDS = ("forward", "fwd", "fprop", "activation", "function", "func", "fn", "loss")
#: Words that replace each other in the names of a pair: `conv_forward_naive` and `conv_backward_naive`.
OPPOSITES = (
    ("backwards", "forward"), ("backward", "forward"), ("back_prop", "forward_prop"), ("backprop", "forwardprop"),
    ("bprop", "fprop"), ("bwd", "fwd"),
)  # fmt: skip
#: Which function a gradient without a stem, `backward` or `gradient`, belongs to.
PLAIN_FORWARDS = ("forward", "fwd", "fprop", "loss", "cost", "objective", "func", "f")
#: Which argument turns a function into its own derivative.
FLAGS = ("deriv", "derivative", "der", "prime", "grad", "derive")
#: Which function may return its gradient with its value; others are not run without a partner.
RETURNS_BOTH = _whole(r"\w*(?:loss|cost|objective|and_grad|with_grad)\w*", re.IGNORECASE)
#: Which of these says that it returns both, so that it must not be passed over.
NAMES_BOTH = _whole(r"\w*(?:and|with)_?grad\w*", re.IGNORECASE)
#: Which words of a gradient's name are long enough to be recognised when they are misspelt.
MISSPELT = (
    "derivatives", "derivative", "gradients", "gradient", "backwards", "backward", "backpropagation", "backprop",
    "jacobian",
)  # fmt: skip
#: Which shorter words are recognised by their letters, in whatever order: other words are too like them.
SHORT_MISSPELT = ("prime",)
#: Which function is of probabilities, for which ordinary numbers would be out of the domain.
PROBABILITIES = _whole(r"\w*(?:log(?!it)|entropy|bce|nll|kl_?div|likelihood)\w*", re.IGNORECASE)
#: Which function takes ordinary numbers and makes probabilities of them.
LOGITS = _whole(r"\w*(?:softmax|logit|logistic|sigmoid)\w*", re.IGNORECASE)

# --- Optimizers' steps.

#: Which method takes the step.
STEP_NAMES = (
    "update", "step", "apply", "apply_gradients", "update_params", "update_parameters", "optimize", "__call__",
)  # fmt: skip
#: Whether the first argument holds several weights.
MANY = _whole(r"(?:params|parameters|weights|variables|vars|ws|thetas?|model_params|trainable)(?:_\w+)?")
#: Which argument counts the steps.
COUNTER = _whole(r"t|step|steps|i|it|iter|iters|iteration|iterations|epoch|timestep|time_step|n_?steps?|k")
#: Which argument holds the state between steps.
MEMORY = _whole(r"config|cache|state|states|memory|optim_state|opt_state|cfg|store")
#: Which required argument is a state variable of the weights' shape, zero at first, where its name is longer than two.
STATE = _whole(
    r"(?:mom|vel|acc|sq|avg)(?:s|\w{1,2}|_\w+)?|moment(?:um)?s?\w*|velocit\w+|accumulat\w+|squared?_\w+|average\w*|"
    r"(?:first|second|exp|v|m|s)_\w+"
)
#: Which argument or attribute is which of Keras's hyperparameters, in order of preference.
HYPERPARAMETERS = {
    "learning_rate": _whole(r"l[a-z]*_?rate|lr|eta|step_?size"),
    "beta_1": _whole(r"beta_?1|b1|mu_?1|rho_?1|decay_?1"),
    "beta_2": _whole(r"beta_?2|b2|mu_?2|rho_?2|decay_?2"),
    "epsilon": _whole(r"eps(?:ilon)?|e"),
    "weight_decay": _whole(r"weight_?decay|wd|lambda_?|lmbda|lam|decay_coefficient"),
    "momentum": _whole(r"momentum|mu|beta|gamma|mom|rho|alpha"),
    "rho": _whole(r"rho|decay_?rate|decay|beta_?2?|gamma|alpha|mu"),
    "initial_accumulator_value": _whole(r"initial_accumulator(?:_value)?"),
    "nesterov": _whole(r"(?:use_)?nesterov"),
}
