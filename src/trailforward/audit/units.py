"""What was read, on disk: one file per unit of work, with the events in parts by their keys.

A unit's file appears in one step, when it is complete, so that an audit that was killed continues after its
last unit. All events with one key are in the same part, so that parts can be compared one at a time.
"""

from __future__ import annotations

import json
import os
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_KEY_BITS = 64
_BYTES = 8
#: Events in a part that is compared in one go.
PART_EVENTS = 100_000
MAX_PARTS = 4_096
#: Position of the file's number in a reference; the index of the record is below it.
FILE_SHIFT = 32
INDEX_MASK = (1 << FILE_SHIFT) - 1


class Row(NamedTuple):
    """Columns of some events.

    Attributes:
        keys: 64 bits of each ID.
        refs: number of the file and index of the record: see :data:`FILE_SHIFT`.
        checks: hashes of the bytes, 0 if not known.
    """

    keys: array[int]
    refs: array[int]
    checks: array[int]


def parts_for(events: int) -> int:
    """Number of parts for so many events: a power of two."""
    parts = 1
    while parts * PART_EVENTS < events and parts < MAX_PARTS:
        parts *= 2
    return parts


class Unit:
    """Collects the events of one unit of work.

    Args:
        parts: number of parts, a power of two.
    """

    def __init__(self, parts: int) -> None:
        self._shift = _KEY_BITS - (parts.bit_length() - 1)
        self._rows = [Row(array("Q"), array("Q"), array("Q")) for _ in range(parts)]

    def add(self, file: int, events: Iterable[tuple[int, int, int]]) -> None:
        """Adds the events of a file: index, key, and check of each."""
        base = file << FILE_SHIFT
        rows, shift = self._rows, self._shift
        for index, key, check in events:
            keys, refs, checks = rows[key >> shift]
            keys.append(key)
            refs.append(base | index)
            checks.append(check)

    def save(self, path: Path, about: dict[str, Any]) -> None:
        """Writes the unit in one step.

        Args:
            path: of the file.
            about: what else the unit found, as JSON.
        """
        head = json.dumps({**about, "parts": [len(row.keys) for row in self._rows]}).encode()
        draft = path.with_suffix(f".{os.getpid()}")
        with draft.open("wb") as file:
            file.write(len(head).to_bytes(_BYTES, "big") + head)
            for row in self._rows:
                for column in row:
                    column.tofile(file)
        draft.replace(path)


def read_head(path: Path) -> dict[str, Any]:
    """What else a unit found, with the number of events in each part."""
    with path.open("rb") as file:
        head: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(_BYTES), "big")))
        return head


def read_part(paths: Sequence[Path], part: int) -> Row:
    """The events of one part of all units."""
    whole = Row(array("Q"), array("Q"), array("Q"))
    for path in paths:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(_BYTES), "big")
            counts = json.loads(file.read(size))["parts"]
            file.seek(_BYTES + size + sum(counts[:part]) * 3 * _BYTES)
            for column in whole:
                column.fromfile(file, counts[part])
    return whole
