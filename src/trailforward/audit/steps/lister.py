"""Writes the lists of files: one JSON line per file, numbered in order, and one line per group of files.

Log files are listed per account, Region, and day, many prefixes at a time, and must be numbered by their time
of delivery. So the lister writes sorted runs, and then merges them: both with bounded memory. When its time
ends, it returns where to continue, and the state machine calls it again.
"""

from __future__ import annotations

import heapq
from array import array
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from trailforward.audit import evidence
from trailforward.audit.places import FOLDERS, LogFile, minute
from trailforward.audit.run import RECEIPT_BYTES, RECORD_BYTES
from trailforward.audit.steps.inventory import inventory_parts, log_files_in
from trailforward.audit.steps.run import rows_of
from trailforward.audit.units import MAX_PARTS
from trailforward.errors import StorageError
from trailforward.storage.log_keys import log_files_by_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.audit.steps.run import Run

#: Files in a sorted run: about 100 MB of memory.
RUN_FILES = 200_000
#: Files and compressed bytes of a group.
GROUP_FILES, GROUP_BYTES = 100, 8 * 1024 * 1024
#: Seconds that a listing leaves for saving its last run, and a merge needs at least.
RESERVE = 120.0
#: Events of one part for each MB of memory: comparing takes about 400 bytes each, with receipts more.
PART_EVENTS_PER_MB = 600
_MERGE_BLOCK = 1_000


def write_lists(run: Run, cursor: dict[str, Any]) -> dict[str, Any]:
    """Lists and merges until all is done, or the time ends.

    Args:
        run: of a mode that reads log files.
        cursor: what the call before returned; empty at first.

    Returns:
        ``done``, and where to continue.

    Raises:
        AuditError: there are no delivered files.
        StorageError: a place cannot be listed.
    """
    cursor = cursor or {"step": "list", "runs": 0}
    if cursor["step"] == "list":
        if not _list_trail(run, cursor):
            return {"done": False, "cursor": cursor}
        cursor = {"step": "merge", "runs": cursor["runs"]}
    if cursor["step"] == "merge":
        if run.seconds < RESERVE:
            return {"done": False, "cursor": cursor}
        merge(run, "trail", cursor["runs"])
        cursor = {"step": "delivered", "runs": 0}
    if run.request.mode == "audit":
        if run.seconds < RESERVE:
            return {"done": False, "cursor": cursor}
        _plan(run, dated=_list_delivered(run))
    return {"done": True, "cursor": {}}


def _list_trail(run: Run, cursor: dict[str, Any]) -> bool:
    """Whether all log files are listed."""
    batches = _inventory(run, cursor) if run.request.inventory else _by_day(run, cursor)
    found: list[tuple[Any, ...]] = []
    for position, files in batches:
        found += files
        cursor["after"] = position
        if len(found) >= RUN_FILES:
            _save(run, "trail", cursor, found)
        if run.seconds < RESERVE:
            _save(run, "trail", cursor, found)
            return False
    _save(run, "trail", cursor, found)
    return True


def _by_day(run: Run, cursor: dict[str, Any]) -> Iterator[tuple[Any, list[tuple[Any, ...]]]]:
    """The log files of each account, Region, and day, and how far this is."""
    wanted = run.request
    first, after = cursor.get("after") or (0, "")
    since, until = span(run)
    for number, folder in list(enumerate(FOLDERS))[first:]:
        days = log_files_by_day(
            run.trail, since, until, wanted.accounts or None, wanted.regions or None, folder, after
        )
        for day, files in days:
            yield (
                [number, day],
                [(k.key, f.size, minute(k.time), k.account, k.region, k.folder) for k, f in files],
            )
        after = ""


def _inventory(run: Run, cursor: dict[str, Any]) -> Iterator[tuple[Any, list[tuple[Any, ...]]]]:
    """The log files in each data file of an inventory."""
    parts = inventory_parts(run.request.inventory)
    first = cursor.get("after", -1) + 1
    for number, part in list(enumerate(parts))[first:]:
        yield (
            number,
            [tuple(log)[:6] for log in log_files_in(part, run.trail.location, run.request, span(run))],
        )


def span(run: Run) -> tuple[Any, Any]:
    """The times of the log files to list: an audit reads some around its window."""
    from datetime import timedelta

    from trailforward.audit.join import REPEAT_MINUTES

    margin = timedelta(minutes=REPEAT_MINUTES if run.request.mode == "audit" else 0)
    return run.request.since - margin, run.request.until + margin


