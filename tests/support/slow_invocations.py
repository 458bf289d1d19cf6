"""Runs invocations against a slow destination in this process, and prints what the process holds on to.

    python -m tests.support.slow_invocations CONFIG COUNT SECONDS

Prints a line of JSON with the numbers of threads, file descriptors, and bytes of memory after a tenth of the
invocations and after all of them. Before each count, it waits until no sender works any more.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from tests.support.events import Context, envelope, sqs, sqs_record
from trailforward import Config, Forwarder


def held() -> dict[str, int]:
    """What the process holds, once its calls have ended; as it is after a minute if they do not."""
    start = time.monotonic()
    while time.monotonic() - start < 60 and _connections():
        time.sleep(0.02)
    return {
        "threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "connections": _connections(),
        "memory": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
    }


def _connections() -> int:
    """Open sockets of this process."""
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found += entry.readlink().name.startswith("socket:")
        except OSError:
            continue
    return found


def main(config: str, count: str, seconds: str) -> None:
    """Invokes, and prints the counts."""
    forwarder = Forwarder(Config.from_toml(config))
    forwarder.prepare()  # importing botocore may take longer than an invocation here
    payload = sqs(*(sqs_record(envelope(number), f"m-{number}") for number in range(4)))
    warm = max(3, int(count) // 10)
    first: dict[str, int] = {}
    for number in range(1, int(count) + 1):
        response = forwarder.handle(payload, Context(float(seconds)))
        assert len(response["batchItemFailures"]) == 4, response  # nothing is lost
        if number == warm:
            first = held()
    sys.stdout.write(json.dumps({"first": first, "last": held()}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
