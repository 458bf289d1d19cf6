"""Grid: Region by class of events, and account by Region, as tables that work without scripts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from trailforward.doctor.report.html_page.markup import escape
from trailforward.doctor.report.survey import expected, worst
from trailforward.doctor.report.text import ABSENT, SIGNS, area_of, count_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.doctor.report.html_page.cells import PageCells
    from trailforward.doctor.report.survey import Survey

#: The most rows of accounts in the page, worst first; the script adds the others on demand.
MOST_ROWS = 60


def by_class(found: Survey) -> str:
    """The grid of Regions and classes of events, for all accounts."""
    counts = found.tally(lambda cell: (cell.region, cell.event_class))
    first = _first_causes(found)
    heads = "".join(
        f'<th scope="col"><span>{escape(kind.title).replace("-", "&#8209;")}</span></th>'
        for kind in found.classes
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


def by_account(found: Survey, cells: PageCells) -> str:
    """The grid of accounts and Regions, for all classes; accounts with equal results share a row."""
    heads = "".join(f'<th scope="col"><span>{escape(region)}</span></th>' for region in found.regions)
    members = cells.members()
    order = _order(cells, members)
    rows = [_account_row(found, cells, row, members[row]) for row in order[:MOST_ROWS]]
    table = _table("by-account", "Account by Region", heads, rows)
    rest = sum(len(members[row]) for row in order[MOST_ROWS:])
    if not rest:
        return table
    others = " ".join(map(str, order[MOST_ROWS:]))
    return (
        f'{table}<p class="more" id="more-rows">{count_of(rest, "more account")}, none of them worse. '
        f'<button type="button" hidden data-rows="{others}">Show them</button></p>'
    )


def _order(cells: PageCells, members: list[list[int]]) -> list[int]:
    """The rows in the order of their accounts; the worst first if there are many."""
    if len(cells.rows) <= MOST_ROWS:
        return list(range(len(cells.rows)))

    def badness(row: int) -> tuple[int, int, int]:
        tally = sum((cells.counts(place) for place in cells.rows[row]), Counter[str]())
        return -tally["blind"], -tally["unknown"], members[row][0]

    return sorted(range(len(cells.rows)), key=badness)


def _account_row(found: Survey, cells: PageCells, row: int, members: list[int]) -> str:
    names = [found.accounts[number] for number in members]
    what = f"account {names[0]}" if len(names) == 1 else count_of(len(names), "account")
    parts = []
    for column, place in enumerate(cells.rows[row]):
        cause = cells.first_cause(place)
        parts.append(
            _cell(
                cells.counts(place),
                f"{what}, {found.regions[column]}",
                f'data-w="{row}" data-r="{column}"',
                None if cause is None else found.causes[cause].id,
            )
        )
    head = escape(names[0])
    if len(names) > 1:
        listed = "".join(f"<li>{escape(name)}</li>" for name in names)
        head = f"<details><summary>{escape(what)}</summary><ul>{listed}</ul></details>"
    return f'<tr data-row="{row}"><th scope="row">{head}</th>{"".join(parts)}</tr>'


def _first_causes(found: Survey) -> dict[tuple[str, str], str]:
    """For each Region and class, the cause to look at first: the first finding of its worst cells."""
    rank = {cause.id: number for number, cause in enumerate(found.causes)}
    best: dict[tuple[str, str], str] = {}
    for cell in found.cells:
        if cell.causes and cell.status != "covered":
            place = cell.region, cell.event_class
            mine = cell.causes[0]
            if place not in best or rank[mine] < rank[best[place]]:
                best[place] = mine
    return best


def _cell(counts: Counter[str], what: str, data: str, cause: str | None) -> str:
    status = worst(counts)
    if status is None:
        return f'<td><span class="cell absent" title="{escape(what)}: not enabled">{ABSENT[0]}</span></td>'
    total = expected(counts)
    part = counts[status] < total
    shares = "".join(f"--{name[0]}:{100 * counts[name] / total:.0f};" for name in ("covered", "unknown"))
    shares = f' style="{shares}"' if part else ""
    look = f"{status} some" if part else status
    some = f"<small>{counts[status]}<i>/{total}</i></small>" if part else ""
    label = f"{what}: {status}" + (f", {counts[status]} of {total}" if total > 1 else "")
    href = f"#{escape(cause)}" if cause else "#paths"
    return (
        f'<td><a class="cell {look}"{shares} {data} href="{href}" aria-label="{escape(label)}">'
        f"{SIGNS[status][0]}{some}</a></td>"
    )


def _table(name: str, caption: str, heads: str, rows: Iterable[str]) -> str:
    return (
        f'<div class="wide"><p class="caption" id="{name}-caption">{escape(caption)}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{name}-caption">'
        f'<table class="grid" id="{name}" aria-labelledby="{name}-caption">'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></div>"
    )
