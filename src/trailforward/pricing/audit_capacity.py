"""Which quotas the audit of a day uses on Step Functions."""

from __future__ import annotations

from trailforward.pricing.audit import (
    INDEX_BYTES,
    PART_EVENTS_PER_MB,
    busiest_child_seconds,
    children,
    function_seconds,
    memory,
    requests,
)
from trailforward.pricing.audit_volume import AuditPlan, volume
from trailforward.pricing.capacity import Use
from trailforward.pricing.items import number

_READER = "https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html"
_STEPS = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"
_KMS = "https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html"
_RAISABLE, _FIXED = "raisable", "fixed"
_HOUR = 3_600

_ITEMS, _CHILDREN, _EXPRESS_SECONDS, _CONCURRENCY = 100_000_000, 10_000, 300, 1_000
_GETS, _DECRYPTS = 5_500, 10_000


def audit_capacity(plan: AuditPlan) -> list[Use]:
    """Returns the uses of all quotas for an audit that takes an hour, the fullest at the beginning.

    Args:
        plan: what is audited.
    """
    read = volume(plan)
    stages = children(plan, read)
    most = max(stages.values())
    size, parts = memory(plan, read), stages["parts"]
    units = stages["log batches"] + stages["delivered batches"]
    seconds = function_seconds(plan, read)
    gets = requests(plan, read)
    words = f"{number(seconds)} s of functions / {_HOUR:,} s"
    uses = [
        Use("Distributed Map: items", read.log_files, _ITEMS, "log files", _FIXED, _READER),
        Use("Distributed Map: children at once", seconds / _HOUR, _CHILDREN, words, _FIXED, _STEPS),
        Use("Lambda: concurrency", seconds / _HOUR, _CONCURRENCY, words, _RAISABLE, _LAMBDA),
        Use(
            "express child: seconds",
            busiest_child_seconds(plan, read),
            _EXPRESS_SECONDS,
            f"the largest of {number(most)} batches",
            _FIXED,
            _STEPS,
        ),
        Use(
            f"function of {size:,} MB: events in a part",
            plan.events_per_day / parts,
            PART_EVENTS_PER_MB * size,
            f"{number(plan.events_per_day)} events / {parts:,} parts; MemorySize is at most 10,240 MB",
            _FIXED,
            _LAMBDA,
        ),
        Use(
            f"function of {size:,} MB: bytes of the index",
            units * parts * INDEX_BYTES,
            size * 1024 * 1024,
            f"{number(units)} units x {parts:,} parts x {INDEX_BYTES} bytes",
            _FIXED,
            _LAMBDA,
        ),
        Use(
            "S3: GETs/s of one partitioned prefix",
            gets / _HOUR,
            _GETS,
            f"{number(gets)} GETs / {_HOUR:,} s, as if all keys were in one; S3 splits prefixes under load",
            _FIXED,
            _S3,
        ),
    ]
    if plan.kms:
        words = f"{number(gets)} GETs / {_HOUR:,} s, in the smaller Regions"
        uses.append(Use("KMS: symmetric calls/s", gets / _HOUR, _DECRYPTS, words, _RAISABLE, _KMS))
    return sorted(uses, key=lambda use: -use.share)
