"""A unit in the report bucket: what one child execution read, so that one part of it can be read alone.

The object is: the number of parts, the length of the head, the number of events in each part (4 bytes each,
big endian), the head as JSON, and for each part the columns of its events.
"""

from __future__ import annotations

import json
import struct
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit.steps.folder import together
from trailforward.audit.units import Row, read_head, read_part

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from trailforward.audit.steps.folder import Folder

_START = struct.Struct(">II")
_NUMBER = 4
#: Bytes that usually have the whole head.
_FIRST = 64 * 1024
#: Bytes of an event: its columns.
EVENT_BYTES = 8 * len(Row._fields)


class Unit(NamedTuple):
    """Where the parts of a unit are.

    Attributes:
        name: of the object.
        events: in each part.
        data: position of the first part.
    """

    name: str
    events: list[int]
    data: int


def pack(path: Path, parts: int, more: dict[str, Any]) -> bytes:
    """A unit's object.

    Args:
        path: of the unit that the audit's work wrote.
        parts: number of parts.
        more: what the head has beside the unit's own.
    """
    head = {name: value for name, value in read_head(path).items() if name != "parts"}
    text = json.dumps({**head, **more}).encode("ascii")
    rows = [read_part([path], part) for part in range(parts)]
    events = [len(row.keys) for row in rows]
    columns = [column.tobytes() for row in rows for column in row]
    return b"".join([_START.pack(parts, len(text)), struct.pack(f">{parts}I", *events), text, *columns])


def read_heads(folder: Folder, names: Iterable[str]) -> list[tuple[Unit, dict[str, Any]]]:
    """The units with their heads, in the order of the names."""

    def read(name: str) -> tuple[Unit, dict[str, Any]]:
        data = folder.slice(name, 0, _FIRST)
        parts, length = _START.unpack_from(data)
        end = _START.size + _NUMBER * parts
        if end + length > len(data):
            data = folder.slice(name, 0, end + length)
        events = list(struct.unpack_from(f">{parts}I", data, _START.size))
        return Unit(name, events, end + length), json.loads(data[end : end + length])

    return together([lambda name=name: read(name) for name in names])  # type: ignore[misc]


def part_of(folder: Folder, units: Iterable[Unit], part: int) -> Row:
    """The events of one part of all units."""
    wanted = [
        (unit.name, unit.data + EVENT_BYTES * sum(unit.events[:part]), EVENT_BYTES * unit.events[part])
        for unit in units
        if unit.events[part]
    ]
    whole = Row(*(array("Q") for _ in Row._fields))
    for data in folder.slices(wanted):
        size = len(data) // len(whole)
        for number, column in enumerate(whole):
            column.frombytes(data[number * size : (number + 1) * size])
    return whole
