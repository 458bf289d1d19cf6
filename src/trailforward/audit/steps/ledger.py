"""What became of the events that a child execution forwarded: sums, problems, and undelivered events."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from trailforward import redelivery
from trailforward.errors import TrailforwardError
from trailforward.outcome import Fate, Totals
from trailforward.pipeline.telemetry import place_of

if TYPE_CHECKING:
    from trailforward.outcome import Outcome

#: Problems and reasons that are kept with their texts.
_KEPT = 50


class SinkRefusesError(TrailforwardError):
    """A sink refuses everything, so the child execution stops. A redrive continues there."""


class Ledger:
    """Sums of some batches.

    Attributes:
        files: how many log files are done.
        events: how many events were read.
        sinks: name of each sink to its sums.
        troubles: sink, code, and reason to the number of events.
        problems: sentences about files and sinks.
        more_problems: how many more there are.
        undelivered: lines for ``trailforward forward``.
        balanced: whether the sums add up.
    """

    def __init__(self) -> None:
        self.files = self.events = self.more_problems = 0
        self.sinks: dict[str, Totals] = {}
        self.troubles: Counter[tuple[str, str, str]] = Counter()
        self.problems: list[str] = []
        self.undelivered: list[bytes] = []
        self.balanced = True

    def as_json(self) -> dict[str, Any]:
        """The sums for JSON, without the undelivered events."""
        return {
            "files": self.files,
            "events": self.events,
            "sinks": {name: totals._asdict() for name, totals in self.sinks.items()},
            "troubles": [[*key, count] for key, count in self.troubles.items()],
            "problems": self.problems,
            "more_problems": self.more_problems,
            "balanced": self.balanced,
        }

    def add(self, value: dict[str, Any]) -> None:
        """Adds the sums that :meth:`as_json` returned."""
        self.files += value["files"]
        self.events += value["events"]
        for name, totals in value["sinks"].items():
            self.sinks[name] = self.sinks.get(name, Totals()) + Totals(**totals)
        for *key, count in value["troubles"]:
            self._trouble((key[0], key[1], key[2]), count)
        for text in value["problems"]:
            self.problem(text)
        self.more_problems += value["more_problems"]
        self.balanced &= value["balanced"]

    def problem(self, text: str) -> None:
        """Adds a sentence."""
        if len(self.problems) < _KEPT:
            self.problems.append(text)
        else:
            self.more_problems += 1

    def _trouble(self, key: tuple[str, str, str], count: int) -> None:
        if key not in self.troubles and len(self.troubles) >= _KEPT:
            key = key[0], key[1], ""
        self.troubles[key] += count

    def publish(self, outcome: Outcome) -> None:
        """Adds a batch."""
        for sink in outcome.accounts:
            self.sinks[sink] = self.sinks.get(sink, Totals()) + outcome.totals(sink)
        self.balanced &= not outcome.breaks
        for index, message in enumerate(outcome.messages):
            owed = {
                sink: verdict
                for sink, verdicts in outcome.verdicts.items()
                if (verdict := verdicts.get(index)) is not None
                and verdict.fate in {Fate.DEAD_LETTERED, Fate.RETURNED}
            }
            for sink, verdict in owed.items():
                self._trouble((sink, verdict.code, verdict.reason), 1)
            if owed:
                first = next(iter(owed.values()))
                attributes = redelivery.to_attributes(
                    message, owed, code=first.code, reason=first.reason, attempts=first.attempts
                )
                self.undelivered.append(redelivery.to_json_line(message.raw, attributes))


class Collector:
    """The telemetry of a forwarder: adds everything to one ledger, which the caller may replace.

    Attributes:
        ledger: gets the sums.
        refused: what a sink that refuses everything needs; empty if none does.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.refused = ""

    def publish(self, outcome: Outcome) -> None:
        """Adds a batch."""
        self.ledger.publish(outcome)

    def error(self, text: str, **fields: Any) -> None:
        """Records an error of a sink or format."""
        self.ledger.problem(f"{text}: {', '.join(f'{name} {value}' for name, value in fields.items())}")

    def fault(self, sink: str, error: BaseException) -> None:
        """Records an unexpected exception of a sink or format."""
        self.error("a sink or format failed", sink=sink, **place_of(error))

    def refusing(self, sink: str, code: str, problem: str, fix: str) -> None:  # noqa: ARG002  # in the problem
        """Remembers that a sink refuses everything."""
        self.refused = f"{sink} refuses everything: {problem}. Fix: {fix}"
