"""One line per event, for destinations that read lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trailforward.sinks.base import Entry


def on_one_line(entry: Entry) -> bytes:
    """The data of an entry without CR and LF, unless it is text for people.

    In JSON, CR and LF stand only between tokens; in strings they are escaped. So strings, numbers, and all
    other whitespace stay as they are.
    """
    data = entry.data
    if (b"\n" in data or b"\r" in data) and not entry.content_type.startswith("text/"):
        return data.translate(None, b"\r\n")
    return data
