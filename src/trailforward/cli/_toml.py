"""Event patterns as TOML, as people would write them."""

from __future__ import annotations

import json
import re
from typing import Any

_BARE = re.compile("[A-Za-z0-9_-]+")


def tables(name: str, table: dict[str, Any]) -> str:
    """A table with a header of its own; tables inside it get theirs, below."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    parts = []
    if plain or not inner:
        lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
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
        if any(isinstance(item, dict) and len(item) > 1 for item in value):  # branches of $or: a line each
            return "[\n" + "".join(f"  {item},\n" for item in items) + "]"
        return f"[{', '.join(items)}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    """A string: literal where that spares escapes, else basic, whose escapes are JSON's."""
    if re.search(r'["\\]', text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
