"""NDJSON: an event is one line, and its bytes are not touched, so one with line breaks cannot be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.sinks.base import Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry

_REASON = 'holds a line break between tokens, which a line of NDJSON cannot; batch = "array" can'


def one_line_each(batch: Sequence[Entry]) -> tuple[list[tuple[int, Entry]], list[Rejection]]:
    """The entries that are one line each, with their places, and the refusals of the others."""
    sendable: list[tuple[int, Entry]] = []
    refused: list[Rejection] = []
    for index, entry in enumerate(batch):
        if b"\n" in entry.data or b"\r" in entry.data:
            refused.append(Rejection(index, "line_break", _REASON, transient=False))
        else:
            sendable.append((index, entry))
    return sendable, refused
