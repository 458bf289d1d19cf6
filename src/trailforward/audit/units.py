"""What was read, on disk: one file per unit of work, with the events in parts by their keys.

A unit's file appears in one step, when it is complete, so that an audit that was killed continues after its
last unit. All events with one key are in the same part, so that parts can be compared one at a time.

The file: five numbers of 64 bits (number of parts, whether there are checks, the places of the notes and of
the JSON, and the end), the number of events in each part, the columns of each part, the notes, and the JSON.
"""

from __future__ import annotations

import json
import os
from array import array
from itertools import accumulate
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_KEY_BITS = 64
_BYTES = 8
_NUMBERS = 5
#: Events in a part that is compared in one go.
PART_EVENTS = 50_000
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

    Attributes:
        rows: the columns of each part.
        notes: bytes that are kept as they are.
    """

    def __init__(self, parts: int) -> None:
        self._shift = _KEY_BITS - (parts.bit_length() - 1)
        self.rows = [Row(array("Q"), array("Q"), array("Q")) for _ in range(parts)]
        self._append = [(keys.append, refs.append, checks.append) for keys, refs, checks in self.rows]
        self.notes = bytearray()

    def add(self, file: int, events: Iterable[tuple[int, int, int]]) -> None:
        """Adds the events of a file: index, key, and check of each."""
        base = file << FILE_SHIFT
        columns = list(zip(*((key, base | index, check) for index, key, check in events), strict=True))
        if columns:
            self.extend(*columns)

    def extend(self, keys: Iterable[int], refs: Iterable[int], checks: Iterable[int]) -> None:
        """Adds columns of events, as those of :class:`Row`."""
        if len(self.rows) == 1:
            for column, more in zip(self.rows[0], (keys, refs, checks), strict=True):
                column.extend(more)
            return
        append, shift = self._append, self._shift
        for key, ref, check in zip(keys, refs, checks, strict=True):
            add_key, add_ref, add_check = append[key >> shift]
            add_key(key)
            add_ref(ref)
            add_check(check)

    def save(self, path: Path, about: dict[str, Any]) -> None:
        """Writes the unit in one step.

        Args:
            path: of the file.
            about: what else the unit found, as JSON.
        """
        counts = array("Q", [len(row.keys) for row in self.rows])
        checked = any(any(row.checks) for row in self.rows)
        notes = _BYTES * (_NUMBERS + len(counts) + sum(counts) * (3 if checked else 2))
        text = json.dumps(about).encode()
        places = (notes, notes + len(self.notes), notes + len(self.notes) + len(text))
        draft = path.with_suffix(f".{os.getpid()}")
        with draft.open("wb") as file:
            array("Q", [len(counts), checked, *places]).tofile(file)
            counts.tofile(file)
            for row in self.rows:
                for column in row if checked else row[:2]:
                    column.tofile(file)
            file.write(self.notes)
            file.write(text)
        draft.replace(path)


class Layout(NamedTuple):
    """Where a unit's file has what.

    Attributes:
        spans: first byte and length of each part in turn.
        checked: whether there are checks.
        notes: first byte of the notes.
        text: first byte of the JSON.
        end: bytes of the file.
    """

    spans: array[int]
    checked: int
    notes: int
    text: int
    end: int

    @classmethod
    def of(cls, start: bytes) -> Layout | int:
        """The layout of a file that begins with these bytes, or how many bytes of the file are needed."""
        parts, checked, notes, text, end = array("Q", start[: _BYTES * _NUMBERS])
        head = _BYTES * (_NUMBERS + parts)
        if len(start) < head:
            return head
        width = _BYTES * (3 if checked else 2)
        sizes = array("Q", (width * count for count in array("Q", start[_BYTES * _NUMBERS : head])))
        spans = array("Q", bytes(2 * _BYTES * parts))
        spans[0::2] = array("Q", accumulate(sizes[:-1], initial=head))
        spans[1::2] = sizes
        return cls(spans, checked, notes, text, end)


def of_one_part(data: bytes, rest: bytes, layout: Layout) -> bytes:
    """A unit's file with only one of its parts.

    Args:
        data: of the part.
        rest: notes and JSON; empty if they are not needed.
        layout: of the whole file.
    """
    count = len(data) // (_BYTES * (3 if layout.checked else 2))
    notes = _BYTES * (_NUMBERS + 1) + len(data)
    places = (notes, notes + layout.text - layout.notes, notes + layout.end - layout.notes)
    return array("Q", [1, layout.checked, *places, count]).tobytes() + data + rest


def _numbers(file: BinaryIO, count: int) -> array[int]:
    found = array("Q")
    found.fromfile(file, count)
    return found


def read_head(path: Path) -> dict[str, Any]:
    """What else a unit found."""
    with path.open("rb") as file:
        _, _, _, start, end = _numbers(file, _NUMBERS)
        file.seek(start)
        head: dict[str, Any] = json.loads(file.read(end - start))
        return head


def read_notes(path: Path) -> bytes:
    """The notes of a unit."""
    with path.open("rb") as file:
        _, _, start, end, _ = _numbers(file, _NUMBERS)
        file.seek(start)
        return file.read(end - start)


def read_part(paths: Sequence[Path], part: int) -> Row:
    """The events of one part of all units."""
    whole = Row(array("Q"), array("Q"), array("Q"))
    for path in paths:
        with path.open("rb") as file:
            parts, checked, *_ = _numbers(file, _NUMBERS)
            counts = _numbers(file, parts)
            count = counts[part]
            file.seek(_BYTES * (_NUMBERS + parts + sum(counts[:part]) * (3 if checked else 2)))
            whole.keys.fromfile(file, count)
            whole.refs.fromfile(file, count)
            if checked:
                whole.checks.fromfile(file, count)
            else:
                whole.checks.frombytes(bytes(_BYTES * count))
    return whole


def sliced(row: Row, slices: int) -> list[Row]:
    """Some events in slices: all events with one key are in the same one."""
    if slices == 1:
        return [row]
    found = [Row(array("Q"), array("Q"), array("Q")) for _ in range(slices)]
    append = [(keys.append, refs.append, checks.append) for keys, refs, checks in found]
    for key, ref, check in zip(*row, strict=True):
        add_key, add_ref, add_check = append[key % slices]
        add_key(key)
        add_ref(ref)
        add_check(check)
    return found
