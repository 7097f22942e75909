"""`check_update`: a hand-written optimizer step against a Keras optimizer, over several steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np

from gradtwin.arguments import check_seed
from gradtwin.backends.interface import Array
from gradtwin.backends.precision import find_dtype
from gradtwin.comparisons.guards.isolation import isolated
from gradtwin.comparisons.judging.comparator import Subject, compare_arrays
from gradtwin.comparisons.precision.constants import RATE_DIGITS, RATIO_DIGITS, UPDATE_DRAWS
from gradtwin.comparisons.precision.rounding import allowed_difference, nudge
from gradtwin.comparisons.precision.running_error import Bound
from gradtwin.comparisons.results.data import Cause, Check, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.subjects.functions import ContractError
from gradtwin.comparisons.subjects.update_rules import (
    PUBLISHED,
    PUBLISHED_NOTES,
    Agrees,
    Hyper,
    Path,
    explain,
    follow,
    forms_of,
)
from gradtwin.comparisons.subjects.update_step import SHAPES, Walk, WrittenStep
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, unknown_name

#: Keras's optimizers that are known by rule, for the causes.
RULES = ("sgd", "rmsprop", "adagrad", "adam", "adamw")

#: What is said where the step gives no numbers of its own.
NO_NUMBERS = "Keras's defaults; give your own numbers by config=, such as config={'learning_rate': 0.1}"


@isolated
def check_update(
    step: Any,
    optimizer: Any,
    *,
    method: str | Callable[..., Any] | None = None,
    weights: Any = None,
    gradients: Sequence[Any] | None = None,
    config: Mapping[str, Any] | None = None,
    arguments: Mapping[str, Any] | None = None,
    steps: int = 6,
    dtype: str = "float64",
    seed: int = 0,
) -> Report:
    """W' = step(W, g): check a hand-written optimizer step against a Keras optimizer, over several steps.

    Both sides start from the same weights and get the same gradients. The step's object is the same after the check.

    Parameters
    ----------
    step : callable or object
        A function such as ``w = f(w, g)``, ``w, config = f(w, g, config)`` or ``w, m, v = f(w, g, m, v, t)``; one that
        changes its arrays, dicts or lists in place; or an object with a method `update`, `step` or `apply`.
    optimizer : str or keras.optimizers.Optimizer
        An optimizer of Keras, or its name. By name it gets the numbers of the step's attributes, defaults and
        `config`.
    method : str or callable, optional
        The method of an object, if it has another name.
    weights : ndarray or sequence of ndarray, optional
        The weights before the first step, of any shape. By default drawn.
    gradients : sequence of ndarray, optional
        One gradient for each step, with the shape of the weights. By default drawn.
    config : mapping, optional
        The step's first config.
    arguments : mapping, optional
        More arguments of the step, by name.
    steps : int, default 6
        The number of steps.
    dtype : str, default "float64"
        The dtype of drawn weights and gradients.
    seed : int, default 0
        The seed of everything random.

    Returns
    -------
    Report
        One check for each step, "weights after step 1" and so on. Another published form of the rule is a note. If the
        sides part, the cause names the alternative that explains it, the state variable and the step.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        If an argument makes no sense, or Keras has no optimizer of this name.

    Notes
    -----
    Published forms: Kingma & Ba, *Adam* (2015), algorithm 1; Loshchilov & Hutter, *Decoupled weight decay
    regularization* (2019); Duchi, Hazan & Singer, *Adaptive subgradient methods* (2011). The allowed error is measured
    at nudged starts.

    Examples
    --------
    >>> import gradtwin as gt
    >>> def sgd(w, g, lr=0.1):
    ...     return w - lr * g
    >>> gt.check_update(sgd, "sgd").verdict
    'match'
    """
    _check_numbers(steps, seed)
    written = WrittenStep(_checked(step), method, dict(arguments or {}), config)
    notes: dict[str, None] = {}
    start, flow = _draw(weights, gradients, int(steps), find_dtype(dtype), seed)
    written.read_state(start, flow)
    keras_optimizer = _optimizer(optimizer, written, notes)
    hyper = _hyper(keras_optimizer)
    if hyper is not None and hyper.rule == "adagrad" and isinstance(optimizer, str):
        said = written.hyperparameters("adagrad")
        hyper = replace(hyper, is_start_open="initial_accumulator_value" not in said)
    written.give_numbers(vars(hyper) if hyper is not None else {"learning_rate": _rate(keras_optimizer)})
    subject = Subject(written.name, str(start[0].dtype), "eager")
    try:
        written.choose_form(start, flow)
        checks = _Comparison(written, keras_optimizer, hyper, start, flow, seed, notes).checks(subject)
    except ContractError as error:
        checks = [subject.check("contract", "contract", "mismatch", error.cause)]
    reproduce = f"gt.check_update({written.name}, {type(keras_optimizer).__name__}(...), steps={steps}, seed={seed})"
    extra = {"oracle": "reference", "notes": list(notes)}
    return Report("check", tuple(checks), seed, reproduce, describe_environment(), extra)


class _Comparison:
    """Both sides' weights after every step, at the start and at nudged ones, and what rounding explains of them."""

    def __init__(
        self,
        written: WrittenStep,
        optimizer: Any,
        hyper: Hyper | None,
        start: list[Array],
        flow: list[list[Array]],
        seed: int,
        notes: dict[str, None],
    ) -> None:
        self._written = written
        self._hyper = hyper
        self._notes = notes
        self._form: frozenset[str] = frozenset()
        self._points: list[tuple[Array, list[Array]]] = []
        self._walks: list[Walk] = []
        self._rights: list[list[Array]] = []
        sizes = [array.size for array in written.parts(start)]
        self._parts = np.repeat(np.arange(len(sizes)), sizes)
        for k in range(UPDATE_DRAWS + 1):
            at = [nudge(array, seed + k) if k else array for array in written.parts(start)]
            pulls = [[nudge(g, seed + k) if k else g for g in written.parts(step)] for step in flow]
            self._points.append((written.join(at), [written.join(g) for g in pulls]))
            self._walks.append(written.walk(at, pulls))
            self._rights.append(_walk_keras(optimizer, *self._points[-1]))

    def checks(self, subject: Subject) -> list[Check]:
        """Return the checks, the first wrong one with its causes."""
        found = self._compare(subject, self._rights)
        if all(check.verdict == "match" for check in found):
            return [*found, self._side_effects(subject)]
        causes = self._explain()
        if self._form:
            found = self._compare(subject, [path.weights for path in self._follow_all(self._form)])
        wrong = next((k for k, check in enumerate(found) if check.verdict == "mismatch"), None)
        if wrong is not None:
            cause = causes or Cause("unknown", False, "", "no alternative of the rule explains the step")
            text = f"{cause.text}.{self._parting(wrong)}"
            found[wrong] = replace(found[wrong], causes=(replace(cause, text=text),))
        return [*found, self._side_effects(subject)]

    def _side_effects(self, subject: Subject) -> Check:
        if not self._walks[0].changed:
            return subject.check("side effects", "side-effect", "match")
        text = "the gradients that the step was given were changed in place."
        return subject.check("side effects", "side-effect", "mismatch", Cause("mutated-input", True, "g", text))

    def _compare(self, subject: Subject, rights: list[list[Array]]) -> list[Check]:
        checks = []
        for t, left in enumerate(self._walks[0].weights):
            right = rights[0][t]
            allowed = self._allowed([walk.weights[t] for walk in self._walks], [side[t] for side in rights])
            scale = np.fmax(np.abs(right), np.abs(self._points[0][0]))
            known = np.where(np.isnan(left) & np.isnan(right), 0.0, right)  # what neither side knows decides nothing
            bound = Bound(known, allowed / 2, scale)
            checks.append(compare_arrays(subject, f"weights after step {t + 1}", "update", left, right, bound))
        return checks

    def _allowed(self, lefts: list[Array], rights: list[Array]) -> Array:
        sides = list(zip(lefts, rights, strict=True))
        return allowed_difference(sides[0], sides[1:])

    def _follow_all(self, flags: frozenset[str], factor: float = 1.0) -> list[Path]:
        """Return where a rule goes from each of the points."""
        assert self._hyper is not None
        return [follow(self._hyper, start, pulls, self._parts, flags, factor) for start, pulls in self._points]

    def _explain(self) -> Cause | None:
        """Return the slip that explains every step, None where it is unknown or no slip but another published form."""
        if self._hyper is None:
            return None

        def agrees(flags: frozenset[str], factor: float) -> bool:
            paths = self._follow_all(flags, factor)
            return all(self._agree([path.weights[t] for path in paths], t) for t in range(len(paths[0].weights)))

        found = explain(self._hyper, agrees, self._fitted_factors)
        if found is None:
            return self._other_numbers(self._hyper, agrees)
        slip, form = found
        self._form = form
        self._notes.update({PUBLISHED_NOTES[flag]: None for flag in sorted(form)})
        return None if slip is PUBLISHED else Cause(slip.cause, True, slip.flag, slip.text)

    def _other_numbers(self, hyper: Hyper, agrees: Agrees) -> Cause | None:
        """Return the cause if the step is right with a number of its own that the optimizer has otherwise."""
        for name, value in self._written.hyperparameters(hyper.rule).items():
            known = getattr(hyper, name, value)
            if known == value:
                continue
            self._hyper = replace(hyper, **{name: value})
            right = any(agrees(form, 1.0) for form in forms_of(hyper))
            self._hyper = hyper
            if right:
                return Cause("factor", True, name, f"the step's {name} is {value!r}, and the optimizer's {known!r}")
        return self._decay_of_its_own(hyper, agrees)

    def _decay_of_its_own(self, hyper: Hyper, agrees: Agrees) -> Cause | None:
        """Return the cause if the step takes off weight decay, where the optimizer has none."""
        if hyper.weight_decay:
            return None
        start, moved = self._points[0][0], self._walks[0].weights[0]
        own = self._written.hyperparameters(hyper.rule).get("weight_decay", np.nan)
        for form in forms_of(hyper):
            with np.errstate(all="ignore"):
                taken_off = follow(hyper, start, self._points[0][1], self._parts, form).weights[0] - moved
                fitted = float(np.median(taken_off / (hyper.learning_rate * start)))
            for decay in dict.fromkeys((own, float(f"{fitted:.{RATE_DIGITS}g}"), fitted)):
                self._hyper = replace(hyper, weight_decay=decay)
                flags = (frozenset[str](), frozenset({"decay last"}), frozenset({"coupled decay"}))
                right = np.isfinite(decay) and any(agrees(form | flag, 1.0) for flag in flags)
                self._hyper = hyper
                if right:
                    text = f"the step takes off weight decay ({decay:.6g}), and the optimizer has none"
                    return Cause("missing-term", True, f"{decay:.6g} · w", text)
        return None

    def _agree(self, rights: list[Array], t: int) -> bool:
        lefts = [walk.weights[t] for walk in self._walks]
        return _within(lefts[0], rights[0], self._allowed(lefts, rights))

    def _fitted_factors(self, form: frozenset[str]) -> list[float]:
        """Return what the first step is of the form's own: the median of the quotients."""
        assert self._hyper is not None
        start, pulls = self._points[0]
        with np.errstate(all="ignore"):
            right = follow(self._hyper, start, pulls, self._parts, form).weights[0]
            quotients = (self._walks[0].weights[0] - start) / (right - start)
        factor = float(np.median(quotients))
        rounded = float(f"{factor:.{RATE_DIGITS}g}")  # rates are decimal numbers
        return [rounded, factor] if np.isfinite(factor) else []

    def _parting(self, wrong: int) -> str:
        """Return which state variable parts from the rule's, and at which step, in words."""
        if self._hyper is None:
            return f" The weights part at step {wrong + 1}."
        paths = self._follow_all(self._form)
        names = list(paths[0].states[0]) if paths[0].states else []
        texts = []
        for mine in self._walks[0].states[-1]:
            step = self._first_parting(mine, names, paths)
            if step is not None:
                texts.append((step, f" The state variable {mine} parts from Keras's at step {step}."))
        return min(texts)[1] if texts else f" The weights part at step {wrong + 1}."

    def _first_parting(self, mine: str, names: Sequence[str], paths: list[Path]) -> int | None:
        """Return the step at which a state variable stops to be any of the rule's, up to a constant; None if never."""
        histories = [[states.get(mine) for states in walk.states] for walk in self._walks]
        if any(array is None for history in histories for array in history):
            return None
        longest = 0
        for name in names:
            ratio = _ratio(histories[0][0], paths[0].states[0][name])
            if ratio is None:
                continue
            for t in range(len(histories[0])):
                lefts = [np.asarray(history[t]) for history in histories]
                rights = [ratio * path.states[t][name] for path in paths]
                if not _within(lefts[0], rights[0], self._allowed(lefts, rights)):
                    longest = max(longest, t)
                    break
            else:
                return None
        return longest + 1


