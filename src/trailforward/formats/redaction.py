"""Redaction: replaces values of an event by a marker before the event is formatted.

All other bytes stay unchanged, because the values are cut out of the text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.errors import EventError
from trailforward.jsontext import elements, members, to_bytes, to_text
from trailforward.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = "REDACTED_BY_TRAILFORWARD"

#: Maximum levels on the way to a value, arrays included. CloudTrail's records have about ten. Each level is
#: read once more, and Python's stack is limited.
MAX_LEVELS = 64

#: Key → the tree below it; True at the end of a path.
_Tree = dict[str, Any]


class Redaction:
    """Redacts the events for one sink.

    Args:
        paths: dotted paths such as ``detail.requestParameters.password``. A path continues through arrays, as
            in patterns. Paths that an event lacks are ignored.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._tree: _Tree = {}
        for path in paths:
            _add_path(self._tree, path.split("."))

    def __call__(self, message: Message) -> Message:
        """The message with redacted values; the same message if it has none of them.

        Raises:
            EventError: the message is not an event; or ``redact_too_deep``: a path leads through too many
                levels, so it is not certain that nothing is left to redact.
        """
        text = to_text(message.raw)
        _ = message.event  # raises if the bytes are not an event
        # For a record without an envelope, paths start at ``detail``.
        no_envelope = all(key != "detail" for key, *_ in members(text))
        tree = self._tree.get("detail", {}) if no_envelope else self._tree
        spans = list(_spans(text, 0, tree)) if isinstance(tree, dict) else []
        if not spans:
            return message
        parts, end = [], 0
        for start, stop in spans:
            parts += [text[end:start], json.dumps(MARK)]
            end = stop
        redacted = Message(to_bytes("".join([*parts, text[end:]])), message.origin)
        redacted.matched = message.matched
        return redacted


def _add_path(tree: _Tree, steps: list[str]) -> None:
    *parents, last = steps
    for step in parents:
        if tree.get(step) is True:  # a shorter path covers it
            return
        tree = tree.setdefault(step, {})
    tree[last] = True


def _spans(text: str, start: int, tree: _Tree, level: int = 1) -> Iterator[tuple[int, int]]:
    """Yields the start and end of each value, in order."""
    if level > MAX_LEVELS:
        raise EventError("redact_too_deep", f"a path to redact leads through more than {MAX_LEVELS} levels")
    while text[start : start + 1] in {" ", "\t", "\n", "\r"}:
        start += 1
    match text[start : start + 1]:
        case "{":
            for key, begin, end in members(text, start):
                wanted = tree.get(key)
                if wanted is True:
                    yield begin, end
                elif wanted is not None:
                    yield from _spans(text, begin, wanted, level + 1)
        case "[":
            for begin, _ in elements(text, start):
                yield from _spans(text, begin, tree, level + 1)
