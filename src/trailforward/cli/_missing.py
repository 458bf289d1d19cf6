"""The list of missing events, as ``trailforward audit --missing`` writes it."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from trailforward.cli._world import stop

if TYPE_CHECKING:
    from pathlib import Path

#: Most bytes of a line: a key of 1,024 bytes, and sentences.
_MOST_LINE = 64 * 1024
_DIGITS = 8


class Row(NamedTuple):
    """A missing event.

    Attributes:
        event_id: its ID; empty if it has none.
        time: ``eventTime``; empty if unknown.
        file: key of its log file, below the trail's location.
        number: of its record in the file, from 0.
        sinks: names of the sinks that need it; empty for all.
    """

    event_id: str
    time: str
    file: str
    number: int
    sinks: tuple[str, ...] = ()


class Missing(NamedTuple):
    """A list of missing events.

    Attributes:
        files: key of each log file to its missing events, each event once.
        events: their number.
        repeated: rows that name an event again.
        name: identifies the list, for what is repaired with it.
    """

    files: dict[str, dict[int, Row]]
    events: int
    repeated: int
    name: str


def read_missing(path: Path) -> Missing:
    """Reads a list of missing events.

    Raises:
        typer.Exit: with 2; the file cannot be read, or a line is not a row. Nothing has been sent then.
    """
    files: dict[str, dict[int, Row]] = {}
    known: set[str] = set()
    events = rows = 0
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_MOST_LINE + 1):
                number += 1
                digest.update(line)
                if line.strip():
                    rows += 1
                    row = _row(line, f"{path}:{number}")
                    of_file = files.setdefault(row.file, {})
                    if row.event_id not in known and row.number not in of_file:
                        of_file[row.number] = row
                        events += 1
                    known |= {row.event_id} - {""}
    except OSError as error:
        stop(f"{path}: {error.strerror}")
    return Missing(dict(sorted(files.items())), events, rows - events, digest.hexdigest()[:_DIGITS])


def _row(line: bytes, place: str) -> Row:
    if len(line) > _MOST_LINE:
        stop(
            f"{place}: the line has more than {_MOST_LINE:,} bytes. Fix: write the list with audit --missing."
        )
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    about = value if isinstance(value, dict) else {}
    file, index = about.get("file"), about.get("index")
    if not isinstance(file, str) or not file:
        _refuse(place, "file", "the key of a log file")
    if type(index) is not int or index < 0:
        _refuse(place, "index", "the number of a record in the file, from 0")
    texts = [about.get(name) for name in ("eventID", "eventTime")]
    event_id, time = (text if isinstance(text, str) else "" for text in texts)
    sinks = about.get("sinks", [])
    if not isinstance(sinks, list) or not all(isinstance(name, str) and name for name in sinks):
        _refuse(place, "sinks", "a list of names of sinks")
    return Row(event_id, time, sys.intern(file), index, tuple(map(sys.intern, sinks)))


def _refuse(place: str, field: str, form: str) -> NoReturn:
    stop(f"{place}: the field {field} is not {form}. Fix: write the list with trailforward audit --missing.")
