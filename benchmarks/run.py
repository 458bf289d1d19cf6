"""Prints a table of what forwarding costs, as ratios within this run. README.md in this folder explains it.

Run: ``make bench``, or for some measures ``make bench ONLY=cold,batch``; ``BENCH_SECONDS=60`` to be quick.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from base64 import b64encode
from http.client import HTTPConnection
from statistics import mean
from typing import TYPE_CHECKING

from benchmarks import events, stub_server
from benchmarks.contestants import FLOOR, NOTHING
from benchmarks.function import FunctionError
from benchmarks.measures import cold, layer, memory, routes, sinks, warm
from benchmarks.measuring import place, reliability
from benchmarks.stage import LostError, running_stage
from benchmarks.table import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measuring import Measure
    from benchmarks.stage import Stage

#: Time for the rounds of all measures; starting and checking takes additional time.
SECONDS = 280.0
#: Name → share of the time, and the measure.
MEASURES: dict[str, tuple[float, Callable[[Stage, float], list[Measure]]]] = {
    "cold": (0.27, cold.run),
    "direct": (0.1, warm.direct),
    "batch": (0.25, warm.batches),
    "http": (0.07, warm.http),
    "routes": (0.11, routes.run),
    "sinks": (0.1, sinks.run),
    "memory": (0.1, memory.run),
    "layer": (0.0, layer.run),
}


def main(only: str = "", seconds: float = SECONDS) -> None:
    wanted = only.split(",") if only else list(MEASURES)
    if unknown := set(wanted) - MEASURES.keys():
        sys.exit(f"Unknown measure: {', '.join(sorted(unknown))}. Choose from: {', '.join(MEASURES)}.")
    found: list[Measure] = []
    with running_stage() as stage:
        try:
            _check_clock(stage)
            for name in wanted:
                share, measure = MEASURES[name]
                print(f"{name} ...", file=sys.stderr, flush=True)
                found += measure(stage, seconds * share)
        except (LostError, FunctionError) as error:
            sys.exit(f"FAILED: {error}")
        alone = _stub_server_alone(stage.port)
    print("CPU time of the function's process with Lambda's runtime client. Not on Lambda: compare ratios.\n")
    print(table(found))
    print(reliability(found))
    print(_facts(found, alone))


def _check_clock(stage: Stage) -> None:
    with stage.function(NOTHING) as function:
        for event in events.made()[:50]:
            function.invoke(event.body)
        function.check_clock()


def _facts(found: list[Measure], alone: float) -> str:
    size = mean(len(event.body) for event in events.made())
    floors = [min(each.found[FLOOR.name]) for each in found if each.unit == "µs" and FLOOR.name in each.found]
    against = f", {min(floors) / alone:.1f} x the floor's best per CPU second" if floors else ""
    return (
        f"Events: {events.COUNT:,} unique, {size:,.0f} bytes on average.\n"
        f"The stub server accepts {1 / alone:,.0f} events per second from a raw POST (wall time){against}.\n"
        + place("boto3", "botocore", "urllib3", "orjson", "pydantic", "aws-lambda-powertools", "awslambdaric")
    )


def _stub_server_alone(port: int) -> float:
    """Wall time per event in seconds: the best of many requests with one prepared body."""
    some = events.made()[:500]
    records = [{"Data": b64encode(event.body).decode(), "PartitionKey": event.id} for event in some]
    body = json.dumps({"StreamName": "raw", "Records": records})
    connection = HTTPConnection("127.0.0.1", port)
    took = []
    for _ in range(50):
        start = time.perf_counter()
        connection.request("POST", "/", body, {"X-Amz-Target": "Kinesis_20131202.PutRecords"})
        connection.getresponse().read()
        took.append((time.perf_counter() - start) / len(records))
    connection.close()
    stub_server.taken(port)
    return min(took)


if __name__ == "__main__":
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit("terminated")
    )  # so that folders and processes are cleaned up
    main(os.environ.get("ONLY", ""), float(os.environ.get("BENCH_SECONDS") or SECONDS))
