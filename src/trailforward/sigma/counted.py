"""Sends events through routes with a threshold, to learn which of them become messages."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from trailforward.config import Config
from trailforward.outcome import Fate
from trailforward.pipeline.forwarder import Forwarder
from trailforward.pipeline.telemetry import PlainTelemetry
from trailforward.state.memory import MemoryState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.message import Message
    from trailforward.outcome import Outcome
    from trailforward.sigma.conversion import Converted

_BATCH = 200
#: As many as any table of a function would have, so that nothing is forgotten early.
_MOST_KEYS = 1_000_000


class Counted:
    """The pipeline with the routes of some rules, each with a sink that accepts everything.

    Args:
        rules: converted rules with a threshold.

    Attributes:
        sent: for each rule, the origins of the events that became messages.
    """

    def __init__(self, rules: Sequence[Converted]) -> None:
        config = Config.from_toml("\n".join(_tables(f"rule-{at}", one) for at, one in enumerate(rules)))
        self.sent: list[set[str]] = [set() for _ in rules]
        self._forwarder = Forwarder(config, telemetry=_Quiet(), state=MemoryState(_MOST_KEYS))
        self._waiting: list[Message] = []

    def add(self, message: Message) -> None:
        """Takes the next event."""
        self._waiting.append(message)
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Sends the events that wait."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        outcome = self._forwarder.forward(waiting)
        for at, sent in enumerate(self.sent):
            verdicts = outcome.verdicts[f"rule-{at}"]
            sent.update(
                waiting[index].origin.ref
                for index, verdict in verdicts.items()
                if verdict.fate is Fate.DELIVERED
            )

    def close(self) -> None:
        """Sends the events that wait, and ends."""
        self.flush()
        self._forwarder.close()


class _Quiet(PlainTelemetry):
    """Reports faults, but not the fates of events."""

    def publish(self, outcome: Outcome) -> None:
        """Reports nothing: `Counted` reads the outcome."""


def _tables(name: str, one: Converted) -> str:
    """A sink, and the route of a rule to it."""
    threshold = one.threshold
    if threshold is None:
        raise ValueError("the rule has no threshold")
    patterns = [
        f"{key} = {json.dumps(json.dumps(pattern))}"
        for key, pattern in zip(("pattern", "only"), one.patterns, strict=False)
    ]
    counted = f"count = {threshold.events}, within = {json.dumps(threshold.within)}"
    return "\n".join(
        [
            f"[sinks.{name}]\nto = {json.dumps(f'file:{os.devnull}')}",
            f'[[routes]]\nname = "{name}"\nsinks = ["{name}"]',
            *patterns,
            f"threshold = {{ {counted}, per = {json.dumps(list(threshold.per))} }}",
        ]
    )
