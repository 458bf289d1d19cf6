"""The functions of Terraform that the modules in ``terraform/`` call."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def text_of(value: Any) -> str:
    """A value inside a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    assert isinstance(value, str | int | float), f"not a text: {value!r}"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class NoMatch(Exception):  # noqa: N818  # what Terraform calls an error
    """A text does not match the pattern of ``regex``."""


def _regex(pattern: str, text: str) -> str:
    assert not re.search(r"\(\?[=!<]", pattern), "RE2 has no lookaround"
    # RE2's $ is the end of the text, Python's also the place before the last line feed.
    found = re.search(re.sub(r"\$$", r"\\Z", pattern), text)
    if not found:
        raise NoMatch
    return found[0]


def _concat(*lists: list[Any]) -> list[Any]:
    return [one for several in lists for one in several]


def _distinct(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "alltrue": lambda values: all(value is True for value in values),
    "anytrue": lambda values: any(value is True for value in values),
    "ceil": math.ceil,
    "concat": _concat,
    "contains": lambda values, value: value in values,
    "distinct": _distinct,
    "floor": math.floor,
    "join": lambda separator, values: separator.join(values),
    "jsonencode": json.dumps,
    "length": len,
    "merge": lambda *objects: {key: value for one in objects for key, value in one.items()},
    "one": lambda values: values[0] if values else None,
    "regex": _regex,
    "split": lambda separator, text: text.split(separator),
    "startswith": lambda text, prefix: text.startswith(prefix),
    "trimprefix": lambda text, prefix: text.removeprefix(prefix),
    "tostring": text_of,
    "toset": frozenset,
}
