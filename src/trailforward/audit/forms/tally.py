"""Sums of an audit's places: by Region and time, and by account. Their size does not grow with the places."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from trailforward.audit.forms.summary import by_verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from trailforward.audit.report import Result

#: The most columns of a map; a longer window has larger units.
MOST_COLUMNS = 48
#: Unit of a column to the function that names the column of an hour such as ``2026-11-26T14:00Z``.
UNITS: Mapping[str, Callable[[str], str]] = {
    "hour": lambda hour: hour[:13],
    "6 hours": lambda hour: f"{hour[:11]}{int(hour[11:13]) // 6 * 6:02}",
    "day": lambda hour: hour[:10],
    "month": lambda hour: hour[:7],
}
#: Verdicts that somebody should look at.
TROUBLE = ("unexpected", "grey", "gap")

#: Region and column to the counts by verdict.
Cells = dict[tuple[str, str], Counter[str]]


@dataclass(frozen=True)
class Tally:
    """Sums by verdict.

    Attributes:
        unit: key of :data:`UNITS`: what a column is.
        columns: the time as ``2026-11-26T14``, ``2026-11-26``, or ``2026-11``; also those without log files.
        cells: Region and column to the counts.
        accounts: account to the counts.
        regions: Region to the counts.
    """

    unit: str
    columns: Sequence[str]
    cells: Cells
    accounts: Mapping[str, Counter[str]]
    regions: Mapping[str, Counter[str]]


def tally(result: Result) -> Tally:
    """Sums up the places of a result."""
    unit, columns = columns_of(result.since, result.until)
    column_of = UNITS[unit]
    cells, accounts, regions = _counters(), _counters(), _counters()
    for (account, region, hour), counts in result.places.items():
        found = by_verdict(counts)
        for sums, key in ((cells, (region, column_of(hour))), (accounts, account), (regions, region)):
            known = sums[key]
            for name, count in found.items():
                known[name] += count
    return Tally(unit, columns, cells, accounts, regions)


def _counters() -> defaultdict[Any, Counter[str]]:
    return defaultdict(Counter)


def columns_of(since: datetime, until: datetime) -> tuple[str, list[str]]:
    """The unit and the columns of a window."""
    columns = _hours(since, until)
    last = list(UNITS)[-1]
    for unit, column_of in UNITS.items():
        columns = list(dict.fromkeys(map(column_of, columns)))
        if len(columns) <= MOST_COLUMNS or unit == last:
            return unit, columns
    raise AssertionError("unreachable")


def hours_of_day(day: str) -> list[str]:
    """The columns of one day."""
    return [f"{day}T{hour:02}" for hour in range(24)]


def cells_of_days(result: Result, days: Collection[str]) -> Mapping[str, Cells]:
    """For some days, the cells of hours."""
    found: dict[str, Cells] = {day: _counters() for day in days}
    for (_, region, hour), counts in result.places.items():
        if (cells := found.get(hour[:10])) is not None:
            cells[region, hour[:13]] += by_verdict(counts)
    return found


def worst_days(sums: Tally, most: int) -> list[str]:
    """The days with the most trouble, in the order of time; none if the columns are hours or months."""
    if sums.unit in {"hour", "month"}:
        return []
    days: dict[str, Counter[str]] = _counters()
    for (_, column), counts in sums.cells.items():
        days[column[:10]] += counts
    bad = {day: badness(counts) for day, counts in days.items()}
    return sorted(
        sorted((day for day in bad if any(bad[day])), key=lambda day: bad[day], reverse=True)[:most]
    )


def badness(counts: Mapping[str, int]) -> tuple[int, ...]:
    """Sorts the worst last."""
    return tuple(counts.get(name, 0) for name in TROUBLE)


def worst_first(sums: Mapping[str, Counter[str]]) -> list[str]:
    """Names with the worst counts first, then by name."""
    return sorted(
        sums, key=lambda name: (*(-one for one in badness(sums[name])), -sums[name]["pending"], name)
    )


def _hours(since: datetime, until: datetime) -> list[str]:
    start = since.replace(minute=0, second=0, microsecond=0)
    count = int((until - start) / timedelta(hours=1)) + 1
    times: Iterable[datetime] = (start + timedelta(hours=number) for number in range(count))
    return [f"{time:%Y-%m-%dT%H}" for time in times if time < until]
