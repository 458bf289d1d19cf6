"""Runs contestants: a stub server, a temporary folder, and a check that every event arrived."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import events, stub_server
from benchmarks.contestants import environment
from benchmarks.function import Function

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.contestants import Contestant
    from benchmarks.events import Event


class LostError(Exception):
    """A contestant did not deliver every event exactly once."""


class Stage:
    """The environment in which contestants run.

    Args:
        port: of the stub server.
        folder: for the logs and configurations of functions.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.folder = folder

    def function(self, contestant: Contestant) -> Function:
        """A new process of a contestant."""
        return Function(contestant.handler, environment(contestant, self.port), self.folder)

    def forward(self, function: Function, contestant: Contestant, some: Sequence[Event], size: int) -> float:
        """Invokes a function with events, and checks that each event arrived once at every destination.

        Args:
            function: a process of the contestant.
            contestant: the one that runs in the process.
            some: events.
            size: of the SQS batches; 0 for one EventBridge event per invocation.

        Returns:
            CPU time of all invocations in seconds.

        Raises:
            LostError: an event is missing, arrived twice, or was returned.
        """
        if size:
            payloads = [events.batch(some[start : start + size]) for start in range(0, len(some), size)]
        else:
            payloads = [event.body for event in some]
        cpu = 0.0
        for payload in payloads:
            invocation = function.invoke(payload)
            cpu += invocation.cpu
            if invocation.response and invocation.response["batchItemFailures"]:
                raise LostError(f"{contestant.name}: returned events")
        self._check(contestant, Counter(event.id for event in some))
        return cpu

    def _check(self, contestant: Contestant, wanted: Counter[str]) -> None:
        taken = stub_server.taken(self.port)
        if strays := taken.keys() - set(contestant.to):
            raise LostError(f"{contestant.name}: events arrived at {sorted(strays)}")
        for place in contestant.to:
            came = Counter(taken.get(place, ()))
            if came != wanted:
                raise LostError(
                    f"{contestant.name}: of {wanted.total()} events at {place}, "
                    f"{(wanted - came).total()} are missing, {(came - wanted).total()} too many"
                )


@contextmanager
def running_stage() -> Iterator[Stage]:
    """A stage with a running stub_server. It is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="trailforward-bench-") as folder, stub_server.running() as port:
        yield Stage(port, Path(folder))
