"""Cells: the statuses, causes, and paths of all cells, each different row of the grid stored once.

An organization has thousands of accounts and Regions, but few different results: accounts with the same
results share a row, which keeps the page small.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from trailforward.doctor.report.survey import STATUSES
from trailforward.doctor.report.text import SIGNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.doctor.report.survey import Survey

_NO_CELL = -1


class Kind(NamedTuple):
    """What cells can have in common.

    Attributes:
        status: position in :data:`~trailforward.doctor.report.survey.STATUSES`.
        causes: positions in the survey's causes, the deciding one first.
        path: position of the path group.
    """

    status: int
    causes: tuple[int, ...]
    path: int


@dataclass(frozen=True)
class PageCells:
    """All cells of a survey.

    Attributes:
        kinds: the different cells.
        places: the different combinations of one account and Region: for each class, the number of its kind,
            or -1 if the Region is not enabled.
        rows: the different accounts: for each Region, the number of its place.
        accounts: for each account, the number of its row.
    """

    kinds: tuple[Kind, ...]
    places: tuple[tuple[int, ...], ...]
    rows: tuple[tuple[int, ...], ...]
    accounts: tuple[int, ...]

    def members(self) -> list[list[int]]:
        """For each row, the positions of its accounts."""
        found: list[list[int]] = [[] for _ in self.rows]
        for account, row in enumerate(self.accounts):
            found[row].append(account)
        return found

    def kinds_of(self, place: int) -> Iterator[Kind]:
        """The kinds of the cells of a place."""
        return (self.kinds[kind] for kind in self.places[place] if kind != _NO_CELL)

    def counts(self, place: int) -> Counter[str]:
        """The cells of a place by status."""
        return Counter(STATUSES[kind.status] for kind in self.kinds_of(place))

    def first_cause(self, place: int) -> int | None:
        """The cause to look at first: the most serious one that decides a cell of a place."""
        quiet = (STATUSES.index("covered"), STATUSES.index("excluded"))
        causes = (kind.causes[0] for kind in self.kinds_of(place) if kind.causes and kind.status not in quiet)
        return min(causes, default=None)

    def to_json(self, sizes: Sequence[int]) -> str:
        """The data for the page's script: only numbers and our own signs, safe inside a ``script`` element.

        Args:
            sizes: how many accounts, Regions, and classes there are.
        """
        data = {
            "statuses": STATUSES,
            "signs": [signs[0] for signs in SIGNS.values()],
            "sizes": list(sizes),
            "kinds": self.kinds,
            "places": self.places,
            "rows": self.rows,
            "accounts": self.accounts,
        }
        return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def page_cells(found: Survey, group_of_cell: list[int]) -> PageCells:
    """The cells of a survey.

    Args:
        found: the survey.
        group_of_cell: for each cell, the number of its path group.
    """
    rank = {cause.id: number for number, cause in enumerate(found.causes)}
    column = {region: number for number, region in enumerate(found.regions)}
    number_of = {kind.name: number for number, kind in enumerate(found.classes)}
    kinds: dict[Kind, int] = {}
    at: dict[str, dict[int, list[int]]] = {account: {} for account in found.accounts}
    none = [_NO_CELL] * len(found.classes)
    for cell, group in zip(found.cells, group_of_cell, strict=True):
        kind = Kind(STATUSES.index(cell.status), tuple(rank[name] for name in cell.causes), group)
        place = at[cell.account].setdefault(column[cell.region], none.copy())
        place[number_of[cell.event_class]] = kinds.setdefault(kind, len(kinds))
    places: dict[tuple[int, ...], int] = {}
    rows: dict[tuple[int, ...], int] = {}
    accounts = []
    for account in found.accounts:
        regions = (tuple(at[account].get(number, none)) for number in range(len(found.regions)))
        row = tuple(places.setdefault(place, len(places)) for place in regions)
        accounts.append(rows.setdefault(row, len(rows)))
    return PageCells(tuple(kinds), tuple(places), tuple(rows), tuple(accounts))
