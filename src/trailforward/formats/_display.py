"""Converts values of events to single lines of text, so that hostile values cannot add lines."""

from __future__ import annotations

import json
from typing import Any

_CHARACTERS = 300
_JSON_CHARACTERS = 4_000


def to_line(value: Any, max_characters: int = _CHARACTERS) -> str:
    """The value as one line without control characters; empty for None, objects, and arrays."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    text = str(value)
    cut = text[:max_characters]
    printable = "".join(character if character.isprintable() else " " for character in cut).strip()
    return printable if len(text) <= max_characters else printable + "…"


def to_json_line(value: Any) -> str:
    """The value as one line of JSON, shortened if it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return "(nested too deeply to show)"
    return to_line(text, _JSON_CHARACTERS)
