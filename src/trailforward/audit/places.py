"""Where the files of an audit are, and what their keys say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from trailforward.audit.dated import dated_files
from trailforward.errors import TrailforwardError
from trailforward.storage import Location, open_store
from trailforward.storage.log_keys import log_files as storage_log_files

if TYPE_CHECKING:
    from collections.abc import Collection

    from trailforward.storage import Store

#: The folders below an account that have log files.
FOLDERS = ("CloudTrail", "CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated")


class AuditError(TrailforwardError):
    """The audit cannot be made. The text says what to change."""


class LogFile(NamedTuple):
    """A CloudTrail log file.

    Attributes:
        key: relative to the location.
        size: bytes, compressed.
        time: of delivery, in minutes since 1970.
        account: the account ID in the key.
        region: the Region in the key.
        folder: ``CloudTrail``, ``CloudTrail-Insight``, …
        etag: changes when the content changes.
    """

    key: str
    size: int
    time: int
    account: str
    region: str
    folder: str
    etag: str = ""


class DeliveredFile(NamedTuple):
    """A file of the delivered side: its key, its size in bytes, and what changes when its content does."""

    key: str
    size: int
    etag: str = ""


def open_place(location: str) -> Store:
    """The store at a location: a folder, or ``s3://bucket/prefix``.

    Raises:
        StorageError: there is not such a place, or it may not be read.
    """
    return open_store(Location.parse(location))


def minute(time: datetime) -> int:
    """A time in minutes since 1970."""
    return int(time.timestamp()) // 60


def log_files(
    store: Store,
    since: datetime,
    until: datetime,
    accounts: Collection[str] = (),
    regions: Collection[str] = (),
) -> list[LogFile]:
    """The log files that CloudTrail delivered in a time, by time and key. Digest files are left out.

    Args:
        store: the location.
        since: the first time.
        until: the time after the last one.
        accounts: IDs; if empty, all.
        regions: if empty, all.

    Raises:
        StorageError: the location does not contain CloudTrail's layout, or cannot be read.
    """
    found = [
        LogFile(key.key, file.size, minute(key.time), key.account, key.region, key.folder, file.etag)
        for folder in FOLDERS
        for key, file in storage_log_files(store, since, until, accounts or None, regions or None, folder)
    ]
    found.sort(key=lambda file: (file.time, file.key))
    return found


def delivered_files(
    store: Store, since: datetime, until: datetime, skipped_days: set[date] | None = None
) -> list[DeliveredFile]:
    """The delivered files from the day before a time to another. Files without a date belong to every day.

    Args:
        store: the location.
        since: the first time.
        until: the last time.
        skipped_days: gets some of the other days that have files, at least one if there are any.

    Raises:
        StorageError: the location cannot be read.
    """
    first = since - timedelta(days=1)
    days = first.astimezone(UTC).date(), until.astimezone(UTC).date()
    return [DeliveredFile(*file) for file in dated_files(store, *days, skipped_days)]
