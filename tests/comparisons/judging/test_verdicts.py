"""Verdicts are made in judging/ alone: elsewhere a check is passed on, or asked for by what it should say."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("comparisons", "benchmarks", "src/gradtwin")


def makers(source: str) -> list[int]:
    """The lines that construct a check or give one another verdict."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "Check" or (name == "replace" and any(k.arg == "verdict" for k in node.keywords)):
            lines.append(node.lineno)
    return lines


def test_checks_are_constructed_in_judging_alone():
    found = []
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if (ROOT / "comparisons" / "judging") not in file.parents:
                found += [f"{file.relative_to(ROOT)}:{line}" for line in makers(file.read_text())]
    assert not found, f"make these checks by a method of gradtwin.comparisons.judging.titles.Titles: {found}"


@pytest.mark.parametrize(
    "planted", ['Check("value", "relu", "value", "float64", "eager", "match")', 'replace(check, verdict="match")']
)
def test_a_planted_verdict_is_found(planted):
    assert makers(f"x = 1\ny = {planted}") == [2]
    assert not makers("replace(check, name='value')")
