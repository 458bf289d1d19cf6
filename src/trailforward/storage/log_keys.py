"""Finds CloudTrail's files by account, Region, and day, without listing the whole history.

Key: ``[PREFIX/]AWSLogs/[o-ID/]ACCOUNT/FOLDER/REGION/YYYY/MM/DD/NAME``, with the name
``ACCOUNT_FOLDER_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz`` (source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html).
"""

from __future__ import annotations

import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from trailforward.errors import StorageError
from trailforward.storage.nearby import nearby

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from trailforward.storage.store import Store, StoredFile

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")

_KEY = re.compile(
    r"(?:.*/)?AWSLogs/(?:(?P<organization>o-[a-z0-9]{10,32})/)?(?P<account>[0-9]{12})/"
    r"(?P<folder>CloudTrail(?:-[A-Za-z]+)*)/(?P<region>[a-z]{2,8}(?:-[a-z]+){1,3}-[0-9]{1,2})/"
    r"[0-9]{4}/[0-9]{2}/[0-9]{2}/(?P<name>[^/]+)",
    re.DOTALL,
)
_TIME = re.compile(r"(?<=_)([0-9]{8}T[0-9]{4})([0-9]{2})?(?![0-9])")
_ACCOUNT = re.compile(r"[0-9]{12}/")
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}/")

#: Concurrent listings.
_WORKERS = 16
_DEPTH, _MAX_FOLDERS = 5, 2000
#: The time in the name and the day of the folder may differ by some minutes around midnight.
_MARGIN = timedelta(minutes=15)


class LogKey(NamedTuple):
    """What the key of a file of CloudTrail says.

    Attributes:
        account: the account of the events.
        region: the Region of the events.
        folder: ``CloudTrail``, ``CloudTrail-Digest``, ``CloudTrail-Insight`` …
        time: when CloudTrail delivered the file, in UTC; its events may be much older.
        organization: the organization's ID for an organization trail; else empty.
        key: the key.
    """

    account: str
    region: str
    folder: str
    time: datetime
    organization: str
    key: str


def parse_key(key: str) -> LogKey | None:
    """What a key says; None if it is not the key of a file of CloudTrail."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    times = _TIME.findall(match["name"])
    if not times:
        return None
    # A digest's name contains the trail's name, which may look like a time. A log file's does not.
    minute, second = times[-1 if match["folder"] == "CloudTrail-Digest" else 0]
    try:
        time = datetime.strptime(minute + (second or "00"), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    organization = match["organization"] or ""
    return LogKey(match["account"], match["region"], match["folder"], time, organization, key)


def log_files(
    store: Store,
    since: datetime,
    until: datetime,
    accounts: Collection[str] | None = None,
    regions: Collection[str] | None = None,
    folder: str = "CloudTrail",
) -> Iterator[tuple[LogKey, StoredFile]]:
    """The files that CloudTrail delivered from ``since`` until before ``until``.

    They come by account, Region, and day, each sorted by key. All folders ``AWSLogs/`` below the
    location are read, because several trails can share a bucket.

    Args:
        store: the bucket or folder.
        since: with a time zone.
        until: with a time zone.
        accounts: account IDs; all by default.
        regions: Regions; all by default.
        folder: the folder's name below the account.

    Raises:
        StorageError: ``not_found``: there is no folder ``AWSLogs/``; or from the store.
    """
    for _, files in log_files_by_day(store, since, until, accounts, regions, folder):
        yield from files


def log_files_by_day(  # noqa: PLR0913, PLR0917  # as log_files, and where to continue
    store: Store,
    since: datetime,
    until: datetime,
    accounts: Collection[str] | None = None,
    regions: Collection[str] | None = None,
    folder: str = "CloudTrail",
    after: str = "",
) -> Iterator[tuple[str, list[tuple[LogKey, StoredFile]]]]:
    """The same files as :func:`log_files`, with the folder of each account, Region, and day.

    Args:
        store: the bucket or folder.
        since: with a time zone.
        until: with a time zone.
        accounts: account IDs; all by default.
        regions: Regions; all by default.
        folder: the folder's name below the account.
        after: the folder of a day: it and those before it are not listed again. Empty to begin.

    Raises:
        StorageError: ``not_found``: there is no folder ``AWSLogs/``; or from the store.
    """
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = (
            path
            for root in _roots(store)
            for path in _accounts(store, root)
            if accounts is None or path[-13:-1] in accounts
        )

        def region_folders(account: str) -> list[str]:
            paths = store.folders(f"{account}{folder}/")
            return [path for path in paths if regions is None or path.split("/")[-2] in regions]

        def files_of(day: str) -> tuple[str, list[tuple[LogKey, StoredFile]]]:
            keys = ((parse_key(file.key), file) for file in store.list(day))
            return day, [(key, file) for key, file in keys if key is not None and since <= key.time < until]

        days: Iterator[str] = (
            f"{region}{day}"
            for paths in _ordered(pool, region_folders, found)
            for region in paths
            for day in _days(since, until)
        )
        if after:
            days = _behind(days, after)
        yield from _ordered(pool, files_of, days)


def _behind(days: Iterator[str], after: str) -> Iterator[str]:
    """The days after one. Without it, the place to continue is unknown, and days would be left out."""
    if after not in days:  # reads the iterator up to it
        what = f"{after}, after which the listing should continue, is not there any more"
        raise StorageError("not_found", what, "list from the beginning")
    yield from days


def _roots(store: Store) -> Iterator[str]:
    """The folders ``AWSLogs/`` at or below the location."""
    if "AWSLogs" in str(store.location).split("/"):
        what = f"{store.location} is a folder within AWSLogs/"
        raise StorageError("invalid", what, "write the location above AWSLogs/; choose accounts by options")
    seen = 0
    roots = False
    todo = deque([("", 0)])
    while todo:
        path, depth = todo.popleft()
        for below in store.folders(path):
            seen += 1
            if seen > _MAX_FOLDERS:
                what = f"{store.location} has more than {_MAX_FOLDERS:,} folders beside AWSLogs/"
                raise StorageError("invalid", what, "add the trail's prefix to the location")
            if below == f"{path}AWSLogs/":
                roots = True
                yield below
            elif depth < _DEPTH:
                todo.append((below, depth + 1))
    if not roots:
        there = nearby(store)
        what = f"{store.location} has no folder AWSLogs/{there and f'; {there}'}"
        raise StorageError("not_found", what, "write the location above AWSLogs/: s3://bucket/prefix")


def _accounts(store: Store, root: str) -> Iterator[str]:
    for path in store.folders(root):
        name = path[len(root) :]
        if _ACCOUNT.fullmatch(name):
            yield path
        elif _ORGANIZATION.fullmatch(name):
            for member in store.folders(path):
                if _ACCOUNT.fullmatch(member[len(path) :]):
                    yield member


def _days(since: datetime, until: datetime) -> Iterator[str]:
    day = (since - _MARGIN).astimezone(UTC).date()
    last = (until + _MARGIN).astimezone(UTC).date()
    while day <= last:
        yield f"{day:%Y/%m/%d}/"
        day += timedelta(days=1)


def _ordered(
    pool: ThreadPoolExecutor, function: Callable[[_Item], _Found], items: Iterable[_Item]
) -> Iterator[_Found]:
    """The results in the order of the items. Only some are computed ahead, so memory is bounded."""
    iterator = iter(items)
    ahead = deque(pool.submit(function, item) for item in islice(iterator, _WORKERS))
    try:
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(function, item) for item in islice(iterator, 1))
    finally:
        for future in ahead:
            future.cancel()
