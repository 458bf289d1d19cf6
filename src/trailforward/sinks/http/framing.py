"""Combines the events of a batch into one request body. Each event keeps its exact bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.jsontext import to_text
from trailforward.sinks._lines import on_one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry


class Framing:
    """Base class of framings. This one writes a single event without anything around it.

    Attributes:
        content_type: content type of the body; empty to use the event's content type.
        overhead: bytes in a body that belong to no event.
    """

    content_type: str = ""
    overhead: int = 0

    def frame(self, entry: Entry) -> bytes:
        """One event with its prefix and suffix."""
        return entry.data

    def size(self, entry: Entry) -> int:
        """Bytes that an event adds to a body."""
        return len(self.frame(entry))

    def body(self, batch: Sequence[Entry]) -> bytes:
        """The body for a batch."""
        return b"".join(map(self.frame, batch))


class Array(Framing):
    """A JSON array."""

    content_type = "application/json"
    overhead = 2

    def size(self, entry: Entry) -> int:
        """The event plus a comma."""
        return super().size(entry) + 1

    def body(self, batch: Sequence[Entry]) -> bytes:
        """The events in brackets, separated by commas."""
        return b"[" + b",".join(map(self.frame, batch)) + b"]"


class Ndjson(Framing):
    """One line per event."""

    content_type = "application/x-ndjson"

    def frame(self, entry: Entry) -> bytes:
        """The event on one line, plus a line break."""
        return on_one_line(entry) + b"\n"

    def size(self, entry: Entry) -> int:
        """The event plus a line break, counted without a copy."""
        return len(entry.data) + 1


class CloudEventsArray(Array):
    """A JSON array of CloudEvents.

    Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
    """

    content_type = "application/cloudevents-batch+json"


def quoted(data: bytes) -> bytes:
    """The data as a JSON string. Decoding the string returns exactly these bytes.

    Raises:
        EventError: ``not_utf8``.
    """
    import json

    text = to_text(data)
    try:
        return json.dumps(text, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate needs an escape sequence
        return json.dumps(text).encode()
