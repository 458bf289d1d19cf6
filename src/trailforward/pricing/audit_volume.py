"""What the audit of a day reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from trailforward.pricing.plan import Plan, fill

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
DIGESTS = 24


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
