"""Which events of a list arrived meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trailforward.cli._world import stop
from trailforward.errors import EventError, MissingExtraError

if TYPE_CHECKING:
    from trailforward.cli._missing import Missing


def arrived(location: str, missing: Missing) -> set[str]:
    """IDs of the missing events that delivered files contain.

    Args:
        location: a folder or bucket, in the layouts that the audit reads.
        missing: the list.

    Raises:
        StorageError: the location cannot be read.
        typer.Exit: with 2; a file contains something other than events, or msgspec is not installed.
    """
    try:
        from trailforward.audit.places import delivered_files, open_place
        from trailforward.audit.read import key_of, read_delivered
    except MissingExtraError as error:
        stop(str(error))
    rows = [row for rows in missing.files.values() for row in rows.values()]
    wanted = {key_of(row.event_id): row.event_id for row in rows if row.event_id}
    store = open_place(location)
    found = set()
    for file in delivered_files(store, _first([row.time for row in rows]), datetime.now(UTC)):
        try:
            events = read_delivered(store.read(file.key), exact=False)
        except EventError as error:
            stop(f"{file.key}: {error}. Fix: remove the file, or leave out --delivered.")
        found |= {wanted[key] for key in events.keys if key in wanted}
    store.close()
    return found


def _first(times: list[str]) -> datetime:
    """The earliest of some times; a very early one if one of them is not known."""
    try:
        found = [datetime.fromisoformat(time) for time in times]
        return min(time if time.tzinfo is not None else time.replace(tzinfo=UTC) for time in found)
    except ValueError:
        return datetime(2013, 1, 1, tzinfo=UTC)  # CloudTrail's first year
