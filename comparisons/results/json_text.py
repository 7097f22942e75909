"""Reports as JSON that any parser reads: infinities and NaN are written as text."""

from __future__ import annotations

import json

from gradtwin.cleaning import clean_all

from .data import Report
from .json_numbers import spelled


def to_json(report: Report) -> str:
    """Return the report under the keys of `report.schema.json`.

    JSON has no NaN and no infinities; they are the strings "NaN", "Infinity" and "-Infinity", which `float` takes.
    """
    return json.dumps(clean_all(spelled(report.to_dict())), indent=1, allow_nan=False) + "\n"