def _ratio(left: Array | None, right: Array) -> float | None:
    """Return the constant that one array is of another: the median of their quotients; None where one is zero."""
    if left is None or left.shape != right.shape or not right.all():
        return None
    ratio = float(np.median(left / right))
    doubt = float(np.finfo(left.dtype).eps) ** RATIO_DIGITS
    nice = [number for number in (1.0, -1.0) if abs(ratio - number) <= doubt]
    return nice[0] if nice else ratio


def _within(left: Array, right: Array, allowed: Array) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.all((np.abs(left - right) <= allowed) | (left == right)))


def _walk_keras(optimizer: Any, start: Array, gradients: list[Array]) -> list[Array]:
    """Return the weights after each step of a fresh copy of a Keras optimizer."""
    with _float_of(start.dtype) as keras:
        taken = _renewed(optimizer, start.dtype)
        variable = keras.Variable(start, dtype=start.dtype.name)
        path = []
        for g in gradients:
            taken.apply([keras.ops.convert_to_tensor(g, dtype=start.dtype.name)], [variable])
            path.append(np.array(variable.numpy()))
    return path


@contextmanager
def _float_of(dtype: np.dtype[Any]) -> Iterator[Any]:
    """Let Keras hold the learning rate as precisely as the weights, and give it back its own default."""
    from gradtwin.backends.tensorflow_backend import tf

    keras = tf.keras
    before = keras.backend.floatx()
    keras.backend.set_floatx(dtype.name)
    try:
        yield keras
    finally:
        keras.backend.set_floatx(before)


