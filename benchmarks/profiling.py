"""Profiles batches of 1,000 events to Kinesis with all features enabled.

Runs in this process, without the runtime client. The profiler sees one thread, so senders run in the calling
thread. It makes small functions look more expensive than they are: use it to see what is called, and measure
changes with ``make bench-compare``.

Run: ``make bench-profile``
"""

from __future__ import annotations

import contextlib
import cProfile
import os
import pstats
from typing import TYPE_CHECKING

import orjson

from benchmarks import events, stub_server
from benchmarks.contestants import TRAILFORWARD, environment
from trailforward.pipeline.threads import Task, Threads

if TYPE_CHECKING:
    from collections.abc import Callable

_BATCH = 1_000
_LINES = 40


def main() -> None:
    from trailforward import Forwarder

    every = events.made()
    payloads = [
        orjson.loads(events.batch(every[start : start + _BATCH])) for start in range(0, len(every), _BATCH)
    ]
    with stub_server.running() as port:
        environ = environment(TRAILFORWARD, port)
        # Only these: a proxy or profile of the user would change how AWS is called.
        os.environ.clear()
        os.environ.update(environ)
        forwarder = Forwarder.from_env(environ)
        Threads.run = _in_this_thread  # type: ignore[method-assign]
        profile = cProfile.Profile()
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
            forwarder.process(payloads[0])
            stub_server.taken(port)
            for payload in payloads[1:]:
                profile.runcall(forwarder.process, payload)
        arrived = len(set().union(*stub_server.taken(port).values()))
    print(f"{arrived:,} events arrived, {len(payloads) - 1} batches of {_BATCH:,}.")
    stats = pstats.Stats(profile)
    stats.strip_dirs().sort_stats("tottime").print_stats(_LINES)
    stats.sort_stats("cumulative").print_stats(_LINES)


def _in_this_thread(_: Threads, work: Callable[[], None], name: str) -> Task:
    task = Task(work, name)
    task.do()
    task.end()
    return task


if __name__ == "__main__":
    main()
