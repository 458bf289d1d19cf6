"""Grid: Region by class of events, and account by Region, as tables that work without scripts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from trailforward.doctor.report.html_page.markup import escape
from trailforward.doctor.report.survey import worst
from trailforward.doctor.report.text import ABSENT, SIGNS, area_of, count_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.doctor.report.survey import Survey

#: The most accounts to draw, worst first; more are only counted.
MOST_ACCOUNTS = 100


def by_class(found: Survey) -> str:
    """The grid of Regions and classes of events, for all accounts."""
    counts = found.tally(lambda cell: (cell.region, cell.event_class))
    first = _first_causes(found, lambda cell: (cell.region, cell.event_class))
    heads = "".join(
        f'<th scope="col" data-class="{number}">'
        f"<span>{escape(kind.title).replace('-', '&#8209;')}</span></th>"
        for number, kind in enumerate(found.classes)
    )
    rows, area = [], None
    for row, region in enumerate(found.regions):
        if area != (area := area_of(region)):
            rows.append(f'<tr class="area"><th colspan="{len(found.classes) + 1}">{escape(area)}</th></tr>')
        cells = "".join(
            _cell(
                counts.get((region, kind.name), Counter()),
                f"{region}, {kind.title}",
                f'data-r="{row}" data-c="{column}"',
                first.get((region, kind.name)),
            )
            for column, kind in enumerate(found.classes)
        )
        rows.append(f'<tr data-region="{row}"><th scope="row">{escape(region)}</th>{cells}</tr>')
    return _table("by-class", "Region by class of events", heads, rows)


def by_account(found: Survey) -> str:
    """The grid of accounts and Regions, for all classes of events."""
    counts = found.tally(lambda cell: (cell.account, cell.region))
    first = _first_causes(found, lambda cell: (cell.account, cell.region))
    heads = "".join(
        f'<th scope="col" data-region="{number}"><span>{escape(region)}</span></th>'
        for number, region in enumerate(found.regions)
    )
    rows = []
    for account in _shown(found):
        row = found.accounts.index(account)
        cells = "".join(
            _cell(
                counts.get((account, region), Counter()),
                f"account {account}, {region}",
                f'data-a="{row}" data-r="{column}"',
                first.get((account, region)),
            )
            for column, region in enumerate(found.regions)
        )
        rows.append(f'<tr data-account="{row}"><th scope="row">{escape(account)}</th>{cells}</tr>')
    rest = len(found.accounts) - len(rows)
    more = f'<p class="more">and {count_of(rest, "more account")}, none of them worse.</p>' if rest else ""
    return _table("by-account", "Account by Region", heads, rows) + more


def _shown(found: Survey) -> list[str]:
    """The accounts to draw: all in their order, or the worst if there are too many."""
    if len(found.accounts) <= MOST_ACCOUNTS:
        return list(found.accounts)
    counts = found.tally(lambda cell: cell.account)
    empty: Counter[str] = Counter()

    def badness(account: str) -> tuple[int, int]:
        tally = counts.get(account, empty)
        return -tally["blind"], -tally["unknown"]

    return sorted(found.accounts, key=badness)[:MOST_ACCOUNTS]


def _first_causes(found: Survey, key: object) -> dict[tuple[str, str], str]:
    """For each grid cell, the cause to look at first: the first finding of its worst cells."""
    rank = {cause.id: number for number, cause in enumerate(found.causes)}
    best: dict[tuple[str, str], str] = {}
    for cell in found.cells:
        if cell.causes and cell.status != "covered":
            place = key(cell)  # type: ignore[operator]
            mine = cell.causes[0]
            if place not in best or rank[mine] < rank[best[place]]:
                best[place] = mine
    return best


def _cell(counts: Counter[str], what: str, data: str, cause: str | None) -> str:
    status = worst(counts)
    if status is None:
        title = f"{escape(what)}: not enabled"
        return f'<td><span class="cell absent" {data} title="{title}">{ABSENT[0]}</span></td>'
    total = counts.total()
    part = counts[status] < total
    shares = "".join(f"--{name[0]}:{100 * counts[name] / total:.0f};" for name in ("covered", "unknown"))
    shares = f' style="{shares}"' if part else ""
    look = f"{status} some" if part else status
    some = f"<small>{counts[status]}/{total}</small>" if part else ""
    label = f"{what}: {status}" + (f", {counts[status]} of {total}" if total > 1 else "")
    href = f' href="#{escape(cause)}"' if cause else ' href="#paths"'
    return (
        f'<td><a class="cell {look}"{shares} {data}{href} '
        f'aria-label="{escape(label)}" title="{escape(label)}">'
        f"{SIGNS[status][0]}{some}</a></td>"
    )


def _table(name: str, caption: str, heads: str, rows: Iterable[str]) -> str:
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="grid" id="{name}"><caption>{escape(caption)}</caption>'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
