"""What the demo prints: the story, where each event went, the ledger, and one line to take home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from trailforward.demo.proof import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from trailforward.demo.proof import Proof, Row
    from trailforward.demo.story import Event

#: Below this, callers' names are cut; from here on, digests are shown.
_WIDE = 100
#: Below this, callers are left out.
_NARROW = 80
_SHORT_NAME = 12
_LONG_NAME = 24

_SUM = ("= delivered", "+ filtered", "+ dead-lettered", "+ returned")

#: Mark → (sign, sign where only ASCII can be printed, style).
_SIGNS = {
    Mark.EQUAL: ("✓", "ok", "green"),
    Mark.DIFFERENT: ("≠", "differs", "bold red"),
    Mark.MISSING: ("✗", "missing", "bold red"),
    Mark.FILTERED: ("-", "-", "dim"),
}


def intro(console: Console, events: Sequence[Event], places: Mapping[str, str]) -> None:
    """Says what is about to happen.

    Args:
        console: where to print.
        events: what will be sent.
        places: destination → the Region it is in; empty for one outside AWS.
    """
    regions = len({event.region for event in events})
    where = [f"{name} in {region}" if region else name for name, region in places.items()]
    console.print()
    console.print(
        f"[bold]A bad day in {regions} Regions:[/] {len(events)} CloudTrail events, put on a queue as "
        "EventBridge rules would, and one Lambda handler that carries them to "
        f"{', '.join(where[:-1])} and {where[-1]}. "
        "To make it harder, Kinesis throttles and the HTTP API is too busy at first."
    )
    console.print()


def story(console: Console, proof: Proof) -> None:
    """The table of events."""
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
        Text("ms = from the queue until every destination had it.", style="dim"),
    )
    console.print()


def _table(console: Console) -> Table:
    """Ruled where there is room, tight where there is not."""
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
    """The fates per sink, and whether they add up.

    Args:
        console: where to print.
        proof: what to show.
        labels: sink's name → what people call it.
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


def closing(console: Console, proof: Proof, *, throttled: int, busy: int, seconds: float) -> None:
    """The result in a few words.

    Args:
        console: where to print.
        proof: what to show.
        throttled: records that Kinesis refused at first.
        busy: requests that the HTTP API refused at first.
        seconds: how long it took.
    """
    if not proof.holds:
        for text in troubles(proof):
            console.print(Text(text, style="bold red"))
        return
    console.print(
        f"[bold green]{proof.equal} of {proof.expected} digests equal:[/] "
        "what arrived is what was sent, byte for byte, and nothing is missing."
    )
    console.print(
        f"Kinesis throttled {_count(throttled, 'record')} and the HTTP API refused "
        f"{_count(busy, 'request')}: only those were sent again. "
        "The event that the forwarder itself caused went nowhere, or it would feed itself."
    )
    calls = _count(proof.invocations, "invocation")
    console.print(f"{calls} in {seconds:.1f} s, on this machine alone. Next: [bold]trailforward --help[/]")


def troubles(proof: Proof) -> list[str]:
    """Why the proof does not hold, a line each."""
    marks = [mark for row in proof.rows for mark in row.marks.values()]
    found = [
        f"{marks.count(mark)} of {proof.expected} deliveries {text}"
        for mark, text in ((Mark.MISSING, "missing"), (Mark.DIFFERENT, "with other bytes"))
        if mark in marks
    ]
    found += [
        f"{name} holds {_count(count, 'event')} too many" for name, count in proof.extra.items() if count
    ]
    found += proof.breaks
    delivered = sum(line.totals.delivered for line in proof.lines)
    if delivered != proof.equal:
        found.append(f"the ledger says {delivered} delivered, the destinations hold {proof.equal}")
    return found or ["nothing was sent"]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
