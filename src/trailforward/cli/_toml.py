"""Writes event patterns as readable TOML."""

from __future__ import annotations

import json
import re
from typing import Any

_BARE = re.compile("[A-Za-z0-9_-]+")


def tables(name: str, table: dict[str, Any]) -> str:
    """Returns a table with its header, followed by its nested tables with their headers."""
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    parts = []
    if values or not inner:
        lines = [f"{_key(key)} = {_value(value)}" for key, value in values.items()]
        parts.append("\n".join([f"[{name}]", *lines]) + "\n")
    parts += [tables(f"{name}.{_key(key)}", value) for key, value in inner.items()]
    return "\n".join(parts)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list):
        items = [_value(item) for item in value]
        if any(isinstance(item, dict) and len(item) > 1 for item in value):  # branches of $or: one line each
            return "[\n" + "".join(f"  {item},\n" for item in items) + "]"
        return f"[{', '.join(items)}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    """Returns a literal string if that avoids escapes, else a basic string, which has JSON's escapes."""
    if re.search(r'["\\]', text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
