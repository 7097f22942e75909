"""The docstrings of public functions: an equation or a purpose first, then numpydoc's sections."""

import inspect
import re

import pytest

import gradtwin
from gradtwin.backends.backend import Backend
from gradtwin.comparisons.results.data import Report
from gradtwin.pytest_plugin import Assertions
from gradtwin.pytest_plugin import gradtwin as fixture

CLASSES = (gradtwin.Layer, gradtwin.Network, gradtwin.Model, Backend, Report, Assertions)


def functions(owner):
    """Return the public functions of a module or a class, by name; those that it imports or inherits are others'."""
    found = {}
    home = getattr(owner, "__module__", owner.__name__)
    for name, value in vars(owner).items():
        function = inspect.unwrap(getattr(value, "__func__", value))
        if not name.startswith("_") and inspect.isfunction(function) and function.__module__ == home:
            found[f"{owner.__name__}.{name}"] = value
    return found


def exported():
    named = {f"gt.{name}": getattr(gradtwin, name) for name in gradtwin.__all__}
    whole = {name: value for name, value in named.items() if inspect.isfunction(value)}
    return {**whole, **functions(gradtwin.styles)}


WHOLE = exported()
METHODS = {name: value for owner in CLASSES for name, value in functions(owner).items()}


def sections(documented):
    """Return the text of each numpydoc section, by its title."""
    parts = re.split(r"^(\w+)\n-{3,}\n", inspect.getdoc(documented) or "", flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def missing(function, wanted):
    """Return what a function's docstring lacks: sections, and parameters in them."""
    function = getattr(function, "__func__", function)
    signature = inspect.signature(function)
    found = sections(function)
    parameters = [name for name in signature.parameters if name not in ("self", "cls")]
    wanted = [*(["Parameters"] if parameters else []), *wanted]
    if signature.return_annotation not in (None, "None"):
        wanted.append("Yields" if "Iterator" in str(signature.return_annotation) else "Returns")
    named = {name.strip(" *") for line in re.findall(r"^\S.*", found.get("Parameters", ""), re.MULTILINE)
             for name in line.partition(" : ")[0].split(",")}  # fmt: skip
    return [f"the section {title}" for title in wanted if title not in found] + [
        f"the parameter {name}" for name in parameters if "Parameters" in found and name not in named
    ]


@pytest.mark.parametrize("name", WHOLE)
def test_a_public_function_has_every_section(name):
    lacking = missing(WHOLE[name], ["Raises", "Notes", "Examples"])
    assert not lacking, f"{name}: its docstring lacks {', '.join(lacking)}; add it as numpydoc has it"


@pytest.mark.parametrize("name", METHODS)
def test_a_public_method_has_the_sections_of_its_signature(name):
    lacking = missing(METHODS[name], ["Examples"])
    assert not lacking, f"{name}: its docstring lacks {', '.join(lacking)}; add it as numpydoc has it"


@pytest.mark.parametrize("documented", [gradtwin.Layer, gradtwin.Network, gradtwin.Model, Assertions, fixture])
def test_what_is_made_or_handed_out_has_an_example(documented):
    lacking = {"Examples"} - set(sections(documented))
    assert not lacking, f"{documented}: its docstring lacks the section Examples; add one"


def documented(x, y=1):
    """Y = x.

    Parameters
    ----------
    x, y : int
        Numbers.

    Returns
    -------
    int
        The number.

    Examples
    --------
    >>> documented(1)
    1
    """
    return x


@pytest.mark.parametrize(
    ("old", "new", "lacking"),
    [
        ("", "", []),
        ("Returns\n", "Gives\n", ["the section Returns"]),
        ("x, y : int", "x : int", ["the parameter y"]),
        ("Examples\n    --------", "Examples:", ["the section Examples"]),
    ],
)
def test_what_a_docstring_lacks_is_named(old, new, lacking, monkeypatch):
    """The negative control."""
    assert old in documented.__doc__
    monkeypatch.setattr(documented, "__doc__", documented.__doc__.replace(old, new) if old else documented.__doc__)
    assert missing(documented, ["Examples"]) == lacking
