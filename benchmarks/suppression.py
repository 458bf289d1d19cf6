"""What ``once`` and ``threshold`` cost: CPU time per event, and per call to the table.

Runs the library in this process, in rounds; the figures are medians. The table is a stub server that is
always empty, so each key opens a window, with one read and two writes.

Run: ``make bench-suppression``
"""

from __future__ import annotations

import os
import time
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import events, stub_server
from benchmarks.contestants import TRAILFORWARD, environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward import Message

COUNT = 2_000
ROUNDS = 7
_SINK = '[sinks.s]\nto = "file:/dev/null"\n[[routes]]\nname = "r"\nsinks = ["s"]\nseverity = "low"\n'
_STATE = 'state = "arn:aws:dynamodb:us-east-1:111122223333:table/state"\n'
_PER_EVENT = 'once = { per = ["detail.eventID"], within = "1h" }\n'
CASES = {
    "a detection, nothing held back": _SINK,
    "unless, one pattern": _SINK + 'unless = [{ detail = { eventName = ["Nothing"] } }]\n',
    "once in memory, 1 key": _SINK + 'once = { within = "1h" }\n',
    "once in memory, a key for each event": _SINK + _PER_EVENT,
    "threshold in memory, 1 key": _SINK + 'threshold = { count = 5, within = "10m" }\n',
    "once with a table, a key for each event": _STATE + _SINK + _PER_EVENT,
}
_CALLS = 3


def main() -> None:
    from trailforward import Config, Forwarder, Message, Origin

    messages = [Message(event.body, Origin("benchmark")) for event in events.made()[:COUNT]]
    print(f"CPU time of a batch of {len(messages):,} events in this process.\n")
    print(f"{'':44}{'µs/event':>10}{'events/s':>12}{'ratio':>8}")
    with stub_server.running() as port:
        os.environ.clear()
        os.environ.update(environment(TRAILFORWARD, port))
        took: dict[str, float] = {}
        for name, text in CASES.items():
            took[name] = _measured(lambda text=text: Forwarder(Config.from_toml(text)), messages)
            each, ratio = took[name] / len(messages), took[name] / next(iter(took.values()))
            print(f"{name:44}{each * 1e6:10.1f}{1 / each:12,.0f}{ratio:8.2f}", flush=True)
    *_, memory, _, table = took.values()
    calls = _CALLS * len(messages)
    print(f"\nA call to the table takes {(table - memory) / calls * 1e6:,.0f} µs of CPU.")


def _measured(make: Callable[[], object], messages: list[Message]) -> float:
    """Median CPU seconds of a batch; each round has a new forwarder, and with it an empty memory."""
    found = []
    for _ in range(ROUNDS):
        forwarder: object = make()
        start = time.process_time()
        outcome = forwarder.forward(messages)  # type: ignore[attr-defined]  # a Forwarder
        found.append(time.process_time() - start)
        assert not outcome.breaks  # noqa: S101
        forwarder.close()  # type: ignore[attr-defined]
    return median(found)


if __name__ == "__main__":
    main()
