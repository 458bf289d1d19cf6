"""Redaction: values taken out of an event before it is formatted, each marked where it stood.

The text is cut at the values' own places: all other bytes stay as they are.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.jsontext import elements, members, to_bytes, to_text
from trailforward.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = "REDACTED_BY_TRAILFORWARD"

#: Path → what follows it; True where a path ends.
_Tree = dict[str, Any]


class Redaction:
    """What is taken out of the events for one sink.

    Args:
        paths: dotted names: ``detail.requestParameters.password``. Arrays are passed through, as patterns do.
            What an event has not is no error.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._tree: _Tree = {}
        for path in paths:
            _plant(self._tree, path.split("."))

    def __call__(self, message: Message) -> Message:
        """The message without the values; itself, if it has none of them.

        Raises:
            EventError: the message is no event.
        """
        text = to_text(message.raw)
        _ = message.event  # raises for what is no event
        # A bare record is the ``detail`` of an envelope that it never had.
        bare = all(key != "detail" for key, *_ in members(text))
        tree = self._tree.get("detail", {}) if bare else self._tree
        spans = list(_spans(text, 0, tree)) if isinstance(tree, dict) else []
        if not spans:
            return message
        parts, end = [], 0
        for start, stop in spans:
            parts += [text[end:start], json.dumps(MARK)]
            end = stop
        return Message(to_bytes("".join([*parts, text[end:]])), message.origin)


def _plant(tree: _Tree, steps: list[str]) -> None:
    *way, last = steps
    for step in way:
        if tree.get(step) is True:  # a shorter path takes it all
            return
        tree = tree.setdefault(step, {})
    tree[last] = True


def _spans(text: str, start: int, tree: _Tree) -> Iterator[tuple[int, int]]:
    """The places of the values, in order."""
    while text[start : start + 1] in {" ", "\t", "\n", "\r"}:
        start += 1
    match text[start : start + 1]:
        case "{":
            for key, begin, end in members(text, start):
                wanted = tree.get(key)
                if wanted is True:
                    yield begin, end
                elif wanted is not None:
                    yield from _spans(text, begin, wanted)
        case "[":
            for begin, _ in elements(text, start):
                yield from _spans(text, begin, tree)
