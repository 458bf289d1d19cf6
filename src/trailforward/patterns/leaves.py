"""Finds the leaves of an event, the scalar values that patterns test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.jsontext import check_depth, decode, to_text
from trailforward.patterns.numbers import event_float

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The value of a missing field.
MISSING: Any = object()


def _refuse_constant(literal: str) -> Any:
    raise ValueError(literal)


# Numbers that a double cannot hold exactly, such as 0.1000000000000000055, keep their text: EventBridge
# compares them as text.
_DECODER = json.JSONDecoder(parse_float=event_float, parse_constant=_refuse_constant)


def parsed_event(event: Any) -> Any:
    """The event as a dict; parses text, and nothing that is parsed already.

    Args:
        event: a dict; JSON text or bytes; or anything with an ``event`` dict, such as
            :class:`trailforward.message.Message`, which is parsed only once.

    Raises:
        EventError: the text is not JSON, or the message is not an event.
    """
    if isinstance(event, dict):
        return event
    if isinstance(event, (str, bytes)):
        try:
            text = to_text(event) if isinstance(event, bytes) else event
            found = _DECODER.decode(text)
        except (ValueError, RecursionError):
            return decode(event)  # handles deep and long JSON, or raises a clear error
        check_depth(text, 0, len(text))
        return found
    return getattr(event, "event", event)


def own_leaves(value: Any) -> Iterator[Any]:
    """The leaves of a field's own value, including nested arrays but not objects."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += reversed(value)
        elif value is not MISSING and not isinstance(value, dict):
            yield value


def leaves(event: Any, path: str) -> Iterator[Any]:
    """The leaves at a dotted path, through arrays, and however the path is split into keys."""
    end = len(path) + 1
    stack = [(event, 0)]
    while stack:
        value, at = stack.pop()
        if isinstance(value, dict):
            stack += [(value[key], after) for key, after in matching_keys(value, path, at)]
        elif isinstance(value, list):
            stack += [(item, at) for item in reversed(value)]
        elif at == end:
            yield value


def matching_keys(value: dict[Any, Any], path: str, at: int) -> Iterator[tuple[str, int]]:
    """The keys of an object that continue a path, each with the position in the path after it.

    ``a.b`` continues with the key ``a`` or the key ``a.b``, because EventBridge compares joined paths. After
    the last key, the position is the length of the path + 1.
    """
    length = len(path)
    if at > length:
        return
    if len(value) > path.count(".", at):
        # Fewer names continue the path than the object has keys, of which an event may have any number.
        dot = path.find(".", at)
        while dot >= 0:
            if (key := path[at:dot]) in value:
                yield key, dot + 1
            dot = path.find(".", dot + 1)
        if (key := path[at:]) in value:
            yield key, length + 1
        return
    for key in value:
        if isinstance(key, str) and path.startswith(key, at):
            after = at + len(key)
            if after == length or path[after] == ".":
                yield key, after + 1
