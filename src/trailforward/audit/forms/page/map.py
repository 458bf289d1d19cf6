"""The map: Region by hour, day, or month, with a sign, a color, and a number in each cell."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from trailforward.audit.forms.page.markup import Safe, escape, more
from trailforward.audit.forms.summary import LOOKS, NOTHING, worst
from trailforward.audit.forms.tally import TROUBLE, cells_of_days, hours_of_day, worst_days, worst_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.audit.forms.summary import Look
    from trailforward.audit.forms.tally import Cells, Tally
    from trailforward.audit.report import Result

#: The most Regions of a map, and the most days whose hours are shown below it.
MOST_REGIONS, MOST_DAYS = 40, 7
#: Unit to the parts of a time that name a group of columns, and a column.
_NAMES = {
    "hour": (slice(0, 10), slice(11, 13)),
    "6 hours": (slice(0, 10), slice(11, 13)),
    "day": (slice(0, 7), slice(8, 10)),
    "month": (slice(0, 4), slice(5, 7)),
}
#: More columns than this are printed in landscape, and do not fit a phone.
_BROAD, _LONG = 31, 9
_THOUSAND = 1_000


def maps(result: Result, sums: Tally) -> Safe:
    """The map of the window with its legend, and in long windows the hours of the worst days."""
    regions = worst_first(sums.regions)
    shown = sorted(regions[:MOST_REGIONS])
    whole = _map(f"Each {sums.unit} by Region", sums.unit, sums.columns, sums.cells, shown)
    days = worst_days(sums, MOST_DAYS)
    cells = cells_of_days(result, days) if days else {}
    folds = "".join(_day(day, cells[day], shown) for day in days)
    silent = sorted(set(result.regions) - sums.regions.keys())
    absent = f"<p>No log files in the window: {escape(', '.join(silent))}.</p>" if silent else ""
    rest = more(len(regions) - len(shown), "--format json lists all Regions.")
    return Safe(f"{whole}{rest}{absent}{_legend()}{folds}")


def _day(day: str, cells: Cells, regions: Sequence[str]) -> str:
    """The hours of one day, for the Regions with trouble."""
    bad = {region for (region, _), counts in cells.items() if any(counts[name] for name in TROUBLE)}
    shown = [region for region in regions if region in bad]
    counts: Counter[str] = sum(cells.values(), Counter())
    numbers = ", ".join(f"{counts[name]:,} {LOOKS[name].word}" for name in TROUBLE if counts[name])
    table = _map(f"Hours of {day}: Regions with trouble", "hour", hours_of_day(day), cells, shown)
    return f'<details class="notes"><summary>{escape(day)}: {numbers}</summary>{table}</details>'


def _map(caption: str, unit: str, columns: Sequence[str], cells: Cells, regions: Sequence[str]) -> str:
    group, column_name = _NAMES[unit]
    groups = [(key, len(list(some))) for key, some in groupby(columns, lambda column: column[group])]
    over = "".join(f'<th scope="colgroup" colspan="{count}">{escape(key)}</th>' for key, count in groups)
    heads = "".join(f'<th scope="col">{escape(column[column_name])}</th>' for column in columns)
    rows = "".join(_row(unit, columns, cells, region) for region in regions)
    size = " broad" * (len(columns) > _BROAD) + " long" * (len(columns) > _LONG)
    name = escape(caption)
    return (
        f'<div class="wide{size}"><div class="scroll" tabindex="0" role="region" aria-label="{name}">'
        f'<table class="grid map"><caption>{name}</caption>'
        f'<thead><tr><td></td>{over}<td></td></tr><tr><th scope="col">Region</th>{heads}'
        f'<th scope="col" class="total">recorded</th></tr></thead><tbody>{rows}</tbody></table></div></div>'
    )


def _row(unit: str, columns: Sequence[str], cells: Cells, region: str) -> str:
    found = [cells.get((region, column), Counter()) for column in columns]
    inner = "".join(
        _cell(counts, f"{region}, {_spoken(unit, column)}")
        for column, counts in zip(columns, found, strict=True)
    )
    total = sum(counts["recorded"] for counts in found)
    return f'<tr><th scope="row">{escape(region)}</th>{inner}<td class="total">{total:,}</td></tr>'


def _spoken(unit: str, column: str) -> str:
    if unit in {"day", "month"}:
        return column
    return f"{column[:10]} {column[11:13]}:00" + ", 6 hours" * (unit != "hour")


def _cell(counts: Mapping[str, int], place: str) -> str:
    verdict = worst(counts)
    if verdict is None:
        return _marked(NOTHING, f"{place}: {NOTHING.word}", "", NOTHING.word)
    look = LOOKS[verdict]
    numbers = ", ".join(f"{counts[name]:,} {LOOKS[name].word}" for name in LOOKS if counts.get(name))
    quiet = verdict in {"arrived", "expected"}
    number = "" if quiet else f"<small>{_short(counts[verdict])}</small>"
    said = look.word if quiet else f"{counts[verdict]:,} {look.word}"
    return _marked(look, f"{place}: {numbers}", number, said)


def _marked(look: Look, title: str, number: str, said: str) -> str:
    return (
        f'<td><span class="cell {look.tone}" title="{escape(title)}">'
        f'<span aria-hidden="true">{look.sign}{number}</span><span class="sr">{said}</span></span></td>'
    )


def _short(number: int) -> str:
    """A number in at most four characters: ``999``, ``12k``, ``3M``."""
    for unit in ("", "k", "M"):
        if number < _THOUSAND:
            return f"{number}{unit}"
        number //= _THOUSAND
    return f"{number}G"


def _legend() -> str:
    meaning = {
        "arrived": "everything arrived",
        "expected": "what did not arrive was not meant to",
        "pending": "something may still arrive",
        "gap": "a rule was disabled, or there was none",
        "grey": "it cannot be determined whether something is missing",
        "unexpected": "something is missing",
    }
    items = "".join(
        f'<li><span class="cell {LOOKS[name].tone}" aria-hidden="true">{LOOKS[name].sign}</span> '
        f"{LOOKS[name].word}: {text}</li>"
        for name, text in meaning.items()
    )
    nothing = f'<li><span class="cell absent" aria-hidden="true">{NOTHING.sign}</span> {NOTHING.word}</li>'
    return (
        f'<div class="legend"><ul>{items}{nothing}</ul><p>A cell shows the worst that happened to the events '
        "of the log files that CloudTrail delivered at that time, and how many events it happened to. "
        "All times are UTC.</p></div>"
    )
