"""What an event offers to patterns: the leaves of its fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.jsontext import check_depth, decode, to_text
from trailforward.patterns.numbers import event_float

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a field holds that is not there.
MISSING: Any = object()


def _refuse_constant(literal: str) -> Any:
    raise ValueError(literal)


# Text keeps what a double would bend, such as 0.1000000000000000055: the service compares it as text.
_DECODER = json.JSONDecoder(parse_float=event_float, parse_constant=_refuse_constant)


def view(event: Any) -> Any:
    """The event as a dict, parsing no more than needed.

    Args:
        event: a dict; JSON text or bytes; or anything with an ``event`` dict, such as
            :class:`trailforward.message.Message`, which is parsed only once.

    Raises:
        EventError: the text is not JSON, or the message no event.
    """
    if isinstance(event, dict):
        return event
    if isinstance(event, (str, bytes)):
        try:
            text = to_text(event) if isinstance(event, bytes) else event
            found = _DECODER.decode(text)
        except (ValueError, RecursionError):
            return decode(event)  # deep and long, or the one clear error
        check_depth(text, 0, len(text))
        return found
    return getattr(event, "event", event)


def scalars(value: Any) -> Iterator[Any]:
    """The scalar leaves of a field itself: of nested arrays too, not of objects."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += reversed(value)
        elif value is not MISSING and not isinstance(value, dict):
            yield value


def leaves(event: Any, path: str) -> Iterator[Any]:
    """The scalar leaves at a dotted path, whatever the split of the path and the arrays on the way."""
    end = len(path) + 1
    stack = [(event, 0)]
    while stack:
        value, at = stack.pop()
        if isinstance(value, dict):
            stack += [(value[key], after) for key, after in steps(value, path, at)]
        elif isinstance(value, list):
            stack += [(item, at) for item in reversed(value)]
        elif at == end:
            yield value


def steps(value: dict[Any, Any], path: str, at: int) -> Iterator[tuple[str, int]]:
    """The keys of an object that continue a path, with the position behind each.

    ``a.b`` continues with ``a`` as well as with ``a.b``: pattern and event are compared by joined paths.
    Behind its last step a path stands at its length + 1.
    """
    length = len(path)
    if at > length:
        return
    for key in value:
        if isinstance(key, str) and path.startswith(key, at):
            after = at + len(key)
            if after == length or path[after] == ".":
                yield key, after + 1
