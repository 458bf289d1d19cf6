"""Values of events as lines of text. They come from anybody, and must not forge further lines."""

from __future__ import annotations

import json
from typing import Any

_CHARACTERS = 300
_JSON_CHARACTERS = 4_000


def line(value: Any, most: int = _CHARACTERS) -> str:
    """One line without control characters, whatever the value; empty for what is no plain value."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    text = str(value)
    cut = text[:most]
    plain = "".join(character if character.isprintable() else " " for character in cut).strip()
    return plain if len(text) <= most else plain + "…"


def as_json(value: Any) -> str:
    """One line of JSON, cut where it gets long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return "(nested too deeply to show)"
    return line(text, _JSON_CHARACTERS)
