"""Framings: how the events of a batch make one body, each with its exact bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trailforward.jsontext import to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry


class Framing:
    """The bodies of a sink. This one is an event on its own.

    Attributes:
        content_type: of the body; empty if it is that of the event.
        one_line: whether an event with line breaks cannot be sent.
        overhead: bytes of a body before its first event.
    """

    content_type: str = ""
    one_line: ClassVar[bool] = False
    overhead: ClassVar[int] = 0

    def frame(self, entry: Entry) -> bytes:
        """One event with what belongs to it."""
        return entry.data

    def size(self, entry: Entry) -> int:
        """Bytes that an event adds to a body."""
        return len(self.frame(entry))

    def body(self, batch: Sequence[Entry]) -> bytes:
        """All events of a batch."""
        return b"".join(map(self.frame, batch))


class Array(Framing):
    """A JSON array."""

    content_type = "application/json"
    overhead = 2

    def size(self, entry: Entry) -> int:
        """The event, and a comma."""
        return super().size(entry) + 1

    def body(self, batch: Sequence[Entry]) -> bytes:
        """Brackets and commas around the events."""
        return b"[" + b",".join(map(self.frame, batch)) + b"]"


class Ndjson(Framing):
    """A line each."""

    content_type = "application/x-ndjson"
    one_line = True

    def frame(self, entry: Entry) -> bytes:
        """The event, and a line break."""
        return entry.data + b"\n"

    def size(self, entry: Entry) -> int:
        """Counts without making a copy."""
        return len(entry.data) + 1


class CloudEventsArray(Array):
    """A batch of CloudEvents.

    Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
    """

    content_type = "application/cloudevents-batch+json"


def quoted(data: bytes) -> bytes:
    """The data as a JSON string, which gives back exactly these bytes when it is read.

    Raises:
        EventError: ``not_utf8``.
    """
    import json

    text = to_text(data)
    try:
        return json.dumps(text, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate can only be spelt as an escape
        return json.dumps(text).encode()
