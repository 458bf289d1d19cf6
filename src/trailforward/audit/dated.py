"""Lists files by the dates in their keys, without reading the listing of other days."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.storage import Store
    from trailforward.storage.store import StoredFile

#: ``2026/11/26/08``, ``2026-11-26``, ``date=2026-11-26/hour=08``, ``year=2026/month=11/day=26/hour=08``.
_NAME = "(?:[A-Za-z_]{1,32}=)?"
_DATE = re.compile(
    rf"(?:^|/){_NAME}(20\d\d)([/-]{_NAME})(\d\d)([/-]{_NAME})(\d\d)(?:(?:/{_NAME})(\d\d)(?=/))?(?!\d)"
)
#: Keys of other days that are read before the listing jumps: a page of a bucket's listing.
_PATIENCE = 1_000
#: Sorts after every other character.
_LAST = "\U0010ffff"


def dated_files(
    store: Store, first: date, last: date, skipped_days: set[date] | None = None
) -> Iterator[StoredFile]:
    """The files whose keys have a date between two days, inclusive, and those without a date.

    In folders of many files of another year, month, or day, it does not look for files without a date.

    Args:
        store: a folder or bucket.
        first: the first day, in UTC.
        last: the last day.
        skipped_days: gets some of the other days that have files, at least one if there are any.

    Raises:
        StorageError: the store cannot be listed.
    """
    after: str | None = ""
    while after is not None:
        files = store.list(after=after)
        after, skipped = None, 0
        for file in files:
            match = _DATE.search(file.key)
            day = _day(match)
            if match is None or day is None or first <= day <= last:
                yield file
                skipped = 0
                continue
            if not skipped and skipped_days is not None:
                skipped_days.add(day)
            skipped += 1
            if skipped >= _PATIENCE and match.end(5) < len(file.key):
                after = _jump(match, day, first, last)
                break


def hour_of(key: str) -> str:
    """The hour in a key as digits: ``2026112608``; ``20261126`` without an hour, and empty without a date."""
    match = _DATE.search(key)
    if match is None or _day(match) is None:
        return ""
    return f"{match[1]}{match[3]}{match[5]}{match[6] or ''}"


def _day(match: re.Match[str] | None) -> date | None:
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[3]), int(match[5]))
    except ValueError:
        return None


def _jump(match: re.Match[str], day: date, first: date, last: date) -> str:
    """The end of the year, month, or day of a key that has none of the days: the next key follows."""
    key = match.string
    if not first.year <= day.year <= last.year:
        end = match.end(1)
    elif not (first.year, first.month) <= (day.year, day.month) <= (last.year, last.month):
        end = match.end(3)
    else:
        end = match.end(5)
    return key[: end + 1] + _LAST
