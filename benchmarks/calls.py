"""Wall time of a batch with several concurrent calls, over a link with a latency of 20 ms.

Lambda bills wall time, and most of a call over a real network is waiting. Runs the library in this process.

Run: ``make bench-calls``
"""

from __future__ import annotations

import os
import time
from statistics import median
from typing import NamedTuple

from benchmarks import events, stub_server
from benchmarks.contestants import TRAILFORWARD, arn, environment

LATENCY = 0.02
ROUNDS = 5
CALLS = (1, 2, 4, 8)


class Case(NamedTuple):
    """Some events for one destination.

    Attributes:
        name: in the printed table.
        count: of events.
        table: TOML of the sink, in which ``{url}`` is replaced with the stub server's URL.
    """

    name: str
    count: int
    table: str


CASES = (
    Case("Kinesis, 5,000 events", 5_000, f'to = "{arn("far")}"'),
    Case("HTTP, 5,000 events in arrays", 5_000, 'to = "{url}/in"'),
    Case("HTTP, 200 events, one a request", 200, 'to = "{url}/in"\nbatch = "single"'),
)


def main() -> None:
    print(
        f"Wall time over a link with {LATENCY * 1000:.0f} ms of latency, as a ratio to one call at a time.\n"
    )
    print(f"{'':34}{'1 call, ms':>12}" + "".join(f"{f'{calls} calls':>10}" for calls in CALLS[1:]))
    with stub_server.running(LATENCY) as port:
        os.environ.clear()
        os.environ.update(environment(TRAILFORWARD, port))
        for case in CASES:
            took = _measured(case, port)
            ratios = "".join(f"{took[calls] / took[1]:10.2f}" for calls in CALLS[1:])
            print(f"{case.name:34}{took[1] * 1000:12.0f}{ratios}", flush=True)


def _measured(case: Case, port: int) -> dict[int, float]:
    """Median seconds of a batch, by number of concurrent calls; rounds are interleaved."""
    from trailforward import Config, Forwarder, Message, Origin

    messages = [Message(event.body, Origin("benchmark")) for event in events.made()[: case.count]]
    forwarders = {}
    for calls in CALLS:
        table = case.table.replace("{url}", f"http://127.0.0.1:{port}")
        toml = f"[sinks.far]\n{table}\nlimits.max_concurrency = {calls}"
        forwarders[calls] = Forwarder(Config.from_toml(toml))
    took: dict[int, list[float]] = {calls: [] for calls in CALLS}
    for _ in range(ROUNDS + 1):
        for calls, forwarder in forwarders.items():
            start = time.perf_counter()
            outcome = forwarder.forward(messages)
            took[calls].append(time.perf_counter() - start)
            if outcome.totals("far").delivered + outcome.totals("far").filtered != case.count:
                raise SystemExit(f"{case.name}: not everything was delivered")
            arrived = sum(map(len, stub_server.taken(port).values()))
            if arrived != outcome.totals("far").delivered:
                raise SystemExit(f"{case.name}: {arrived} events arrived")
    return {calls: median(series[1:]) for calls, series in took.items()}


if __name__ == "__main__":
    main()
