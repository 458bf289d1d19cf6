"""The output of the demo: the events, where each arrived, the ledger, the result, the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from trailforward.demo.proof import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from trailforward.demo.events import Event
    from trailforward.demo.proof import Proof, Row
    from trailforward.demo.storm import Storm

#: Width from which names of callers are complete and digests are shown.
_WIDE = 100
#: Width from which callers are shown.
_NARROW = 80
_SHORT_NAME = 12
_LONG_NAME = 24

_SUM = ("= delivered", "+ filtered", "+ dead-lettered", "+ returned")

#: Mark → (sign, sign for an ASCII-only console, style).
_SIGNS = {
    Mark.EQUAL: ("✓", "ok", "green"),
    Mark.DIFFERENT: ("≠", "differs", "bold red"),
    Mark.MISSING: ("✗", "missing", "bold red"),
    Mark.FILTERED: ("-", "-", "dim"),
}


def intro(console: Console, events: Sequence[Event], places: Mapping[str, str]) -> None:
    """Says what the demo does.

    Args:
        console: where to print.
        events: the events to send.
        places: destination → its Region; empty for a destination outside AWS.
    """
    regions = len({event.region for event in events})
    where = [f"{name} in {region}" if region else name for name, region in places.items()]
    console.print()
    console.print(
        f"[bold]A bad day in {regions} Regions:[/] {len(events)} CloudTrail events, sent to a queue as "
        "EventBridge rules would send them, and one Lambda handler that forwards them to "
        f"{', '.join(where[:-1])} and {where[-1]}. "
        "At first, Kinesis throttles and the HTTP API is too busy."
    )
    console.print()


def event_table(console: Console, proof: Proof) -> None:
    """Prints the table of events."""
    wide = console.width >= _WIDE
    destinations = list(proof.rows[0].marks) if proof.rows else []
    table = _table(console)
    table.add_column("What happened", overflow="fold")
    table.add_column("Region", no_wrap=True, style="cyan")
    if console.width >= _NARROW:
        table.add_column("Who", no_wrap=True, max_width=_LONG_NAME if wide else _SHORT_NAME)
    for name in destinations:
        table.add_column(name, justify="center", no_wrap=True)
    if wide:
        table.add_column("SHA-256", no_wrap=True, style="dim")
    table.add_column("ms", justify="right", no_wrap=True)
    for row in proof.rows:
        table.add_row(*_cells(console, row), style="dim" if row.filtered else "")
    console.print(table)
    console.print(
        Text(f"{_sign(console, Mark.EQUAL).plain} = arrived, same SHA-256.", style="dim"),
        Text("ms = from the queue until every destination had the event.", style="dim"),
    )
    console.print()


def _table(console: Console) -> Table:
    """Returns a table with rules on a wide console, and without on a narrow one."""
    ruled = box.SIMPLE_HEAD if console.width >= _WIDE else None
    return Table(box=ruled, padding=(0, 1, 0, 0), pad_edge=False)


def _cells(console: Console, row: Row) -> list[Text]:
    event = row.event
    wide = console.width >= _WIDE
    what = Text(event.headline)
    if row.filtered:
        what.append(f"\n  filtered ({row.filtered})")
    cells = [what, Text(event.region)]
    if console.width >= _NARROW:
        who = Text(event.who)
        ascii_only = console.options.ascii_only
        who.truncate(_LONG_NAME if wide else _SHORT_NAME, overflow="crop" if ascii_only else "ellipsis")
        cells.append(who)
    cells += [_sign(console, mark) for mark in row.marks.values()]
    if wide:
        cells.append(Text(event.digest[:12]))
    cells.append(Text("" if row.milliseconds is None or row.filtered else f"{row.milliseconds:.0f}"))
    return cells


def _sign(console: Console, mark: Mark) -> Text:
    sign, plain, style = _SIGNS[mark]
    return Text(plain if console.options.ascii_only else sign, style=style)


def ledger(console: Console, proof: Proof, labels: Mapping[str, str]) -> None:
    """Prints the fates per sink, and whether they add up.

    Args:
        console: where to print.
        proof: the result to print.
        labels: name of the sink → name to print.
    """
    table = _table(console)
    table.add_column("Ledger", no_wrap=True, style="bold")
    narrow = console.width < _NARROW
    fates = ("delivered", "filtered", "dead", "returned")
    for name in ("received", *(fates if narrow else _SUM)):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", justify="center", no_wrap=True)
    if not narrow:
        table.add_column("retried", justify="right", no_wrap=True, style="yellow")
    for line in proof.lines:
        totals = line.totals
        table.add_row(
            labels.get(line.sink, line.sink),
            str(totals.received),
            str(totals.delivered),
            str(totals.filtered),
            str(totals.dead_lettered),
            str(totals.returned),
            _sign(console, Mark.EQUAL if totals.balanced else Mark.DIFFERENT),
            *(() if narrow else (str(line.retries),)),
        )
    console.print(table)
    console.print()


def result(console: Console, proof: Proof, *, throttled: int, busy: int, seconds: float) -> None:
    """Prints the result in a few words.

    Args:
        console: where to print.
        proof: the result to print.
        throttled: number of records that Kinesis rejected at first.
        busy: number of requests that the HTTP API rejected at first.
        seconds: duration of the demo.
    """
    if not proof.holds:
        for text in failures(proof):
            console.print(Text(text, style="bold red"))
        return
    console.print(
        f"[bold green]{proof.equal} of {proof.expected} digests equal:[/] "
        "every event arrived as it was sent, byte for byte."
    )
    console.print(
        f"Kinesis throttled {_count(throttled, 'record')} and the HTTP API rejected "
        f"{_count(busy, 'request')}: only those were sent again. "
        "The event that the forwarder itself caused was filtered, to prevent a loop."
    )
    calls = _count(proof.invocations, "invocation")
    console.print(f"{calls} in {seconds:.1f} s, on this machine only.")


def storm(console: Console, alerts: Storm) -> None:
    """Prints what became of the alert storm."""
    totals = alerts.totals
    style = "bold green" if alerts.holds else "bold red"
    console.print(
        f"[{style}]Alert storm:[/] {totals.received} denied calls of {alerts.actors} users became "
        f"{_count(alerts.messages, 'message')}; {alerts.suppressed} were held back and counted "
        f"({totals.received} = {totals.delivered} delivered + {totals.filtered} filtered + "
        f"{totals.dead_lettered} dead-lettered + {totals.returned} returned)."
    )


def next_step(console: Console, command: str) -> None:
    """Prints a command to try next, on one line that a user can copy whatever the width of the console."""
    console.print("Next, print sample events as text:")
    console.print(Text(command, style="bold"), soft_wrap=True)


def failures(proof: Proof) -> list[str]:
    """Returns why the proof does not hold, one line per reason."""
    marks = [mark for row in proof.rows for mark in row.marks.values()]
    found = [
        f"{marks.count(mark)} of {proof.expected} deliveries {text}"
        for mark, text in ((Mark.MISSING, "missing"), (Mark.DIFFERENT, "with other bytes"))
        if mark in marks
    ]
    found += [f"{name} has {_count(count, 'event')} too many" for name, count in proof.extra.items() if count]
    found += proof.breaks
    delivered = sum(line.totals.delivered for line in proof.lines)
    if delivered != proof.equal:
        found.append(f"the ledger says {delivered} delivered, the destinations have {proof.equal}")
    return found or ["nothing was sent"]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
