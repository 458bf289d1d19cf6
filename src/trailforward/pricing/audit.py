"""What an audit costs in a day: on a machine, and on Step Functions (sam/audit.yaml)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trailforward.pricing.audit_volume import DIGESTS, AuditPlan, Volume, volume
from trailforward.pricing.items import Item, Range, Term, item, number, total

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.pricing.prices import Prices

_MILLION = 1_000_000
#: ``command``: ``trailforward audit`` on a machine of yours. ``steps``: the state machine of sam/audit.yaml.
WAYS = ("command", "steps")
#: Seconds of one core for a million records or events, measured locally (benchmarks/): log files with the
#: comparison of bytes, receipts, an archive of envelopes, the comparison, and the reasons of what is missing.
READ, RECEIPTS, ARCHIVE, COMPARE, EXPLAIN = 4.9, 1.3, 4.9, 1.5, 1.4
#: Seconds of one core for a GET, and seconds until its response; so many are made at the same time.
_GET, _RESPONSE, _CONCURRENT = 0.00022, 0.025, 16
#: MemorySize of the functions in MB, the smallest that suffices. The first is one vCPU, and the default.
#: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MEMORY = (1_769, 3_072, 5_120, 10_240)
#: What the state machine does; tests compare these with its code. Log files and bytes that a child execution
#: reads, events of a part for each MB of memory, most parts, and bytes of memory that the index takes for
#: each part of each unit. It may take half of the memory.
CHILD_FILES, CHILD_BYTES = 1_000, 80 * 1024 * 1024
PART_EVENTS_PER_MB, MOST_PARTS = 600, 4_096
INDEX_BYTES = 32
#: State transitions of the parent workflow, and invocations, without those of child executions.
STATES, _CALLS = 13, 6
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
    digests = DIGESTS * plan.pairs + read.log_files if plan.digests else 0
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
        digests = DIGESTS * plan.pairs
        words += f" + {number(digests)} digests + {number(read.log_files)} log files for their hashes"
    yield item("read", words, objects / _MILLION, prices["get"])
    if plan.kms:
        yield item("decrypt", f"{number(objects)} objects", objects / _MILLION, prices["decrypt"])


def _steps(plan: AuditPlan, read: Volume, prices: Prices) -> Iterator[Item]:
    """The state machine: functions, children, and what they hand on through the bucket."""
    stages = children(plan, read)
    started = sum(stages.values())
    seconds = function_seconds(plan, read)
    memory_seconds = seconds * memory(plan, read) / 1_024
    yield Item(
        "functions",
        (
            Term(
                f"{number(started + _CALLS)} invocations", (started + _CALLS) / _MILLION, prices["invocation"]
            ),
            Term(
                f"{number(seconds)} s x {memory(plan, read):,} MB = {number(memory_seconds)} GB-s",
                memory_seconds,
                prices[plan.architecture],
            ),
        ),
    )
    words = " + ".join(f"{number(many)} {name}" for name, many in stages.items())
    yield Item(
        "workflow",
        (
            Term(f"{STATES} states + {words}", (started + STATES) / _MILLION, prices["transition"]),
            Term(f"{number(started)} children", started / _MILLION, prices["express"]),
            Term(
                f"{number(seconds)} s x 64 MB = {number(seconds * _EXPRESS_GB)} GB-s",
                seconds * _EXPRESS_GB,
                prices["express-memory"],
            ),
        ),
    )
    yield _exchange(plan, read, stages, prices)


def _exchange(plan: AuditPlan, read: Volume, stages: dict[str, int], prices: Prices) -> Item:
    """Objects in the report bucket: docs/audit.md, "What a run makes"."""
    units, explained = stages["log batches"] + stages["delivered batches"], stages["batches to explain"]
    parts = stages["parts"]
    # Receipts have judgements beside each part.
    each = 2 if plan.delivered.startswith("receipts") else 1
    written = read.log_files / 50_000 + units + parts + 2 * explained
    slices = each * parts * (units + explained)
    others = read.log_files / 5_000 + 14 * units + 17 * explained + 5 * parts
    words = (
        f"{parts:,} parts x {number(units + explained)} units{' x 2' * (each - 1)} + {number(others)} others"
    )
    return Item(
        "exchange",
        (
            Term(f"{number(written)} objects", written / _MILLION, prices["put"]),
            Term(words, (slices + others) / _MILLION, prices["get"]),
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
