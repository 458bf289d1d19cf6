"""The audit, step by step: list, read both sides, compare them, and explain what is missing."""

from __future__ import annotations

import json
import os
import shutil
from array import array
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from trailforward.audit import evidence, receipts, work
from trailforward.audit.join import REPEAT_MINUTES
from trailforward.audit.missing import absent, has_any
from trailforward.audit.places import (
    AuditError,
    LogFile,
    log_files,
    minute,
    open_place,
)
from trailforward.audit.pool import Pool, sendable
from trailforward.audit.report import Result
from trailforward.audit.rules import Change
from trailforward.audit.units import FILE_SHIFT, parts_for, read_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from trailforward.audit.classes import Classifier
    from trailforward.audit.fates import Judgement
    from trailforward.audit.join import Joined
    from trailforward.audit.pool import Job

#: Compressed bytes, and files, that one process reads before it writes what it found.
UNIT_BYTES, UNIT_FILES = 16 * 1024 * 1024, 2_000
#: Compressed bytes of a record in a large file, for the number of parts.
_RECORD_BYTES = 100
#: The same of a receipt.
_RECEIPT_BYTES = 25
#: Altered and unrecorded events that are described; all of them are counted.
DESCRIBED = 100


@dataclass(frozen=True)
class Audit:
    """What to audit.

    Attributes:
        trail: location of the log files.
        delivered: location of the delivered events, or of the receipts.
        since: the first delivery time of log files.
        until: the time after the last one.
        accounts: IDs; if empty, all.
        regions: if empty, all.
        exact: whether to compare the bytes of records.
        receipts: whether ``delivered`` has receipts instead of events.
        sink: with receipts, the only sink that counts; empty for all.
        sinks: with receipts, names of all sinks in the configuration; None if it is not known.
    """

    trail: str
    delivered: str
    since: datetime
    until: datetime
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    exact: bool = True
    receipts: bool = False
    sink: str = ""
    sinks: tuple[str, ...] | None = None


def audit(
    wanted: Audit,
    make_classifier: Callable[[Sequence[Change]], Classifier],
    state: Path,
    show: Callable[[str, int, int], None],
    workers: int = 0,
) -> Result:
    """Audits a window.

    Args:
        wanted: what to audit.
        make_classifier: makes the classifier from the changes of rules and trails in the log files.
        state: a folder for what has been read. An audit that was killed continues there.
        show: gets what is done, how many bytes of it, and of how many.
        workers: number of processes; 0 for one per core.

    Raises:
        AuditError: the locations do not contain what they should, or the folder belongs to another audit.
    """
    logs, delivered, soon = _plan(wanted, state)
    window = minute(wanted.since), minute(wanted.until)
    if not any(window[0] <= log.time < window[1] for log in logs):
        raise AuditError(
            f"The trail has no log files delivered from {wanted.since:%Y-%m-%dT%H:%MZ} to "
            f"{wanted.until:%Y-%m-%dT%H:%MZ}. Check the window, --account, and --region; the times are UTC."
        )
    sizes = sum(log.size for log in logs), sum(size for _, size in delivered)
    events = sizes[0] // _RECORD_BYTES, sizes[1] // (_RECEIPT_BYTES if wanted.receipts else _RECORD_BYTES)
    parts = parts_for(max(events))
    times = array("Q", (log.time for log in logs))
    with Pool(workers or os.cpu_count() or 1, large=max(sizes) > UNIT_BYTES) as pool:
        delivered_units = _read_delivered(wanted, delivered, range(soon), parts, state, pool, show)
        if wanted.receipts:
            wanted = evidence.checked(wanted, delivered_units)
        trail_units = _read_trail(wanted, logs, parts, state, pool, show)
        heads = [read_head(path) for path in trail_units]
        changes = [Change(*change) for head in heads for change in head["changes"]]
        classifier = make_classifier(changes)
        joined, fates, decided = evidence.compare(
            wanted, trail_units, delivered_units, times, parts, pool, show
        )
        explained = _explain(wanted, logs, trail_units, joined, classifier, state, pool, show, fates)
        later = range(soon, len(delivered))
        if later and any(unit["unexpected"] for unit in explained):
            # Repairs and redriven dead letters arrive late.
            delivered_units += _read_delivered(wanted, delivered, later, parts, state, pool, show)
            joined, fates, decided = evidence.compare(
                wanted, trail_units, delivered_units, times, parts, pool, show
            )
            explained = _explain(
                wanted, logs, trail_units, joined, classifier, state, pool, show, fates, "later-"
            )
    explained.append(evidence.decided(decided, logs))
    problems = [text for head in heads for text in head["problems"]]
    problems += [text for path in delivered_units for text in read_head(path)["problems"]]
    counts = {int(number): count for head in heads for number, count in head["counts"].items()}
    return _result(wanted, logs, [key for key, _ in delivered], joined, counts, explained, changes, problems)


