"""The audit, step by step: list, read both sides, compare them, and explain what is missing."""

from __future__ import annotations

import json
import os
import shutil
from array import array
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from trailforward.audit import evidence, receipt_units, work
from trailforward.audit.changes import Change
from trailforward.audit.explained import Explained
from trailforward.audit.join import REPEAT_MINUTES
from trailforward.audit.missing import absent, has_any, portions
from trailforward.audit.places import (
    AuditError,
    LogFile,
    log_files,
    minute,
    open_place,
)
from trailforward.audit.plan import Plan, name_of, planned, tidy
from trailforward.audit.pool import Pool, sendable
from trailforward.audit.read import Window
from trailforward.audit.report import Result
from trailforward.audit.units import FILE_SHIFT, parts_for, read_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from trailforward.audit.classes import Classifier
    from trailforward.audit.fates import Judgement
    from trailforward.audit.pool import Job
    from trailforward.audit.totals import Totals

#: Compressed bytes, and files, that one process reads before it writes what it found.
UNIT_BYTES, UNIT_FILES = 16 * 1024 * 1024, 2_000
#: Compressed bytes of a record in a large file, for the number of parts.
RECORD_BYTES = 100
#: The same of a receipt.
RECEIPT_BYTES = 25


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
        delivered_since: first day of the delivered files; None for one day before the window.
        delivered_until: last day of the delivered files; None for today. Those from later than two days
            after the window are only read if records are missing.
        now: when the audit began; None for the time of its first run.
        explained_by: a text that changes with everything that the classifier depends on, so that an audit
            that was stopped can keep what it explained; empty to explain again.
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
    delivered_since: datetime | None = None
    delivered_until: datetime | None = None
    now: datetime | None = None
    explained_by: str = ""


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
    plan = _plan(wanted, state)
    wanted = replace(wanted, now=plan.now)
    logs, delivered = plan.logs, plan.delivered
    window = minute(wanted.since), minute(wanted.until)
    if not any(window[0] <= log.time < window[1] for log in logs):
        raise AuditError(
            f"The trail has no log files delivered from {wanted.since:%Y-%m-%dT%H:%MZ} to "
            f"{wanted.until:%Y-%m-%dT%H:%MZ}. Check the window, --account, and --region; the times are UTC."
        )
    sizes = sum(log.size for log in logs), sum(file.size for file in delivered)
    events = sizes[0] // RECORD_BYTES, sizes[1] // (RECEIPT_BYTES if wanted.receipts else RECORD_BYTES)
    parts = parts_for(max(events))
    times = array("Q", (log.time for log in logs))
    with Pool(workers or os.cpu_count() or 1, large=max(sizes) > UNIT_BYTES) as pool:
        delivered_units = _read_delivered(wanted, plan, range(plan.soon), parts, state, pool, show)
        if wanted.receipts:
            wanted = evidence.checked(wanted, delivered_units)
        trail_units = _read_trail(wanted, logs, parts, state, pool, show)
        heads = [read_head(path) for path in trail_units]
        changes = [Change(*change) for head in heads for change in head["changes"]]
        classifier = make_classifier(changes)
        classifier.earliest = evidence.earliest(wanted, dated=plan.dated)
        inputs = [wanted.explained_by, classifier.earliest, sorted(set(changes))]
        joined, fates, decided = evidence.compare(
            wanted, trail_units, delivered_units, times, parts, state, pool, show
        )
        depends = [*inputs, [path.name for path in (*trail_units, *delivered_units)]]
        explained, paths = _explain(
            wanted, logs, trail_units, joined, classifier, state, pool, show, fates, depends
        )
        later = range(plan.soon, len(delivered))
        if later and explained.unexpected:
            # Repairs and redriven dead letters arrive late.
            delivered_units += _read_delivered(wanted, plan, later, parts, state, pool, show)
            joined, fates, decided = evidence.compare(
                wanted, trail_units, delivered_units, times, parts, state, pool, show
            )
            depends = [*inputs, [path.name for path in (*trail_units, *delivered_units)]]
            explained, paths = _explain(
                wanted, logs, trail_units, joined, classifier, state, pool, show, fates, depends
            )
    tidy(state, {*trail_units, *delivered_units, *paths})
    explained.add(evidence.decided(decided, logs))
    problems = [text for head in heads for text in head["problems"]]
    problems += [text for path in delivered_units for text in read_head(path)["problems"]]
    counts = {int(number): count for head in heads for number, count in head["counts"].items()}
    files = [file.key for file in delivered]
    return _result(wanted, logs, files, joined, counts, explained, changes, problems)


def _plan(wanted: Audit, state: Path) -> Plan:
    """The files of both sides; those of an earlier run if the folder has them."""
    asked = asdict(wanted)
    # What explanations depend on is part of their names.
    del asked["now"], asked["explained_by"], asked["sinks"]

    def listed() -> Plan:
        now = wanted.now or datetime.now(UTC)
        margin = timedelta(minutes=REPEAT_MINUTES)
        times = wanted.since - margin, wanted.until + margin
        logs = log_files(open_place(wanted.trail), *times, wanted.accounts, wanted.regions)
        return Plan(now, logs, *evidence.files_of(wanted, now))

    return planned(state, json.loads(json.dumps(asked, default=str)), listed)


def _read_trail(
    wanted: Audit, logs: Sequence[LogFile], parts: int, state: Path, pool: Pool, show: Any
) -> list[Path]:
    paths: list[Path] = []
    jobs: list[Job] = []
    sizes: list[int] = []
    for chunk in _chunks([log.size for log in logs]):
        name = name_of("trail", wanted.trail, chunk.start, [logs[at] for at in chunk], parts, wanted.exact)
        path = state / f"{name}.unit"
        paths.append(path)
        files = [(work.Numbered(at, logs[at].key), logs[at].account) for at in chunk]
        if not path.exists():
            jobs.append((work.read_trail, (wanted.trail, files, parts, path), {"exact": wanted.exact}))
            sizes.append(sum(logs[at].size for at in chunk))
    list(pool.results(jobs, sizes, "log files", show))
    return paths


