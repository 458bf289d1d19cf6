"""A unit in the report bucket: the file that the audit's work wrote, and after it what the index needs.

A child execution that compares one part reads only that part of each unit, into a file with holes.
"""

from __future__ import annotations

import json
from array import array
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
        head: the numbers at the beginning of the file, which say where its parts are.
    """

    name: str
    head: Sequence[int]

    @property
    def layout(self) -> Layout:
        """Where the file has what. After it, the object has what is for the index."""
        layout = Layout.of(self.start)
        assert isinstance(layout, Layout)  # noqa: S101  # the head is complete
        return layout

    @property
    def start(self) -> bytes:
        """The first bytes of the file."""
        return array("Q", self.head).tobytes()


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
        return Unit(name, array("Q", start[: layout.head]).tolist()), json.loads(more)

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
    paths = [where / f"{number}.unit" for number in range(len(units))]
    wanted: list[tuple[Path, str, int, int]] = []
    for unit, path in zip(units, paths, strict=True):
        path.write_bytes(unit.start)
        layout = unit.layout
        if part is not None:
            wanted.append((path, unit.name, *layout.parts[part]))
        if rest:
            first = sum(layout.parts[-1])
            wanted.append((path, unit.name, first, layout.end - first))
    data = folder.slices([(name, first, length) for _, name, first, length in wanted])
    for (path, _, first, _), some in zip(wanted, data, strict=True):
        with path.open("r+b") as file:
            file.seek(first)
            file.write(some)
    return paths
