"""The work of the audit's processes: each function reads some files, and leaves what it found in a file."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit import read
from trailforward.audit.changes import CHANGES, Change
from trailforward.audit.classes import MISSING
from trailforward.audit.join import IN_WINDOW, Joined, delivered_place, join
from trailforward.audit.places import LogFile, open_place
from trailforward.audit.units import FILE_SHIFT, INDEX_MASK, Unit, read_part
from trailforward.errors import EventError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from trailforward.audit.classes import Classifier, Decision
    from trailforward.audit.fates import Judgement
    from trailforward.storage import Store

#: Concurrent requests of one process.
_READERS = 16


class Numbered(NamedTuple):
    """A file with its number in the audit."""

    number: int
    key: str


@lru_cache(maxsize=4)
def _files(location: str) -> Store:
    return open_place(location)


def _contents(location: str, files: Sequence[Numbered]) -> Iterator[Callable[[], bytes]]:
    """A function for each file that returns its bytes. Files of a bucket are read concurrently."""
    store = _files(location)
    if not store.location.bucket:
        yield from (partial(store.read, file.key) for file in files)
        return
    with ThreadPoolExecutor(_READERS) as pool:
        yield from [pool.submit(store.read, file.key).result for file in files]


def read_trail(
    location: str, files: Sequence[tuple[Numbered, str]], parts: int, path: Path, *, exact: bool
) -> None:
    """Reads log files into a unit.

    Its notes have a byte for each record, in the order of ``counts``: 1 if it is certainly a read-only
    management event of the account and Region in the file's key, and within EventBridge's limit.

    Args:
        location: of the trail.
        files: with the account in the key of each.
        parts: number of parts.
        path: of the unit.
        exact: whether to hash the bytes of the records.
    """
    unit, counts, changes, problems = Unit(parts), {}, [], []
    for (file, account), content in zip(files, _contents(location, [file for file, _ in files]), strict=True):
        try:
            data = content()
            found = read.read_log(data, exact=exact, wanted=CHANGES)
            changes += _changes(data, found.changes, account)
        except (StorageError, EventError) as error:
            problems.append(f"{file.key}: {error}")
            continue
        count = counts[file.number] = len(found.keys)
        base = file.number << FILE_SHIFT
        there = "/{}/CloudTrail/{}/".format(*found.place) in file.key
        unit.notes += found.reading if there else bytes(count)
        unit.extend(found.keys, range(base, base + count), found.checks)
    unit.save(path, {"counts": counts, "changes": changes, "problems": problems})


def _changes(data: bytes, indexes: Sequence[int], account: str) -> list[Change]:
    if not indexes:
        return []
    records = (record for _, record, _ in read.records_at(data, indexes) if isinstance(record, dict))
    return [change for record in records if (change := Change.of(record, account)) is not None]


def read_delivered(
    location: str, files: Sequence[Numbered], parts: int, path: Path, window: tuple[Any, ...], *, exact: bool
) -> None:
    """Reads delivered files into a unit.

    Args:
        location: of the delivered side.
        files: to read.
        parts: number of parts.
        path: of the unit.
        window: which events are compared: the values of a ``read.Window``.
        exact: whether to hash the bytes of the records.
    """
    unit, problems = Unit(parts), []
    for file, content in zip(files, _contents(location, files), strict=True):
        try:
            found = read.read_delivered(content(), exact=exact, window=read.Window(*window))
        except (StorageError, EventError) as error:
            problems.append(f"{file.key}: {error}")
            continue
        outside, inside = file.number << FILE_SHIFT, (file.number | IN_WINDOW) << FILE_SHIFT
        refs: Sequence[int] = range(inside, inside + len(found.keys))
        if 0 in found.inside:
            refs = [inside | at if within else outside | at for at, within in enumerate(found.inside)]
        unit.extend(found.keys, refs, found.checks)
    unit.save(path, {"problems": problems})


def compare(
    part: int,
    trail: Sequence[Path],
    delivered: Sequence[Path],
    times: Sequence[int],
    window: tuple[int, int],
) -> Joined:
    """Compares one part of all units."""
    return join(read_part(trail, part), read_part(delivered, part), times, *window)


def explain(
    classifier: Classifier,
    location: str,
    work: Sequence[tuple[int, LogFile, list[int]]],
    path: Path,
    fates: Mapping[int, Judgement] = MappingProxyType({}),
) -> None:
    """Finds out why records did not arrive, and writes the result as JSON in one step.

    Args:
        classifier: names the reasons.
        location: of the trail.
        work: number of a log file, the file, and the indexes of its missing records in ascending order.
        path: of the result.
        fates: reference of a record to what its receipts say.
    """
    counts: dict[int, Counter[str]] = {}
    listed: list[dict[str, Any]] = []
    whys: Counter[tuple[str, str, str, str]] = Counter()
    problems = []
    contents = _contents(location, [Numbered(number, file.key) for number, file, _ in work])
    for (number, file, indexes), content in zip(work, contents, strict=True):
        counted = counts.setdefault(number, Counter())
        try:
            for index, record, raw in read.records_at(content(), indexes):
                fate = fates.get(number << FILE_SHIFT | index)
                found = classifier.classify(record, len(raw), file.folder, file.account, file.region, fate)
                counted[found.name] += 1
                if found.name not in _PLAIN:
                    whys[found.name, file.account, file.region, found.why] += 1
                if found.name in MISSING:
                    listed.append(_row(record, file, index, found))
        except (StorageError, EventError) as error:
            problems.append(f"{file.key}: {error}")
        if (lost := len(indexes) - sum(counted.values())) > 0:
            counted["undetermined"] += lost
            problems.append(f"{file.key}: two parsers found different records in it")
    text = json.dumps(
        {
            "counts": counts,
            "unexpected": listed,
            "whys": [[*key, count] for key, count in whys.items()],
            "problems": problems,
        }
    )
    draft = path.with_suffix(".draft")
    draft.write_text(text, "utf-8", "surrogatepass")
    draft.replace(path)


#: Classes without a reason that differs from record to record.
_PLAIN = frozenset(
    {"aggregated", "too_large", "read_only", "pattern", "self", "canary", "no_route", "pending", "arrived"}
)


def _row(record: Any, file: LogFile, index: int, found: Decision) -> dict[str, Any]:
    """One line of ``--missing``; with ``sinks`` if it is known which ones did not get the event."""
    about = record if isinstance(record, dict) else {}
    return {
        "eventID": about.get("eventID", about.get("eventId")),
        "account": about.get("recipientAccountId") or file.account,
        "region": about.get("awsRegion") or file.region,
        "eventTime": about.get("eventTime"),
        "eventSource": about.get("eventSource"),
        "eventName": about.get("eventName"),
        "class": found.name,
        "why": found.why,
        **({"sinks": list(found.sinks)} if found.sinks else {}),
        "file": file.key,
        "index": index,
    }


class Altered(NamedTuple):
    """A record whose delivered bytes differ: whether the JSON differs, too, and which record it is.

    ``differs`` is None where only hashes are known.
    """

    differs: bool | None
    event_id: str
    file: str
    delivered: str


def describe_altered(
    trail: str,
    delivered: str,
    pairs: Sequence[tuple[int, int]],
    logs: Sequence[LogFile],
    files: Sequence[str],
) -> list[Altered]:
    """Compares the JSON of records with that of the delivered events whose bytes differ."""
    places = [(ref >> FILE_SHIFT, ref & INDEX_MASK) for ref, _ in pairs]
    recorded = records_at(trail, places, [f.key for f in logs])
    arrived = _delivered_at(delivered, [delivered_place(ref) for _, ref in pairs], files)
    found = []
    for ref, other in pairs:
        place, there = (ref >> FILE_SHIFT, ref & INDEX_MASK), delivered_place(other)
        one, two = recorded.get(place), arrived.get(there)
        name = one.get("eventID") if isinstance(one, dict) else None
        found.append(Altered(one != two, str(name), logs[place[0]].key, files[there[0]]))
    return found


def describe_unrecorded(delivered: str, refs: Sequence[int], files: Sequence[str]) -> list[dict[str, Any]]:
    """The delivered events that no log file contains."""
    places = [delivered_place(ref) for ref in refs]
    values = _delivered_at(delivered, places, files)
    found = []
    for number, index in places:
        record = values.get((number, index))
        about = record if isinstance(record, dict) else {}
        names = ("eventID", "recipientAccountId", "awsRegion", "eventTime", "eventSource", "eventName")
        found.append({**{name: about.get(name) for name in names}, "file": files[number], "index": index})
    return found


def records_at(
    trail: str, places: Sequence[tuple[int, int]], keys: Sequence[str]
) -> dict[tuple[int, int], Any]:
    """The parsed records at some places: numbers of log files, and indexes."""
    return {
        (number, index): value
        for number, indexes in _by_file(places).items()
        for index, value, _ in read.records_at(_files(trail).read(keys[number]), sorted(indexes))
    }


def _delivered_at(
    location: str, places: Sequence[tuple[int, int]], keys: Sequence[str]
) -> dict[tuple[int, int], Any]:
    """The parsed records of delivered events at some places: numbers of files, and indexes."""
    found = {}
    for number, indexes in _by_file(places).items():
        events = enumerate(read.events_of(_files(location).read(keys[number])))
        for index, (value, _) in islice(events, max(indexes) + 1):
            if index in indexes:
                found[number, index] = value
    return found


def _by_file(places: Sequence[tuple[int, int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for number, index in places:
        found.setdefault(number, set()).add(index)
    return found
