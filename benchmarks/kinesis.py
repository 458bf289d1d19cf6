"""Warm throughput into a Kinesis stream: CPU time per event of every contestant, in one run.

Run: ``make bench``
"""

from __future__ import annotations

import json
import os
import time
from functools import partial
from http.client import HTTPConnection
from statistics import mean, median
from typing import TYPE_CHECKING, Any

import answerer
import contestants
import events
import measuring

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Events of a round for those that send batches; the others get fewer, by their cost.
EVENTS = 4_000
SECONDS = 30.0


def main() -> None:
    bodies = events.bodies(EVENTS)
    with answerer.running() as port:
        os.environ.update(contestants.environment(port))
        work = {each.name: _work(each, bodies, port) for each in contestants.ALL}
        found = measuring.interleave(work, seconds=SECONDS)
        raw = _answerer_alone(port, bodies[: contestants.CHUNK])
    ones = {
        "blog post": contestants.BLOG_POST.name,
        "batch loop": contestants.BATCH_LOOP.name,
        "floor": contestants.FLOOR.name,
    }
    print("Events to a Kinesis stream, warm. CPU time: less is better. Local, not Lambda: read the ratios.\n")
    print(measuring.table(found, ones))
    fastest = min(found.values(), key=lambda series: median(series.wall))
    size = mean(len(body.encode()) for body in bodies)
    print(
        f"\n{measuring.mood(found)}\n"
        f"Events: {len(bodies):,} unique, {size:,.0f} bytes on average; batches of {contestants.CHUNK}.\n"
        f"The answerer takes {1 / raw:,.0f} events a second from a raw POST (wall time), "
        f"{median(fastest.wall) / raw:.1f} x the fastest contestant's {1 / median(fastest.wall):,.0f}.\n"
        + measuring.place("boto3", "botocore", "urllib3", "pydantic", "aws-lambda-powertools")
    )


def _work(
    contestant: contestants.Contestant, bodies: Sequence[str], port: int
) -> tuple[int, Callable[[], object]]:
    """How many events a round of a contestant holds, and the round."""
    some = list(bodies[: len(bodies) // contestant.cost])
    if contestant.takes == "event":
        payloads = [json.loads(body) for body in some]
    else:
        chunks = range(0, len(some), contestants.CHUNK)
        payloads = [events.sqs_payload(some[start : start + contestants.CHUNK]) for start in chunks]
    run = partial(_round, contestant.make(), payloads)
    before = answerer.records_taken(port)
    run()
    if (taken := answerer.records_taken(port) - before) != len(some):
        raise RuntimeError(f"{contestant.name}: {taken} of {len(some)} events arrived")
    return len(some), run


def _round(handler: Callable[[Any, Any], object], payloads: Sequence[Any]) -> None:
    for payload in payloads:
        handler(payload, None)


def _answerer_alone(port: int, bodies: Sequence[str]) -> float:
    """Seconds of wall time per event, posting one prepared body again and again."""
    body = contestants.put_records_body(bodies)
    connection = HTTPConnection("127.0.0.1", port)
    took = []
    for _ in range(50):
        start = time.perf_counter()
        connection.request("POST", "/", body, {"X-Amz-Target": "Kinesis_20131202.PutRecords"})
        connection.getresponse().read()
        took.append((time.perf_counter() - start) / len(bodies))
    connection.close()
    return median(took)


if __name__ == "__main__":
    main()
