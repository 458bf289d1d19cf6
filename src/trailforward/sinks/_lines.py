"""One line per event, for destinations that read lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward import jsontext

if TYPE_CHECKING:
    from trailforward.sinks.base import Entry


def on_one_line(entry: Entry) -> bytes:
    """The data of an entry without CR and LF, unless it is text for people."""
    return entry.data if entry.content_type.startswith("text/") else jsontext.on_one_line(entry.data)