def _read_delivered(  # noqa: PLR0913, PLR0917  # what to read, and how
    wanted: Audit,
    plan: Plan,
    some: range,
    parts: int,
    state: Path,
    pool: Pool,
    show: Any,
) -> list[Path]:
    files = plan.delivered
    # Log files of the last hour may not be there yet, so an event of that time is not called unrecorded.
    until = min(wanted.until, plan.now - timedelta(minutes=REPEAT_MINUTES))
    window = f"{wanted.since:%Y-%m-%dT%H:%M:%SZ}", f"{until:%Y-%m-%dT%H:%M:%SZ}"
    how = [parts, window, wanted.exact, wanted.receipts, wanted.accounts, wanted.regions]
    paths: list[Path] = []
    jobs: list[Job] = []
    sizes: list[int] = []
    for chunk in _chunks([files[at].size for at in some]):
        places = some[chunk.start : chunk.stop]
        name = name_of("delivered", wanted.delivered, places.start, [files[at] for at in places], how)
        path = state / f"{name}.unit"
        paths.append(path)
        if not path.exists():
            arguments = (wanted.delivered, [work.Numbered(at, files[at].key) for at in places], parts, path)
            if wanted.receipts:
                scope = receipt_units.Scope(*window, wanted.accounts, wanted.regions)
                jobs.append((receipt_units.read_receipts, (*arguments, scope), {}))
            else:
                compared = Window(*window, wanted.accounts, wanted.regions)
                jobs.append((work.read_delivered, (*arguments, compared), {"exact": wanted.exact}))
            sizes.append(sum(files[at].size for at in places))
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
    joined: Totals,
    classifier: Classifier,
    state: Path,
    pool: Pool,
    show: Callable[[str, int, int], None],
    fates: Mapping[int, Judgement],
    depends: Sequence[Any],
) -> tuple[Explained, list[Path]]:
    """Explains the missing records, unit by unit; also returns the files of the explanations."""
    chunks = list(_chunks([log.size for log in logs]))
    some = [at for at, files in enumerate(chunks) if has_any(joined.missing, files)]
    reading: dict[int, Counter[str]] = {}
    paths: list[Path] = []

    def jobs() -> Iterator[tuple[Job, int]]:
        for at in some:
            found = absent(trail_units[at], chunks[at], logs, joined.missing, classifier, fates)
            reading.update({number: Counter(read_only=count) for number, count in found.reading.items()})
            for number, portion in enumerate(portions(found.work)):
                name = name_of("explained", wanted.trail, at, number, depends)
                paths.append(state / f"{name}.json")
                refs = (number << FILE_SHIFT | index for number, _, indexes in portion for index in indexes)
                judged = {ref: fates[ref] for ref in refs if ref in fates} if fates else {}
                if not (wanted.explained_by and paths[-1].exists()):
                    yield (work.explain, (classifier, wanted.trail, portion, paths[-1], judged), {}), 0
            yield (_nothing, (), {}), sum(logs[number].size for number in chunks[at])

    total = sum(logs[number].size for at in some for number in chunks[at])
    what = "records that did not arrive"
    for _ in pool.run(jobs(), total, what, show, here=not sendable(classifier)):
        pass
    found = Explained()
    for path in paths:
        found.add(json.loads(path.read_text("utf-8", "surrogatepass")))
    for number, counts in reading.items():
        found.counts[number].update(counts)
    return found, paths


def _nothing() -> None:
    """A job without work."""


def _result(  # noqa: PLR0913, PLR0917  # everything that was found
    wanted: Audit,
    logs: Sequence[LogFile],
    files: Sequence[str],
    joined: Totals,
    counts: dict[int, int],
    explained: Explained,
    changes: Sequence[Change],
    problems: list[str],
) -> Result:
    first, last = minute(wanted.since), minute(wanted.until)
    places: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for number, count in counts.items():
        log = logs[number]
        if first <= log.time < last:
            hour = f"{datetime.fromtimestamp(log.time * 60, UTC):%Y-%m-%dT%H:00Z}"
            place = places[log.account, log.region, hour]
            absent = explained.counts.get(number, Counter[str]())
            place["recorded"] += count - joined.repeats[number]
            place["repeats"] += joined.repeats[number]
            place["arrived"] += count - joined.repeats[number] - sum(absent.values())
            place.update(absent)
    return Result(
        since=wanted.since,
        until=wanted.until,
        trail=wanted.trail,
        delivered_from=wanted.delivered,
        log_files=sum(first <= log.time < last for log in logs),
        places=dict(sorted(places.items())),
        delivered=joined.sums["delivered"],
        duplicates=joined.sums["duplicates"],
        compared=joined.sums["compared"],
        altered=joined.sums["altered"],
        altered_examples=evidence.altered(wanted, joined.altered, logs, files),
        unrecorded=joined.sums["unrecorded"],
        unrecorded_examples=evidence.unrecorded(wanted, joined.unrecorded, files),
        unexpected=explained.unexpected,
        whys=explained.whys,
        changes=sorted(set(changes)),
        problems=[*problems, *explained.problems],
        receipts=wanted.receipts,
        accounts=wanted.accounts,
        regions=wanted.regions,
        time=wanted.now or datetime.now(UTC),
    )


def clear(state: Path) -> None:
    """Removes what an audit kept in its folder."""
    shutil.rmtree(state, ignore_errors=True)
