"""What a discovery reports: where each gradient is, and what ought to be judged and can't be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .discovery import Parameter, Place
from .gradient_rule import Rule
from .gradient_rules import Choices
from .held_values import how_to_convert, is_number
from .input_rules import Absent
from .reading import kind_of


@dataclass
class Findings:
    """The lines of notes, and the names of checks that can't be made with the reasons."""

    notes: list[str] = field(default_factory=list)
    unjudged: dict[str, str] = field(default_factory=dict)

    def add_parameter(self, p: Parameter, rule: Rule | None, choices: Choices) -> None:
        """Report the place of a parameter's gradient, or that there is none."""
        name = p.name
        if rule is not None:
            self.notes.append(f"the gradient of {name} is {rule.text}")
        elif name in choices.without:
            self.notes.append(_stated(name))
        elif (p.sounds_trained or choices.params is not None) and not choices.is_loss:
            self.unjudged[f"gradient of parameter {name}"] = (
                f"no gradient of {name} was found among the results of backward or in the object. If it is computed, "
                f"pass its place by grads=; if {name} is a constant, pass grads={{{name!r}: None}}."
            )
        else:
            self.notes.append(_not_found(name))

    def add_input(
        self, name: str, x: Any, rule: Rule | None, absent: Absent | None, choices: Choices, title: str
    ) -> None:
        """Report the place of an input's gradient; that it is open, if the object has to compute it, and did not."""
        if rule is not None:
            self.notes.append(f"the gradient of {name} is {rule.text}")
        elif absent is None or absent.reason == "given as None":
            self.notes.append(_stated(name))
        elif absent.reason == "whole":
            self.notes.append(f"{name} is {kind_of(x)}, which has no gradient")
        elif absent.reason == "returned as None":
            self.notes.append(f"backward returned None for {name}; its gradient is not judged")
        elif absent.reason == "whole with gradient" and choices.owes_inputs:
            self.unjudged[title] = of_whole(name, x, absent.where)
        elif absent.reason == "whole with gradient":
            self.notes.append(f"{name} is {kind_of(x)}, so its gradient is not judged")
        elif choices.owes_inputs:
            self.unjudged[title] = (
                f"backward returned nothing for {name}. Return its gradient, or pass its place by grads=. If the layer "
                f"needs none, because it is the first one, pass grads={{{name!r}: None}}."
            )
        else:
            self.notes.append(_not_found(name))

    def add_unclaimed(self, place: Place, example: str) -> None:
        """Report a result of backward with the name of a parameter that is none here."""
        self.unjudged[f"gradient returned at {place}"] = (
            f"the result of backward at {place} has no parameter's name, and is none of the judged gradients. If it is "
            f"a parameter's gradient, pass it by grads=: grads={{{example!r}: ...}}."
        )

    def add_value(self, p: Parameter, value: Any, left: Place | None) -> None:
        """Report a parameter that is no floating array, with the result of backward that may be its gradient."""
        name = p.name
        text = how_to_convert(name, value)
        if is_number(value):
            assert left is not None  # one with a named gradient is judged
            text = (
                f"the result of backward at {left} may be the gradient of {name}, which is {kind_of(value)}. If it is, "
                f"pass grads={{{name!r}: {left.last!r}}}; if not, pass grads={{{name!r}: None}}."
            )
        elif left is not None:
            text += f" The result of backward at {left} may be its gradient."
        self.unjudged[f"gradient of parameter {name}"] = text


def nothing_found(names: Sequence[str], inputs: Sequence[Any], absent: Mapping[str, Absent]) -> Exception:
    """Return the error of an object without any gradient to judge."""
    for name, x in zip(names, inputs, strict=False):
        if name in absent and absent[name].reason == "whole with gradient":
            return ArgumentTypeError(f"{name}: {of_whole(name, x, absent[name].where)}")
    return ArgumentValueError(
        f"grads: no gradient of {', '.join(names)} was found among the results of backward or in the object. Pass "
        f"their places, for example grads={{{names[-1]!r}: 'name of an attribute'}}."
    )


def of_whole(name: str, x: Any, where: str) -> str:
    """Return why the gradient of an input that is not floating is not judged, and what to do."""
    is_complex = np.iscomplexobj(x)
    convert = "two floating inputs, its real and its imaginary part" if is_complex else f"{name}.astype(float)"
    known = "" if is_complex else ", as numbers of rows have none"
    return (
        f"{name} is {kind_of(x)}, so the gradient that backward gives for it ({where}) can't be judged. Pass "
        f"{convert}. If {name} has no gradient{known}, pass grads={{{name!r}: None}}."
    )


def _stated(name: str) -> str:
    return f"the gradient of {name} is not judged: grads= states that there is none"


def _not_found(name: str) -> str:
    return f"no gradient of {name} was found; it is not judged (pass its place by grads=)"
