"""The tables: accounts, missing events, other events, and changes of rules and trails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.audit.forms.page.markup import Safe, escape, key, lines, more, table, two
from trailforward.audit.forms.summary import (
    LOOKS,
    altered_how,
    shown,
    shown_key,
    shown_reason,
    side_facts,
    whole_list,
)
from trailforward.audit.forms.tally import worst_first
from trailforward.doctor.report.text import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.audit.forms.page.markup import Cell
    from trailforward.audit.forms.tally import Tally
    from trailforward.audit.report import Result

#: The most rows of each table.
MOST_ACCOUNTS, MOST_MISSING, MOST_EVENTS, MOST_CHANGES = 60, 200, 100, 100
#: Of the missing events, as many are shown before a fold.
OPEN_MISSING = 25
_ALL = "--format json lists all."
_COLUMNS = ("recorded", "arrived", "expected", "pending", "gap", "grey", "unexpected")


def accounts(sums: Tally) -> Safe:
    """The accounts, the worst first."""
    order = worst_first(sums.accounts)
    rows: list[Sequence[Cell]] = [
        (account, *(sums.accounts[account][name] for name in _COLUMNS)) for account in order[:MOST_ACCOUNTS]
    ]
    heads = ("account", *(LOOKS[name].word if name in LOOKS else name for name in _COLUMNS))
    listed = table("Events by account, the worst first", heads, rows, "numbers")
    return Safe(listed + more(len(order) - len(rows), _ALL))


def missing(result: Result) -> Safe:
    """The events that are missing unexpectedly, by time."""
    found = sorted(result.unexpected, key=lambda row: shown(row["eventTime"]))
    rows = [
        (
            shown(row["eventTime"]),
            two(shown(row["region"]), shown(row["account"])),
            two(two(shown(row["eventName"]), shown(row["eventSource"])), shown_reason(row)),
            two(key(shown(row["eventID"])), _place(row["file"], "record", row["index"])),
        )
        for row in found[:MOST_MISSING]
    ]
    heads = ("time", "Region and account", "event, and why it is missing", "event ID and log file")
    listed = table("Events that should have arrived, by time", heads, rows[:OPEN_MISSING], "fixed events")
    if folded := rows[OPEN_MISSING:]:
        inner = table("Further events that should have arrived", heads, folded, "fixed events")
        summary = f"The next {count_of(len(folded), 'event')}"
        listed = Safe(f'{listed}<details class="notes"><summary>{summary}</summary>{inner}</details>')
    note = more(len(found) - len(rows), whole_list(result))
    note = note or Safe(f'<p class="more">{escape(whole_list(result))}</p>')
    return Safe(f'{listed}{note}<p class="more">The first record of a log file is record 0.</p>')


def _place(file: str, what: str, index: int) -> Safe:
    return Safe(f"{key(shown_key(file))}, {what} {index:,}")


def others(result: Result) -> Safe:
    """Altered, repeated, and unrecorded events."""
    altered = [
        (
            key(shown(one.event_id)),
            altered_how(one),
            two(key(shown_key(one.delivered)), key(shown_key(one.file))),
        )
        for one in result.altered_examples[:MOST_EVENTS]
    ]
    unrecorded = [
        (
            shown(row["eventTime"]),
            two(shown(row.get("awsRegion")), shown(row.get("recipientAccountId"))),
            two(shown(row["eventName"]), shown(row["eventSource"])),
            two(key(shown(row["eventID"])), _place(row["file"], "event", row["index"])),
        )
        for row in result.unrecorded_examples[:MOST_EVENTS]
    ]
    parts = [lines(side_facts(result))]
    if unrecorded:
        heads = ("time", "Region and account", "event", "event ID and delivered file")
        parts.append(table("Delivered events that no log file contains", heads, unrecorded, "fixed events"))
        parts.append(more(result.unrecorded - len(unrecorded), "they are only counted."))
    if altered:
        heads3 = ("event ID", "difference", "delivered file and log file")
        parts.append(table("Events whose bytes differ from the log file", heads3, altered, "fixed"))
        parts.append(more(result.altered - len(altered), "they are only counted."))
    return Safe("".join(parts))


def changes(result: Result) -> Safe:
    """Changes of rules and trails, by time."""
    rows = [
        (
            shown(one.time),
            two(shown(one.event), shown(one.name) or "name not in the record"),
            two(shown(one.region), shown(one.account)),
            key(shown_key(one.who)),
        )
        for one in result.changes[:MOST_CHANGES]
    ]
    heads = ("time", "call, and rule or trail", "Region and account", "caller")
    listed = table("Changes of rules and trails in the log files, by time", heads, rows, "fixed events")
    return Safe(listed + more(len(result.changes) - len(rows), _ALL))
