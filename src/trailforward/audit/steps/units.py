"""A unit in the report bucket: the file that the audit's work wrote, and after it what the index needs.

The index says where each part of each unit is, part by part, so that a child execution that compares one part
reads only one row of it, and of each unit only that part.
"""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit.steps.folder import together
from trailforward.audit.units import Layout, of_one_part

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trailforward.audit.steps.folder import Folder

#: Bytes that usually have the layout.
_FIRST = 8 * 1024
#: Bytes of a place in the index: the first byte and the length.
_PLACE = 16


class Unit(NamedTuple):
    """A unit in the bucket.

    Attributes:
        name: of the object.
        layout: of the file; what follows it in the object is for the index.
    """

    name: str
    layout: Layout


def save(folder: Folder, name: str, path: Path, more: dict[str, Any]) -> None:
    """Writes a unit.

    Args:
        folder: of the run.
        name: of the object.
        path: the unit's file.
        more: what the index needs.
    """
    folder.put(name, path.read_bytes() + json.dumps(more).encode("ascii"))


def read_units(folder: Folder, below: str) -> list[tuple[Unit, dict[str, Any]]]:
    """The units whose names begin with ``below``, and what the index needs of each."""

    def read(name: str, size: int) -> tuple[Unit, dict[str, Any]]:
        start = folder.slice(name, 0, _FIRST)
        layout = Layout.of(start)
        if isinstance(layout, int):
            start = folder.slice(name, 0, layout)
            layout = Layout.of(start)
        assert isinstance(layout, Layout)  # noqa: S101  # it has all bytes that it asked for
        end = layout.end
        more = start[end:] if size <= len(start) else folder.slice(name, end, size - end)
        return Unit(name, layout), json.loads(more)

    names = folder.names(below)
    return together([lambda one=one: read(*one) for one in names])  # type: ignore[misc]


def write_index(folder: Folder, turn: int, parts: int, sides: Sequence[Sequence[Unit]]) -> None:
    """Writes the index.

    Args:
        folder: of the run.
        turn: of the comparison.
        parts: number of parts.
        sides: units of log files, and of the delivered side.
    """
    rows = [[(unit.name, *unit.layout[1:]) for unit in side] for side in sides]
    folder.put_json(f"index-{turn}.json", rows)
    spans = [unit.layout.spans.tobytes() for side in sides for unit in side]
    with folder.writer(f"index-{turn}.bin", "application/octet-stream") as out:
        for first in range(0, _PLACE * parts, _PLACE):
            out.write(b"".join([places[first : first + _PLACE] for places in spans]))


def read_index(folder: Folder, turn: int, part: int | None) -> list[list[Unit]]:
    """The units of both sides, with the place of one part, or of none."""
    sides = folder.get_json(f"index-{turn}.json")
    size = _PLACE * sum(map(len, sides))
    places = b"" if part is None else folder.slice(f"index-{turn}.bin", size * part, size)
    spans = iter(places[first : first + _PLACE] for first in range(0, size, _PLACE))
    return [
        [Unit(name, Layout(array("Q", next(spans)), *numbers)) for name, *numbers in side] for side in sides
    ]


def local(folder: Folder, units: Sequence[Unit], where: Path, *, rest: bool) -> list[Path]:
    """Files of units with the one part that the index gave, or none.

    Args:
        folder: of the run.
        units: from :func:`read_index`.
        where: a folder for the files.
        rest: whether notes and JSON are needed.
    """
    layouts = [unit.layout for unit in units]
    parts = folder.slices([(one.name, *(one.layout.spans or (0, 0))) for one in units])
    rests = (
        folder.slices([(one.name, one.layout.notes, one.layout.end - one.layout.notes) for one in units])
        if rest
        else iter([b""] * len(units))
    )
    paths = [where / f"{number}.unit" for number in range(len(units))]
    for path, layout, data, more in zip(paths, layouts, parts, rests, strict=True):
        path.write_bytes(of_one_part(data, more, layout))
    return paths