def _renewed(optimizer: Any, dtype: np.dtype[Any]) -> Any:
    """Return a fresh copy of a Keras optimizer whose numbers are of the weights' dtype.

    Keras keeps 0.1 as the float32 nearest to it, in the learning rate and, on its way into a tensor, in every number.
    """
    settings = optimizer.get_config()
    if isinstance(settings.get("learning_rate"), float):
        settings["learning_rate"] = _rate(optimizer)
    fresh = type(optimizer).from_config(settings)
    for name, value in list(vars(fresh).items()):
        if type(value) is float:
            setattr(fresh, name, dtype.type(value))
    return fresh


def _optimizer(given: Any, written: WrittenStep, notes: dict[str, None]) -> Any:
    """Return the Keras optimizer; one that is given by name gets the step's own numbers."""
    with _float_of(np.dtype(np.float64)) as keras:
        if isinstance(given, keras.optimizers.Optimizer):
            return given
        if isinstance(given, type) and issubclass(given, keras.optimizers.Optimizer):
            given = given.__name__
        if not isinstance(given, str):
            raise ArgumentTypeError(
                f"optimizer: got {type(given).__name__}; expected an object of keras.optimizers, or the name of one."
            )
        names = {name.lower(): kind for name, kind in vars(keras.optimizers).items() if isinstance(kind, type)}
        aliases = {"momentum": ("sgd", {"momentum": 0.9}), "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True})}
        name, settings = aliases.get(given.lower(), (given.lower(), {}))
        if name not in names:
            raise unknown_name("optimizer", given, sorted({*names, *aliases} - {"optimizer", "legacy"}))
        kind = names[name]
        default = kind()
        said = {key: v for key, v in written.hyperparameters(kind.__name__).items() if key in default.get_config()}
        settings = {**settings, **said}
        if "learning_rate" in settings:
            settings["learning_rate"] = float(settings["learning_rate"])
        shown = ", ".join(f"{key}={value!r}" for key, value in settings.items()) or NO_NUMBERS
        notes[f"compared with keras.optimizers.{kind.__name__}: {shown}"] = None
        return kind(**settings)


def _rate(optimizer: Any) -> Any:
    """Return the learning rate as it was written: the shortest decimal number that rounds to Keras's float32."""
    rate = optimizer.get_config()["learning_rate"]
    return float(str(np.float32(rate))) if isinstance(rate, float) and rate == float(np.float32(rate)) else rate


def _hyper(optimizer: Any) -> Hyper | None:
    """Return the rule and its numbers; None for a rule, or a setting, that there is no re-implementation of."""
    rule, settings = type(optimizer).__name__.lower(), optimizer.get_config()
    unusual = (
        "amsgrad",
        "centered",
        "clipnorm",
        "clipvalue",
        "global_clipnorm",
        "use_ema",
        "gradient_accumulation_steps",
    )
    if rule not in RULES or any(settings.get(name) for name in unusual) or not isinstance(_rate(optimizer), float):
        return None
    known = {name: settings[name] for name in Hyper.__dataclass_fields__ if settings.get(name) is not None}
    return Hyper(rule, **{**known, "learning_rate": _rate(optimizer)})


def _draw(
    weights: Any, gradients: Sequence[Any] | None, steps: int, dtype: np.dtype[Any], seed: int
) -> tuple[list[Array], list[list[Array]]]:
    """Return the start and the gradients of every step: those given, or drawn for a matrix and a vector."""
    rng = np.random.default_rng([seed, 0x5EED])
    pulls = None if gradients is None else [_read("gradients", g) for g in gradients]
    if pulls is not None and not pulls:
        raise ArgumentValueError("gradients: got none; expected one array for each step.")
    if weights is None and pulls is None:
        start = [np.asarray(rng.normal(size=shape), dtype=dtype) for shape in SHAPES.values()]
    else:
        first = pulls[0] if weights is None and pulls is not None else _read("weights", weights)
        start = [first if weights is not None else np.asarray(rng.normal(size=first.shape), dtype=first.dtype)]
        start.append(np.asarray(rng.normal(size=(3,)), dtype=first.dtype))
    if start[0].dtype.kind != "f":
        raise ArgumentTypeError(f"weights: got dtype {start[0].dtype}; expected floating numbers.")
    flow = [[np.asarray(rng.normal(size=w.shape), dtype=w.dtype) for w in start] for _ in range(steps)]
    if pulls is not None:
        flow = [[np.asarray(g, dtype=start[0].dtype), np.ones_like(start[1])] for g in pulls]
        if any(g.shape != start[0].shape for g, _ in flow):
            raise ArgumentValueError(f"gradients: expected arrays of the weights' shape, {start[0].shape}.")
    return start, flow


def _read(argument: str, given: Any) -> Array:
    """Return an array that was given, or raise where it can't be taken as finite numbers."""
    array = np.asarray(given)
    if array.dtype.kind not in "fiub":
        raise ArgumentTypeError(f"{argument}: got dtype {array.dtype}; expected floating numbers.")
    if not np.all(np.isfinite(array)):
        raise ArgumentValueError(
            f"{argument}: they hold NaN or infinity, of which a step tells nothing; expected finite numbers."
        )
    return array


def _check_numbers(steps: Any, seed: Any) -> None:
    if not isinstance(steps, Integral) or isinstance(steps, bool) or steps < 1:
        raise ArgumentValueError(f"steps: got {steps!r}; expected a whole number, at least 1.")
    check_seed(seed)


def _checked(step: Any) -> Any:
    if isinstance(step, type) or callable(step) or hasattr(step, "__dict__"):
        return step
    raise ArgumentTypeError(
        f"step: got {type(step).__name__}; expected a function, or an object with an update method."
    )
