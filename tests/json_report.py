"""Reads a report's JSON as a strict parser does, and holds it against the published schema."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = json.loads(files("gradtwin.comparisons.report").joinpath("report.schema.json").read_text())


def read_report(text: str) -> dict[str, Any]:
    """Return the report; raise AssertionError where the text is not JSON, or not by the schema."""
    data: dict[str, Any] = json.loads(text, parse_constant=_refuse)
    errors = [f"{error.json_path}: {error.message[:300]}" for error in Draft202012Validator(SCHEMA).iter_errors(data)]
    assert not errors, "\n".join(errors[:5])
    return data


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")
