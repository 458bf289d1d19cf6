"""Where the files of an audit are, and what their keys say."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from trailforward.errors import TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_LOG_KEY = re.compile(
    r"(?:^|/)AWSLogs/(?:o-[a-z0-9]+/)?(\d{12})/(CloudTrail[A-Za-z-]*)/([a-z0-9-]+)/\d{4}/\d\d/\d\d/"
    r"[^/]*_(\d{8}T\d{4})\d{0,2}Z?_?[^/]*\.json(?:\.gz)?$"
)
_DATE = re.compile(
    r"(?:^|/)(?:year=)?(20\d\d)[/-](?:month=)?(\d\d)[/-](?:day=)?(\d\d)(?:/(?:hour=)?(\d\d)/)?"
)
_DIGESTS = "CloudTrail-Digest"


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
    """

    key: str
    size: int
    time: int
    account: str
    region: str
    folder: str


class DeliveredFile(NamedTuple):
    """A file of the delivered side: its key, and its size in bytes."""

    key: str
    size: int


class Files(Protocol):
    """Lists and reads the files of one location."""

    def files(self) -> Iterator[tuple[str, int]]:
        """Key and size in bytes of every file, sorted by key."""
        ...

    def read(self, key: str) -> bytes:
        """The bytes of a file.

        Raises:
            OSError: it cannot be read.
        """
        ...


class Folder:
    """A folder of files.

    Raises:
        AuditError: there is not such a folder.
    """

    def __init__(self, path: str) -> None:
        self._root = Path(path)
        if not self._root.is_dir():
            raise AuditError(f"{path}: not a folder. Give an existing folder.")

    def files(self) -> Iterator[tuple[str, int]]:
        """Key and size in bytes of every file, sorted by key."""
        found = [path for path in self._root.rglob("*") if path.is_file() and not path.name.startswith(".")]
        yield from sorted((path.relative_to(self._root).as_posix(), path.stat().st_size) for path in found)

    def read(self, key: str) -> bytes:
        """The bytes of a file."""
        return (self._root / key).read_bytes()


def open_files(location: str) -> Files:
    """The files at a location.

    Raises:
        AuditError: there is not such a place.
    """
    if location.startswith("s3://"):
        raise AuditError(
            f"{location}: buckets cannot be read yet. Copy the log files to a folder (aws s3 sync), "
            "and give it."
        )
    return Folder(location)


def minute(time: datetime) -> int:
    """A time in minutes since 1970."""
    return int(time.timestamp()) // 60


def log_files(
    files: Files, since: int, until: int, accounts: Collection[str] = (), regions: Collection[str] = ()
) -> list[LogFile]:
    """The log files that CloudTrail delivered in a time, by time and key. Digest files are left out.

    Args:
        files: the location.
        since: the first minute.
        until: the minute after the last one.
        accounts: IDs; if empty, all.
        regions: if empty, all.

    Raises:
        AuditError: the location does not contain CloudTrail's layout.
    """
    found: list[LogFile] = []
    seen: list[str] = []
    known = 0
    for key, size in files.files():
        match = _LOG_KEY.search(key)
        if match is None:
            seen += [key] * (len(seen) < 3)  # noqa: PLR2004  # examples for the error
            continue
        known += 1
        account, folder, region, when = match.groups()
        if (
            folder == _DIGESTS
            or (accounts and account not in accounts)
            or (regions and region not in regions)
        ):
            continue
        try:
            time = minute(datetime.strptime(when, "%Y%m%dT%H%M").replace(tzinfo=UTC))
        except ValueError:
            continue
        if since <= time < until:
            found.append(LogFile(key, size, time, account, region, folder))
    if not known:
        there = f"It contains, for example, {', '.join(seen)}." if seen else "It is empty."
        raise AuditError(
            "The location of the trail does not contain AWSLogs/ACCOUNT/CloudTrail/REGION/…: give the bucket "
            f"or folder above AWSLogs. {there}"
        )
    found.sort(key=lambda file: (file.time, file.key))
    return found


def delivered_files(files: Files, since: datetime, until: datetime) -> list[DeliveredFile]:
    """The delivered files of some days. Files without a date in their key belong to every day."""
    first, last = since - timedelta(days=1), until
    found = []
    for key, size in files.files():
        day = _day(key)
        if day is None or first.date() <= day.date() <= last.date():
            found.append(DeliveredFile(key, size))
    return found


def _day(key: str) -> datetime | None:
    match = _DATE.search(key)
    if match is None:
        return None
    try:
        return datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
    except ValueError:
        return None
