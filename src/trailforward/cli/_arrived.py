"""Which events of a list arrived meanwhile, and at which sinks."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from trailforward.cli._world import stop
from trailforward.errors import EventError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trailforward.cli._missing import Missing, Row


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
        from trailforward.storage.ahead import read_ahead
    except MissingExtraError as error:
        stop(str(error))
    wanted = {key_of(name): name for name in _ids(missing)}
    store = open_place(location)
    found = set()
    files = delivered_files(store, _first(missing), datetime.now(UTC))
    for file, content in zip(files, read_ahead(store, (file.key for file in files)), strict=True):
        try:
            events = read_delivered(content(), exact=False)
        except EventError as error:
            stop(f"{file.key}: {error}. Fix: remove the file, or leave out --delivered.")
        found |= {wanted[key] for key in events.keys if key in wanted}
    store.close()
    return found


class Settled(NamedTuple):
    """What the receipts of an event say.

    Attributes:
        done: sinks that accepted or filtered it.
        dead: other sinks, with a dead letter of it.
    """

    done: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()


def settled(location: str, missing: Missing, *, alerts: bool = False) -> dict[str, Settled]:
    """What receipts say about the missing events, by ID; events without a receipt are not in it.

    Args:
        location: of the receipts.
        missing: the list.
        alerts: whether old events are to alert people now, although they were filtered for their age.

    Raises:
        StorageError: the location cannot be read.
        typer.Exit: with 2; a file cannot be read, there are no receipts, or msgspec is not installed.
    """
    try:
        from trailforward.audit.places import delivered_files, open_place
        from trailforward.audit.receipt_units import receipts_of
        from trailforward.storage.ahead import read_ahead
        from trailforward.storage.nearby import nearby
    except MissingExtraError as error:
        stop(str(error))
    wanted = _ids(missing)
    store = open_place(receipts_place(location))
    files = delivered_files(store, _first(missing), datetime.now(UTC))
    if not files:
        stop(f"--receipts {location} has no receipts of these days; {nearby(store)}.")
    done: defaultdict[str, set[str]] = defaultdict(set)
    dead: defaultdict[str, set[str]] = defaultdict(set)
    problems: list[str] = []
    for file, content in zip(files, read_ahead(store, (file.key for file in files)), strict=True):
        try:
            for _, one in receipts_of(content(), problems, file.key):
                if one.id in wanted:
                    again = {sink for sink, code in one.filtered.items() if alerts and code == "old_alert"}
                    done[one.id].update(one.delivered, one.filtered.keys() - again)
                    dead[one.id].update(one.dead_lettered)
        except EventError as error:
            problems.append(f"{file.key}: {error}")
    store.close()
    if problems:
        # Without its receipt, an event would be sent twice.
        stop(f"{problems[0]}. Fix: remove what is not receipts, or leave out --receipts.")
    return {name: Settled(frozenset(done[name]), frozenset(dead[name] - done[name])) for name in done}


def addressed(
    missing: Missing, receipts: Mapping[str, Settled], sinks: Collection[str], given: Collection[str] | None
) -> Missing:
    """The list with the sinks that still need each event, without the events that no sink needs.

    Args:
        missing: the list. An event goes to the sinks that its row names, or to all.
        receipts: from :func:`settled`.
        sinks: names of all sinks of the configuration; empty for destinations of ``--to``, whose names
            receipts do not have.
        given: names in ``--sink``, to which nothing else is sent; None without it.

    Raises:
        typer.Exit: with 2; a row names only sinks that the configuration does not have.
    """
    files: dict[str, dict[int, Row]] = {}
    for key, rows in missing.files.items():
        left = {}
        for index, row in rows.items():
            said = receipts.get(row.event_id)
            if not sinks:
                needed = set(row.sinks) - said.done if said and row.sinks else said is None or bool(said.dead)
                if needed:
                    left[index] = row._replace(sinks=())
                continue
            base = set(row.sinks or sinks) & set(sinks)
            if not base:
                stop(
                    f"Event {row.event_id} is missing at {', '.join(row.sinks)}, and the configuration has "
                    f"the sinks {', '.join(sinks)}. Fix: correct --config."
                )
            if owed := base & set(given or base) - (said.done if said else set()):
                left[index] = row._replace(sinks=tuple(sorted(owed)))
        if left:
            files[key] = left
    return missing._replace(files=files, events=sum(map(len, files.values())))


def receipts_place(location: str) -> str:
    """Where receipts are: also as the configuration writes it, with ``?region=REGION``.

    Raises:
        typer.Exit: with 2; it is the ARN of a stream.
    """
    if location.startswith("arn:"):
        stop(f"--receipts {location}: give the bucket and prefix of the stream, as s3://BUCKET/PREFIX.")
    return location.partition("?region=")[0] if location.startswith("s3://") else location


def _ids(missing: Missing) -> set[str]:
    return {row.event_id for rows in missing.files.values() for row in rows.values()} - {""}


def _first(missing: Missing) -> datetime:
    """The earliest time of a list's events; a very early one if one of them is not known."""
    times = [row.time for rows in missing.files.values() for row in rows.values()]
    try:
        found = [datetime.fromisoformat(time) for time in times]
        return min(time if time.tzinfo is not None else time.replace(tzinfo=UTC) for time in found)
    except ValueError:
        return datetime(2013, 1, 1, tzinfo=UTC)  # CloudTrail's first year