def _list_delivered(run: Run) -> bool:
    """Lists the delivered files; those from later than two days after the window have a list of their own.

    Raises:
        AuditError: there are none.
    """
    found = evidence.files_of(run.request.audit, run.request.started)
    files = [(file.key, file.size) for file in found.found]
    soon = found.soon or len(files)  # a map needs an item
    write_list(run, "delivered", files[:soon])
    write_list(run, "later", files[soon:], soon)
    return found.dated


def _save(run: Run, name: str, cursor: dict[str, Any], found: list[tuple[Any, ...]]) -> None:
    """Writes a sorted run, and forgets the files."""
    if not found:
        return
    found.sort(key=_order)
    body = b"".join(orjson.dumps(one) + b"\n" for one in found)
    run.folder.put(f"sorted/{name}/{cursor['runs']:05d}.jsonl", body, "application/x-ndjson")
    cursor["runs"] += 1
    found.clear()


def _order(row: Any) -> tuple[Any, ...]:
    """By time of delivery, then by key."""
    return row[2], row[0]


def merge(run: Run, name: str, runs: int) -> None:
    """Merges the sorted runs of a list, and writes its lines, groups, and times."""
    sources = [_read_back(run, f"sorted/{name}/{number:05d}.jsonl") for number in range(runs)]
    write_list(run, name, heapq.merge(*sources, key=_order))


def _read_back(run: Run, name: str) -> Iterator[list[Any]]:
    lines = run.folder.lines(name)
    while block := list(islice(lines, _MERGE_BLOCK)):
        yield from rows_of(b"\n".join(block))


def write_list(run: Run, name: str, rows: Iterable[Any], first: int = 0) -> dict[str, int]:
    """Writes a list and its groups.

    Args:
        run: whose folder gets them.
        name: of the list.
        rows: key, size, and more of each file, in order.
        first: number of the first file.

    Returns:
        ``files``, ``groups``, and ``bytes`` of the files.
    """
    times = array("I")
    groups: list[dict[str, int]] = []
    group = {"group": 0, "first": first, "files": 0, "at": 0, "bytes": 0}
    held = total = 0
    number = first
    with (
        run.folder.writer(f"{name}.jsonl") as lines,
        run.folder.writer(f"{name}-groups.jsonl") as grouped,
    ):

        def close() -> None:
            group["bytes"] = lines.size - group["at"]
            groups.append(dict(group))
            grouped.write(orjson.dumps({"run": run.request.run, **group}) + b"\n")

        for row in rows:
            if group["files"] and (group["files"] >= GROUP_FILES or held + row[1] > GROUP_BYTES):
                close()
                group |= {"group": group["group"] + 1, "first": number, "files": 0, "at": lines.size}
                held = 0
            lines.write(orjson.dumps(row) + b"\n")
            if len(row) > 3:  # noqa: PLR2004  # a log file of an audit or backfill
                times.append(row[2])
            group["files"] += 1
            held += row[1]
            total += row[1]
            number += 1
        if group["files"]:
            close()
    if times:
        run.folder.put(f"{name}-times.bin", times.tobytes())
    made = {"files": number - first, "groups": len(groups), "bytes": total}
    run.folder.put_json(f"{name}-list.json", made)
    return made


def _plan(run: Run, *, dated: bool) -> None:
    """Writes how many files, groups, and parts there are."""
    lists = {name: run.folder.get_json(f"{name}-list.json") for name in ("trail", "delivered", "later")}
    size = RECEIPT_BYTES if run.request.receipts else RECORD_BYTES
    delivered = lists["delivered"]["bytes"] + lists["later"]["bytes"]
    events = max(lists["trail"]["bytes"] // RECORD_BYTES, delivered // size)
    parts = 1
    while parts * PART_EVENTS_PER_MB * run.settings.memory < events and parts < MAX_PARTS:
        parts *= 2
    run.folder.put_json("plan.json", {"parts": parts, "dated": dated, **lists})


def first_log_file(run: Run) -> LogFile | None:
    """A log file of the window; None if there are none.

    Raises:
        StorageError: the place cannot be listed, or is not one of a trail.
    """
    wanted = run.request
    if wanted.inventory:
        for part in inventory_parts(wanted.inventory, until=wanted.until):
            for log in log_files_in(part, run.trail.location, wanted, (wanted.since, wanted.until)):
                return log
        return None
    for folder in FOLDERS:
        try:
            for _, files in log_files_by_day(
                run.trail, wanted.since, wanted.until, wanted.accounts or None, wanted.regions or None, folder
            ):
                for key, file in files:
                    return LogFile(key.key, file.size, minute(key.time), key.account, key.region, key.folder)
        except StorageError as error:
            if error.code != "not_found" or folder == FOLDERS[0]:
                raise
    return None
