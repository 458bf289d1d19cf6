"""The delivered side of an audit: events that arrived, or receipts. Only here does it matter which."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit import receipts, work
from trailforward.audit.dated import hour_of
from trailforward.audit.places import AuditError, delivered_files, minute, open_place
from trailforward.audit.receipt_units import sink_hours
from trailforward.audit.totals import add_up
from trailforward.audit.units import read_head
from trailforward.storage.nearby import nearby

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from trailforward.audit.fates import Judgement
    from trailforward.audit.join import Joined
    from trailforward.audit.places import DeliveredFile, LogFile
    from trailforward.audit.pool import Job, Pool
    from trailforward.audit.run import Audit
    from trailforward.audit.totals import Totals

#: EventBridge retries for a day; the queue and dead letters may take longer.
DELIVERED_DAYS = 2


class Files(NamedTuple):
    """The delivered files of an audit.

    Attributes:
        found: those from after the window's margin last.
        soon: the number of the others.
        dated: whether there are files with a date in their keys, so that not all are found.
    """

    found: list[DeliveredFile]
    soon: int
    dated: bool


def files_of(wanted: Audit, now: datetime) -> Files:
    """The delivered files until now.

    Raises:
        AuditError: there are none.
    """
    store = open_place(wanted.delivered)
    end = wanted.until + timedelta(days=DELIVERED_DAYS)
    last = f"{end:%Y%m%d}"
    others: set[date] = set()
    first = first_day(wanted) + timedelta(days=1)
    found = delivered_files(store, first, wanted.delivered_until or max(end, now), others)
    found.sort(key=lambda file: hour_of(file.key)[: len(last)] > last)
    if not found:
        what = "receipts" if wanted.receipts else "delivered files"
        raise AuditError(
            f"{wanted.delivered} has no {what} from {first_day(wanted):%Y-%m-%d} on; {nearby(store)}. "
            "Give the place above the years (2026/11/26) of the keys."
        )
    soon = sum(hour_of(file.key)[: len(last)] <= last for file in found)
    return Files(found, soon, bool(others) or any(hour_of(file.key) for file in found))


def first_day(wanted: Audit) -> datetime:
    """A time on the first day of the delivered files."""
    return wanted.delivered_since or wanted.since - timedelta(days=1)


def earliest(wanted: Audit, *, dated: bool) -> str:
    """The first ``eventTime`` whose delivered files were read; empty if all files were."""
    return f"{first_day(wanted).astimezone(UTC):%Y-%m-%dT00:00:00Z}" if dated else ""


def checked(wanted: Audit, units: Sequence[Path]) -> Audit:
    """The audit, without comparing bytes if no receipt has a hash. Checks that receipts name the sink.

    Raises:
        AuditError: they do not name it, and there is no configuration that does; or no file has receipts.
    """
    heads = [read_head(path) for path in units]
    problems = [text for head in heads for text in head["problems"]]
    if problems and not any(head["receipts"] for head in heads):
        raise AuditError(f"{wanted.delivered} has no receipts. {problems[0]}")
    names = sink_hours(heads)
    if wanted.sink and wanted.sinks is None and wanted.sink not in names:
        raise AuditError(f"--sink {wanted.sink}: the receipts name the sinks {', '.join(sorted(names))}.")
    return replace(wanted, exact=wanted.exact and any(head["hashed"] for head in heads))


def compare(  # noqa: PLR0913, PLR0917  # both sides
    wanted: Audit,
    trail: Sequence[Path],
    delivered: Sequence[Path],
    times: Sequence[int],
    parts: int,
    state: Path,
    pool: Pool,
    show: Any,
) -> tuple[Totals, dict[int, Judgement], dict[tuple[int, str, str], int]]:
    """Compares all parts; with receipts, also what they say about records that did not arrive.

    Returns:
        The comparison, the judgement of each record that needs an explanation, and the number of the others
        by file, class, and reason.
    """
    window = minute(wanted.since), minute(wanted.until)
    sides = trail, delivered, times, window
    if not wanted.receipts:
        jobs: list[Job] = [(work.compare, (part, *sides), {}) for part in range(parts)]
        return add_up(pool.results(jobs, [1] * parts, "what was read", show), state), {}, {}
    sinks = receipts.Wanted(wanted.sink, wanted.sinks)
    jobs = [(receipts.compare, (part, *sides, sinks), {}) for part in range(parts)]
    fates: dict[int, Judgement] = {}
    found: Counter[tuple[int, str, str]] = Counter()

    def joined() -> Iterator[Joined]:
        for one in pool.results(jobs, [1] * parts, "what was read", show):
            fates.update({ref: one.judgements[at] for ref, at in zip(one.open, one.numbers, strict=True)})
            found.update(one.decided)
            yield one.joined._replace(missing=array("Q", sorted([*one.joined.missing, *one.open])))

    return add_up(joined(), state), fates, found


def decided(found: Mapping[tuple[int, str, str], int], logs: Sequence[LogFile]) -> dict[str, Any]:
    """What the receipts alone explain, as :func:`work.explain` writes it."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    whys: Counter[tuple[str, str, str, str]] = Counter()
    for (number, name, why), count in found.items():
        counts[number][name] += count
        whys[name, logs[number].account, logs[number].region, why] += count
    listed = [[*key, count] for key, count in whys.items()]
    return {"counts": counts, "unexpected": [], "whys": listed, "problems": []}


def altered(
    wanted: Audit, pairs: Sequence[tuple[int, int]], logs: Sequence[LogFile], files: Sequence[str]
) -> list[work.Altered]:
    """The records whose bytes differ from those of the delivered events."""
    if wanted.receipts:
        return receipts.describe_altered(wanted.trail, pairs, logs, files)
    return work.describe_altered(wanted.trail, wanted.delivered, pairs, logs, files)


def unrecorded(wanted: Audit, refs: Sequence[int], files: Sequence[str]) -> list[dict[str, Any]]:
    """The delivered events that no log file contains."""
    if wanted.receipts:
        return receipts.describe_unrecorded(wanted.delivered, refs, files)
    return work.describe_unrecorded(wanted.delivered, refs, files)
