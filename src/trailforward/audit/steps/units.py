"""A unit in the report bucket: the file that the audit's work wrote, and after it what the index needs.

A child execution that compares one part reads only that part of each unit, into a file with holes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit.steps.folder import together
from trailforward.audit.units import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trailforward.audit.steps.folder import Folder

#: Bytes that usually have the layout.
_FIRST = 8 * 1024


class Unit(NamedTuple):
    """A unit in the bucket.

    Attributes:
        name: of the object.
        head: bytes before the first part.
        parts: first byte and length of each part.
        end: bytes of the file; the rest of the object is for the index.
    """

    name: str
    head: int
    parts: Sequence[Sequence[int]]
    end: int

    @property
    def rest(self) -> tuple[int, int]:
        """First byte and length of what is after the parts: notes and JSON."""
        first = self.parts[-1][0] + self.parts[-1][1]
        return first, self.end - first


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
        more = (
            start[layout.end :] if size <= len(start) else folder.slice(name, layout.end, size - layout.end)
        )
        return Unit(name, *layout), json.loads(more)

    names = folder.names(below)
    return together([lambda one=one: read(*one) for one in names])  # type: ignore[misc]


def local(folder: Folder, units: Sequence[Unit], where: Path, part: int | None, *, rest: bool) -> list[Path]:
    """Files of units that have only some of their bytes.

    Args:
        folder: of the run.
        units: to read.
        where: a folder for the files.
        part: the part that is needed; None for none.
        rest: whether notes and JSON are needed.
    """
    wanted: list[tuple[int, str, int, int]] = []
    for number, unit in enumerate(units):
        spans = [(0, unit.head)]
        spans += [tuple(unit.parts[part])] if part is not None else []  # type: ignore[list-item]
        spans += [unit.rest] if rest else []
        wanted += [(number, unit.name, *span) for span in spans if span[1]]
    paths = [where / f"{number}.unit" for number in range(len(units))]
    data = folder.slices([(name, first, length) for _, name, first, length in wanted])
    for (number, _, first, _), some in zip(wanted, data, strict=True):
        with paths[number].open("r+b" if paths[number].exists() else "wb") as file:
            file.seek(first)
            file.write(some)
    return paths
