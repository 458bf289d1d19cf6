"""What an audit reads in a day, and what that costs: on a machine, and on Step Functions (sam/audit.yaml)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from trailforward.pricing.items import Item, Range, Term, item, number, total
from trailforward.pricing.plan import Plan, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.pricing.prices import Prices

#: ``command``: ``trailforward audit`` on a machine of yours. ``steps``: the state machine of sam/audit.yaml.
WAYS = ("command", "steps")
#: Where the evidence is: receipts or an archive, each written by Firehose or as objects of batches.
DELIVERED = ("receipts-firehose", "receipts-s3", "archive-firehose", "archive-s3")

#: CloudTrail writes a log file about every five minutes, where something happened, of at most 50 MB of text.
#: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
FILES_A_DAY = 288
MOST_TEXT = 50_000_000
#: Records in a log file → bytes of one after gzip, measured with records of 1,266 bytes: records that share a
#: file compress each other.
_GZIP = ((5, 284), (10, 211), (20, 168), (30, 154), (50, 141), (100, 130), (500, 122), (2900, 120))
_GZIP_OF = 1_266
#: Bytes of one event after gzip: a receipt, and an envelope in an archive. Measured.
_RECEIPT_GZIP, _ENVELOPE_GZIP = 25, 126
#: Firehose writes an object at least every five minutes, of at most 64 MiB with the archive's settings.
_OBJECT = 64 * 1024 * 1024
#: BatchSize of the stack, for objects of a batch.
_BATCH = 500
#: Days of keys that the listing of a day reads: CloudTrail dates folders by delivery, and midnight is near.
_DAYS = 3
#: Folders below an account that have log files: CloudTrail, CloudTrail-Insight, …
_FOLDERS = 4
_PAGE = 1_000
#: Digests are written every hour, also if there are no log files.
_DIGESTS = 24
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """What is audited every day.

    Attributes:
        events_per_day: events that CloudTrail records, all Regions and accounts together.
        regions: number of Regions with events.
        accounts: number of accounts with events.
        event_bytes: size of an average event, without gzip.
        delivered: one of ``DELIVERED``.
        log_files: log files a day; 0 estimates them.
        digests: whether digests are checked.
        kms: whether S3 calls KMS for each object: SSE-KMS without a bucket key.
        architecture: of the functions, ``arm64`` or ``x86_64``.
    """

    events_per_day: float
    regions: int = 17
    accounts: int = 1
    event_bytes: int = 1500
    delivered: str = "receipts-firehose"
    log_files: float = 0
    digests: bool = False
    kms: bool = False
    architecture: str = "arm64"

    @property
    def pairs(self) -> int:
        """Pairs of account and Region."""
        return self.regions * self.accounts


@dataclass(frozen=True, slots=True)
class Volume:
    """What an audit reads.

    Attributes:
        log_files: number of log files.
        log_bytes: bytes of all of them, compressed.
        delivered_files: number of objects of the delivered side.
        delivered_bytes: bytes of all of them, compressed.
        listings: calls that list keys.
    """

    log_files: float
    log_bytes: float
    delivered_files: float
    delivered_bytes: float
    listings: float


def volume(plan: AuditPlan) -> Volume:
    """What the audit of one day reads. Events come at random times, evenly over the day and all pairs."""
    files = plan.log_files or _log_files(plan)
    size = _gzip_bytes(plan.events_per_day / files) * plan.event_bytes / _GZIP_OF
    what, _, writer = plan.delivered.partition("-")
    each = _ENVELOPE_GZIP * plan.event_bytes / _GZIP_OF if what == "archive" else _RECEIPT_GZIP
    stored = plan.events_per_day * each
    objects = _batches(plan, archive=what == "archive") if writer == "s3" else _streamed(stored)
    listings = _DAYS * plan.pairs + _FOLDERS * plan.accounts + (files + objects) / _PAGE
    return Volume(files, plan.events_per_day * size, objects, stored, listings)


def _log_files(plan: AuditPlan) -> float:
    """One for each five minutes with an event, and more where they exceed 50 MB."""
    each = plan.events_per_day / plan.pairs / FILES_A_DAY
    busy = FILES_A_DAY * plan.pairs * -math.expm1(-each)
    return max(busy, plan.events_per_day * plan.event_bytes / MOST_TEXT, 1)


def _gzip_bytes(records: float) -> float:
    """Bytes of a record after gzip, between the measured points on a logarithmic scale."""
    (low, first), (high, last) = _GZIP[0], _GZIP[-1]
    if records <= low:
        return first
    if records >= high:
        return last
    for (start, more), (end, less) in pairwise(_GZIP):
        if records <= end:
            part = math.log(records / start) / math.log(end / start)
            return more + (less - more) * part
    return last


def _streamed(stored: float) -> float:
    return max(float(FILES_A_DAY), stored / _OBJECT)


def _batches(plan: AuditPlan, *, archive: bool) -> float:
    """Objects of batches: one for each batch, in an archive for each account and Region in it."""
    whole = Plan(
        plan.events_per_day, regions=plan.regions, accounts=plan.accounts, event_bytes=plan.event_bytes
    )
    batch = fill(whole, "hub", _BATCH).events
    places = min(batch, plan.pairs) if archive else 1
    return plan.events_per_day / batch * places


#: Seconds of one core for a million records or events, measured locally (benchmarks/): log files with the
#: comparison of bytes, receipts, an archive of envelopes, the comparison, and the reasons of what is missing.
READ, RECEIPTS, ARCHIVE, COMPARE, EXPLAIN = 6.0, 1.0, 7.0, 1.5, 4.0
#: Seconds of one core for a GET, and seconds until its response; so many are made at the same time.
_GET, _RESPONSE, _CONCURRENT = 0.00022, 0.025, 16
#: MemorySize of the functions in MB, the smallest that suffices. The first is one vCPU, and the default.
#: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MEMORY = (1_769, 3_072, 5_120, 10_240)
#: What the state machine does; tests compare these with its code. Log files and bytes that a child execution
#: reads, events of a part for each MB of memory, most parts, and memory that a part of a unit takes in an
#: index: 45 bytes, of at most half of the memory.
CHILD_FILES, CHILD_BYTES = 1_000, 80 * 1024 * 1024
PART_EVENTS_PER_MB, MOST_PARTS = 600, 4_096
INDEX_BYTES = 45
#: State transitions of the parent workflow without its children.
_STATES = 20
#: Memory that an express workflow is billed for, in GB: the smallest step.
_EXPRESS_GB = 64 / 1_024


@dataclass(frozen=True, slots=True)
class AuditBill:
    """The cost of auditing a day.

    Attributes:
        way: one of ``WAYS``.
        volume: what is read.
        seconds: of one core.
        items: in the order of the work.
    """

    way: str
    volume: Volume
    seconds: float
    items: tuple[Item, ...]

    @property
    def per_day(self) -> Range:
        """Dollars for the audit of a day."""
        return total(self.items)


def audit_bill(plan: AuditPlan, way: str, prices: Prices) -> AuditBill:
    """The cost of auditing a day. A machine of yours, and the storage of results, are not included.

    Args:
        plan: what is audited.
        way: one of ``WAYS``.
        prices: the price list.
    """
    read = volume(plan)
    seconds = sum(_seconds(plan, read).values())
    items = list(_reading(plan, read, prices))
    if way == "steps":
        items += _steps(plan, read, prices)
    return AuditBill(way, read, seconds, tuple(items))


def _seconds(plan: AuditPlan, read: Volume) -> dict[str, float]:
    """Stage → seconds of one core."""
    millions = plan.events_per_day / _MILLION
    evidence = RECEIPTS if plan.delivered.startswith("receipts") else ARCHIVE
    return {
        "log files": millions * READ + read.log_files * _GET,
        "delivered": millions * evidence + read.delivered_files * _GET,
        "compare": millions * COMPARE,
        "explain": millions * EXPLAIN,
    }


def requests(plan: AuditPlan, read: Volume) -> float:
    """GETs of an audit. Log files in which something but read-only events is missing are read again."""
    digests = _DIGESTS * plan.pairs + read.log_files if plan.digests else 0
    return read.log_files + read.delivered_files + digests


def function_seconds(plan: AuditPlan, read: Volume) -> float:
    """Seconds of all functions of the state machine."""
    waiting = (read.log_files + read.delivered_files) * _RESPONSE / _CONCURRENT
    return sum(_seconds(plan, read).values()) + waiting


def _reading(plan: AuditPlan, read: Volume, prices: Prices) -> Iterator[Item]:
    """Requests to the buckets."""
    words = f"{number(read.listings)} listings"
    yield item("list", words, read.listings / _MILLION, prices["put"])
    objects = requests(plan, read)
    words = f"{number(read.log_files)} log files + {number(read.delivered_files)} delivered files"
    if plan.digests:
        digests = _DIGESTS * plan.pairs
        words += f" + {number(digests)} digests + {number(read.log_files)} log files for their hashes"
    yield item("read", words, objects / _MILLION, prices["get"])
    if plan.kms:
        yield item("decrypt", f"{number(objects)} objects", objects / _MILLION, prices["decrypt"])


def _steps(plan: AuditPlan, read: Volume, prices: Prices) -> Iterator[Item]:
    """The state machine: functions, children, and what they hand on through the bucket."""
    stages = children(plan, read)
    all_children = sum(stages.values())
    seconds = function_seconds(plan, read)
    gigabytes = memory(plan, read) / 1_024
    yield Item(
        "functions",
        (
            Term(f"{number(all_children)} invocations", all_children / _MILLION, prices["invocation"]),
            Term(
                f"{number(seconds)} s x {gigabytes:.3g} GB = {number(seconds * gigabytes)} GB-s",
                seconds * gigabytes,
                prices[plan.architecture],
            ),
        ),
    )
    words = " + ".join(f"{number(many)} {name}" for name, many in stages.items())
    yield Item(
        "workflow",
        (
            Term(f"{_STATES} states + {words}", (all_children + _STATES) / _MILLION, prices["transition"]),
            Term(f"{number(all_children)} children", all_children / _MILLION, prices["express"]),
            Term(
                f"{number(seconds)} s x 64 MB = {number(seconds * _EXPRESS_GB)} GB-s",
                seconds * _EXPRESS_GB,
                prices["express-memory"],
            ),
        ),
    )
    parts = stages["parts"]
    yield Item(
        "exchange",
        (
            Term(f"{number(all_children)} objects", all_children / _MILLION, prices["put"]),
            # To compare, each part of each unit; to explain, what each part found of each unit of log files.
            Term(
                f"{number(2 * stages['log batches'] + stages['delivered batches'])} units x {parts:,} parts",
                (2 * stages["log batches"] + stages["delivered batches"]) * parts / _MILLION,
                prices["get"],
            ),
        ),
    )


def children(plan: AuditPlan, read: Volume) -> dict[str, int]:
    """Stage → number of child executions of the Distributed Map."""
    logs, delivered = _batches_of(read.log_files, read.log_bytes), _delivered_batches(read)
    return {
        "log batches": logs,
        "delivered batches": delivered,
        "parts": _parts(plan, memory(plan, read)),
        "batches to explain": logs,
    }


def memory(plan: AuditPlan, read: Volume) -> int:
    """``MemorySize`` in MB: the smallest with which a part and the index of all units fit, or the largest."""
    units = _batches_of(read.log_files, read.log_bytes) + _delivered_batches(read)
    for size in MEMORY:
        parts = _parts(plan, size)
        fits = plan.events_per_day <= parts * PART_EVENTS_PER_MB * size
        if fits and units * parts * INDEX_BYTES <= size * 1024 * 1024 / 2:
            return size
    return MEMORY[-1]


def _parts(plan: AuditPlan, size: int) -> int:
    parts = 1
    while parts * PART_EVENTS_PER_MB * size < plan.events_per_day and parts < MOST_PARTS:
        parts *= 2
    return parts


def _batches_of(files: float, size: float) -> int:
    return math.ceil(max(files / CHILD_FILES, size / CHILD_BYTES))


def _delivered_batches(read: Volume) -> int:
    return _batches_of(read.delivered_files, read.delivered_bytes)


def busiest_child_seconds(plan: AuditPlan, read: Volume) -> float:
    """Seconds of the longest child."""
    stages = children(plan, read)
    seconds = _seconds(plan, read)
    logs = seconds["log files"] + read.log_files * _RESPONSE / _CONCURRENT
    delivered = seconds["delivered"] + read.delivered_files * _RESPONSE / _CONCURRENT
    return max(
        logs / stages["log batches"],
        delivered / stages["delivered batches"],
        seconds["compare"] / stages["parts"],
    )
