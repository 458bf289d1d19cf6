"""Forwards the records of a list of missing events, out of CloudTrail's log files."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from trailforward.cli._backfill import Work
from trailforward.cli._forward_run import Run
from trailforward.cli._resume import Place
from trailforward.message import Origin
from trailforward.sources import log_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import Console

    from trailforward.cli._missing import Missing, Row
    from trailforward.cli._resume import State
    from trailforward.message import Message
    from trailforward.sources.base import ObjectReader
    from trailforward.storage import Store

_BLOCK = 256 * 1024
#: The envelope's key that EventBridge uses for replayed events.
REPLAY_NAME = "replay-name"


class RepairRun(Run):
    """A run that forwards only the records of a list, marked as repaired.

    Args:
        console: standard error.
        undelivered: events that were not delivered are appended to this file.
        state: remembers which log files are done.
        missing: the list, with the sinks that get each event.
        name: of the repair, for the envelope.

    Attributes:
        found: records that were read from log files.
    """

    def __init__(  # what a run and a repair need
        self,
        console: Console,
        undelivered: Path,
        state: State,
        missing: Missing,
        name: str,
    ) -> None:
        super().__init__(console, undelivered, state)
        self.found = 0
        self._missing = missing
        self._mark = {REPLAY_NAME: name}

    def events(self, file: BinaryIO, work: Work, reader: ObjectReader) -> Iterator[Message]:  # noqa: ARG002
        """The missing records of a log file."""
        wanted = dict(self._missing.files[work.place.key])
        blocks = log_file.inflate(iter(lambda: file.read(_BLOCK), b""))
        for index, (value, raw) in enumerate(log_file.records(blocks)):
            row = wanted.pop(index, None)
            if row is None:
                continue
            if _event_id(value) != row.event_id:
                self.problem(_other(row, work.name))
                continue
            self.found += 1
            origin = Origin("repair", f"{work.name}#{index}", owed=frozenset(row.sinks) or None)
            message = log_file.with_envelope(value, raw, origin, self._mark)
            message.release()
            yield message
            if not wanted:
                return  # the rest of the file is not needed
        for row in wanted.values():
            self.problem(_other(row, work.name))


def works(store: Store, missing: Missing) -> Iterator[Work]:
    """The log files of a list, sorted by key."""
    for key in missing.files:
        name = f"{store.location}{key}" if store.location.bucket else f"{store.location}/{key}"
        yield Work(name, Place(0, "", key), 0, _reading(store, key))


def _reading(store: Store, key: str) -> Callable[[], bytes]:
    return lambda: store.read(key)


def _event_id(value: object) -> str:
    about = value if isinstance(value, dict) else {}
    found = about.get("eventID", about.get("eventId"))
    return found if isinstance(found, str) else ""


def _other(row: Row, name: str) -> str:
    return (
        f"{name}: record {row.number} is not event {row.event_id or 'without an ID'}, so this is not the log "
        "file of the audit. Fix: correct --trail, or audit again"
    )