def _plan(wanted: Audit, state: Path) -> tuple[list[LogFile], list[tuple[str, int]], int]:
    """The files of both sides; those of an earlier run if the folder has them.

    Returns:
        The log files, the delivered files, and how many of the latter are not from after the window's margin.
    """
    asked = json.loads(json.dumps(asdict(wanted), default=str))
    path = state / "plan.json"
    if path.exists():
        saved = json.loads(path.read_text("utf-8"))
        if saved["audit"] != asked:
            raise AuditError(
                f"{state} belongs to an audit of other files or times. Give another --state folder."
            )
        files = [(key, size) for key, size in saved["delivered"]]
        return [LogFile(*log) for log in saved["logs"]], files, saved["soon"]
    margin = timedelta(minutes=REPEAT_MINUTES)
    store = open_place(wanted.trail)
    first, last = wanted.since - margin, wanted.until + margin
    logs = log_files(store, first, last, wanted.accounts, wanted.regions)
    delivered, soon = evidence.files_of(wanted)
    state.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    plan = {"audit": asked, "logs": logs, "delivered": delivered, "soon": soon}
    draft.write_text(json.dumps(plan), "utf-8")
    draft.replace(path)
    return logs, delivered, soon


def _read_trail(
    wanted: Audit, logs: Sequence[LogFile], parts: int, state: Path, pool: Pool, show: Any
) -> list[Path]:
    paths: list[Path] = []
    jobs: list[Job] = []
    sizes: list[int] = []
    for number, chunk in enumerate(_chunks([log.size for log in logs])):
        path = state / f"trail-{number}.unit"
        paths.append(path)
        files = [(work.Numbered(at, logs[at].key), logs[at].account) for at in chunk]
        if not path.exists():
            jobs.append((work.read_trail, (wanted.trail, files, parts, path), {"exact": wanted.exact}))
            sizes.append(sum(logs[at].size for at in chunk))
    list(pool.results(jobs, sizes, "log files", show))
    return paths


def _read_delivered(  # noqa: PLR0913, PLR0917  # what to read, and how
    wanted: Audit,
    files: Sequence[tuple[str, int]],
    some: range,
    parts: int,
    state: Path,
    pool: Pool,
    show: Any,
) -> list[Path]:
    window = f"{wanted.since:%Y-%m-%dT%H:%M:%SZ}", f"{wanted.until:%Y-%m-%dT%H:%M:%SZ}"
    paths: list[Path] = []
    jobs: list[Job] = []
    sizes: list[int] = []
    for chunk in _chunks([files[at][1] for at in some]):
        places = some[chunk.start : chunk.stop]
        path = state / f"delivered-{places.start}.unit"
        paths.append(path)
        if not path.exists():
            arguments = (wanted.delivered, [work.Numbered(at, files[at][0]) for at in places], parts, path)
            if wanted.receipts:
                only = wanted.accounts, wanted.regions
                jobs.append((receipts.read_receipts, (*arguments, window, *only), {}))
            else:
                jobs.append((work.read_delivered, (*arguments, window), {"exact": wanted.exact}))
            sizes.append(sum(files[at][1] for at in places))
    list(pool.results(jobs, sizes, "delivered events", show))
    return paths


def _chunks(sizes: Sequence[int]) -> Iterator[range]:
    """Consecutive files for one unit each."""
    start, total = 0, 0
    for at, size in enumerate(sizes):
        if at > start and (total + size > UNIT_BYTES or at - start >= UNIT_FILES):
            yield range(start, at)
            start, total = at, 0
        total += size
    if start < len(sizes):
        yield range(start, len(sizes))


