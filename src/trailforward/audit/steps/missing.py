"""The list of a repair: groups its events by log file, and cuts their records out of the files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence  # noqa: TC003  # a field's type
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit.steps.lister import write_list
from trailforward.audit.steps.run import place
from trailforward.audit.steps.settings import InvalidInputError
from trailforward.message import Message, Origin
from trailforward.sources import log_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trailforward.audit.steps.run import Run

#: Events of a list: a function holds them in memory. Larger lists mean that a backfill is better.
MOST_EVENTS = 2_000_000
_MOST_LINE = 64 * 1024
_DIGITS = 8
_BLOCK = 256 * 1024
#: The envelope's key that EventBridge uses for replayed events.
REPLAY_NAME = "replay-name"


class Row(NamedTuple):
    """A missing event.

    Attributes:
        number: of its record in the log file, from 0.
        event_id: its ID; empty if it has none.
        sinks: names of the sinks that need it; empty for all.
    """

    number: int
    event_id: str
    sinks: Sequence[str] = ()


def write_repair(run: Run) -> dict[str, Any]:
    """Writes the list of log files with their missing events.

    Raises:
        InvalidInputError: a line of the list is damaged, or there are too many. Nothing has been sent then.
        StorageError: the list cannot be read.
    """
    bucket, _, key = run.request.missing.removeprefix("s3://").partition("/")
    text = place(f"s3://{bucket}").read(key)
    files: dict[str, dict[int, Row]] = {}
    known: set[str] = set()
    events = rows = 0
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        file, row = _row(line, f"{run.request.missing}:{number}")
        rows += 1
        of_file = files.setdefault(file, {})
        if row.event_id not in known and row.number not in of_file:
            of_file[row.number] = row
            events += 1
        known |= {row.event_id} - {""}
        if rows > MOST_EVENTS:
            raise InvalidInputError(
                f"{run.request.missing} has more than {MOST_EVENTS:,} events. Fix: split the list, or start "
                "a backfill of the time."
            )
    listed = [(key, 0, [tuple(row) for row in sorted(files[key].values())]) for key in sorted(files)]
    name = f"trailforward-repair-{hashlib.sha256(text).hexdigest()[:_DIGITS]}"
    run.folder.put_json("repair.json", {"name": name, "events": events, "repeated": rows - events})
    made = write_list(run, "repair", listed)
    return {"done": True, "cursor": {}, "result": {"events": events, "log_files": made["files"]}}


def _row(line: bytes, place: str) -> tuple[str, Row]:
    try:
        value = json.loads(line) if len(line) <= _MOST_LINE else None
    except (ValueError, RecursionError):
        value = None
    about = value if isinstance(value, dict) else {}
    file, index, event_id = about.get("file"), about.get("index"), about.get("eventID")
    for name, good, form in (
        ("file", isinstance(file, str) and file, "the key of a log file"),
        ("sinks", _is_names(about.get("sinks", [])), "a list of names of sinks"),
        ("index", type(index) is int and index >= 0, "the number of a record in the file, from 0"),
    ):
        if not good:
            raise InvalidInputError(
                f"{place}: the field {name} is not {form}. Fix: use the missing.ndjson of an audit."
            )
    sinks = about.get("sinks", [])
    return str(file), Row(int(str(index)), event_id if isinstance(event_id, str) else "", tuple(sinks))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and name for name in value)


def events_of(  # what a repair needs
    data: bytes,
    name: str,
    rows: Sequence[Row],
    mark: str,
    owed: frozenset[str],
    problem: Callable[[str], None],
) -> Iterator[Message]:
    """The missing events of a log file, with the bytes of their records.

    Args:
        data: of the log file.
        name: of the log file.
        rows: what is missing.
        mark: name of the repair.
        owed: the sinks that get events, if they need them.
        problem: gets a sentence for each record that is another one.

    Raises:
        EventError: the file is damaged.
    """
    wanted = {row.number: row for row in rows}
    blocks = log_file.inflate(data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))
    for index, (value, raw) in enumerate(log_file.records(blocks)):
        row = wanted.pop(index, None)
        if row is not None:
            about = value if isinstance(value, dict) else {}
            found = about.get("eventID", about.get("eventId"))
            if (found if isinstance(found, str) else "") == row.event_id:
                there = owed.intersection(row.sinks) if row.sinks else owed
                if not there:  # missing at other sinks
                    continue
                origin = Origin("repair", f"{name}#{index}", owed=there)
                yield log_file.with_envelope(value, raw, origin, {REPLAY_NAME: mark})
            else:
                problem(_other(row, name))
        if not wanted:
            return
    for row in wanted.values():
        problem(_other(row, name))


def _other(row: Row, name: str) -> str:
    return (
        f"{name}: record {row.number} is not event {row.event_id or 'without an ID'}, so this is not the log "
        "file of the audit. Fix: correct trail, or audit again"
    )
