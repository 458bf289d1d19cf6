"""Filters entries for NDJSON. Event bytes are never changed, so an event with line breaks cannot be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.errors import Cause
from trailforward.sinks.base import Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry

_REASON = 'contains a line break, which NDJSON does not allow. Fix: set batch = "array"'


def one_line_each(batch: Sequence[Entry]) -> tuple[list[tuple[int, Entry]], list[Rejection]]:
    """The entries without line breaks with their indexes, and rejections for the others."""
    sendable: list[tuple[int, Entry]] = []
    rejections: list[Rejection] = []
    for index, entry in enumerate(batch):
        if b"\n" in entry.data or b"\r" in entry.data:
            rejections.append(Rejection(index, "line_break", _REASON, transient=False, cause=Cause.CONTENT))
        else:
            sendable.append((index, entry))
    return sendable, rejections