def _explain(  # noqa: PLR0913, PLR0917  # what to explain, with what
    wanted: Audit,
    logs: Sequence[LogFile],
    trail_units: Sequence[Path],
    joined: Sequence[Joined],
    classifier: Classifier,
    state: Path,
    pool: Pool,
    show: Callable[[str, int, int], None],
    fates: Mapping[int, Judgement],
    prefix: str = "",
) -> list[dict[str, Any]]:
    """Explains the missing records, unit by unit."""
    chunks = list(_chunks([log.size for log in logs]))
    parts = [part.missing for part in joined]
    some = [at for at, files in enumerate(chunks) if has_any(parts, files)]
    reading: dict[int, Counter[str]] = {}

    def jobs() -> Iterator[Job]:
        for at in some:
            found = absent(trail_units[at], chunks[at], logs, parts, classifier, fates)
            reading.update({number: Counter(read_only=count) for number, count in found.reading.items()})
            path = state / f"{prefix}explained-{at}.json"
            refs = (number << FILE_SHIFT | index for number, _, indexes in found.work for index in indexes)
            judged = {ref: fates[ref] for ref in refs if ref in fates} if fates else {}
            if found.work and not path.exists():
                yield work.explain, (classifier, wanted.trail, found.work, path, judged), {}
            else:
                yield _nothing, (), {}

    sizes = [sum(logs[number].size for number in chunks[at]) for at in some]
    what = "records that did not arrive"
    list(pool.results(jobs(), sizes, what, show, here=not sendable(classifier)))
    paths = (state / f"{prefix}explained-{at}.json" for at in some)
    found = [json.loads(path.read_text("utf-8", "surrogatepass")) for path in paths if path.exists()]
    return [*found, {"counts": reading, "unexpected": [], "whys": [], "problems": []}]


def _nothing() -> None:
    """A job without work."""


def _result(  # noqa: PLR0913, PLR0917  # everything that was found
    wanted: Audit,
    logs: Sequence[LogFile],
    files: Sequence[str],
    joined: Sequence[Joined],
    counts: dict[int, int],
    explained: Sequence[dict[str, Any]],
    changes: Sequence[Change],
    problems: list[str],
) -> Result:
    first, last = minute(wanted.since), minute(wanted.until)
    repeats: Counter[int] = Counter()
    for part in joined:
        repeats.update(part.repeats)
    places: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    classes: dict[int, Counter[str]] = defaultdict(Counter)
    for unit in explained:
        for number, found in unit["counts"].items():
            classes[int(number)].update(found)
    for number, count in counts.items():
        log = logs[number]
        if first <= log.time < last:
            hour = f"{datetime.fromtimestamp(log.time * 60, UTC):%Y-%m-%dT%H:00Z}"
            place = places[log.account, log.region, hour]
            absent = classes.get(number, Counter())
            place["recorded"] += count - repeats[number]
            place["repeats"] += repeats[number]
            place["arrived"] += count - repeats[number] - sum(absent.values())
            place.update(absent)
    altered = sorted(pair for part in joined for pair in part.altered)
    unrecorded = sorted(ref for part in joined for ref in part.unrecorded)
    whys: Counter[tuple[str, ...]] = Counter()
    for unit in explained:
        for *key, count in unit["whys"]:
            whys[tuple(key)] += count
    return Result(
        since=wanted.since,
        until=wanted.until,
        trail=wanted.trail,
        delivered_from=wanted.delivered,
        log_files=sum(first <= log.time < last for log in logs),
        places=dict(sorted(places.items())),
        delivered=sum(part.delivered for part in joined),
        duplicates=sum(part.duplicates for part in joined),
        compared=sum(part.compared for part in joined),
        altered=len(altered),
        altered_examples=evidence.altered(wanted, altered[:DESCRIBED], logs, files),
        unrecorded=len(unrecorded),
        unrecorded_examples=evidence.unrecorded(wanted, unrecorded[:DESCRIBED], files),
        unexpected=[row for unit in explained for row in unit["unexpected"]],
        whys=whys,
        changes=sorted(set(changes)),
        problems=[*problems, *(text for unit in explained for text in unit["problems"])],
        receipts=wanted.receipts,
        accounts=wanted.accounts,
        regions=wanted.regions,
    )


def clear(state: Path) -> None:
    """Removes what an audit kept in its folder."""
    shutil.rmtree(state, ignore_errors=True)
