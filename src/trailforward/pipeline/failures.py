"""Settling: a safe place for every message that some sink did not take.

Never to be taken: a dead letter. To be taken later: back to the source; or, if other sinks have it already,
to the retry queue, so that those do not get it twice. What has no such queue, or cannot be written to it,
goes back to the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward import redelivery, sinks
from trailforward.outcome import Fate, Verdict
from trailforward.pipeline.sender import Lane, Parcel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.config import PipelineSettings
    from trailforward.message import Message
    from trailforward.outcome import Outcome
    from trailforward.pipeline.backoff import Backoff
    from trailforward.pipeline.intake import Refusals
    from trailforward.pipeline.sender import Result
    from trailforward.pipeline.telemetry import Telemetry
    from trailforward.pipeline.threads import Workers
    from trailforward.sinks.base import Sink

#: (message index, code) → the sinks that refused it so.
Notes = dict[tuple[int, str], dict[str, "Result"]]


class Settling:
    """Finds a place for refused messages.

    Args:
        pipeline: names the dead-letter and the retry queue.
        backoff: of writing to them.
        workers: do the writing.
        telemetry: told of what could not be written.
    """

    def __init__(
        self, pipeline: PipelineSettings, backoff: Backoff, workers: Workers, telemetry: Telemetry
    ) -> None:
        direct = pipeline.aws_client == "direct"
        self._dead_letters = Postbox("dead_letter", pipeline.dead_letter, direct=direct)
        self._retries = Postbox("retry_queue", pipeline.retry_queue, direct=direct)
        self._backoff = backoff
        self._workers = workers
        self._telemetry = telemetry

    def settle(self, refusals: Refusals, outcome: Outcome, deadline: float) -> None:
        """Gives every refused message its fate.

        Args:
            refusals: what was refused, by message and sink.
            outcome: the ledger.
            deadline: on ``time.monotonic``.
        """
        left = {index: dict(by_sink) for index, by_sink in refusals.items()}
        dead: Notes = {}
        for index, by_sink in left.items():
            for name, result in by_sink.items():
                if not result.transient:
                    dead.setdefault((index, result.code), {})[name] = result
        for index, code in self._post(self._dead_letters, dead, outcome, deadline):
            for name, result in dead[index, code].items():
                del left[index][name]
                outcome.record(name, index, Verdict(Fate.DEAD_LETTERED, code, result.reason, result.attempts))
        partial: Notes = {
            (index, next(iter(by_sink.values())).code): by_sink
            for index, by_sink in left.items()
            if by_sink and outcome.messages[index].origin.group is None and _repeats(index, outcome)
        }
        for index, _ in self._post(self._retries, partial, outcome, deadline):
            for name, result in left.pop(index).items():
                reason = f"{result.code}: {result.reason}"
                outcome.record(name, index, Verdict(Fate.RETURNED, "retry_queue", reason, result.attempts))
        for index, by_sink in left.items():
            for name, result in by_sink.items():
                verdict = Verdict(Fate.RETURNED, result.code, result.reason, result.attempts)
                outcome.record(name, index, verdict)

    def _post(
        self, postbox: Postbox, notes: Notes, outcome: Outcome, deadline: float
    ) -> list[tuple[int, str]]:
        """Writes messages to a queue of ours; returns those that are safely there."""
        if not notes or postbox.sink is None:
            return []
        keys = list(notes)
        parcels = [
            postbox.parcel(position, outcome.messages[index], code, notes[index, code])
            for position, (index, code) in enumerate(keys)
        ]
        lane = Lane(
            postbox.name,
            postbox.sink,
            self._backoff,
            self._workers,
            deadline=deadline,
            on_error=self._telemetry.fault,
        )
        lane.start(parcels)
        lane.finish()
        if lost := lane.refused:
            text = "not handed over, so returned to the source"
            self._telemetry.error(text, to=postbox.name, count=len(lost), code=next(iter(lost.values())).code)
        return [key for position, key in enumerate(keys) if position not in lost]

    def close(self) -> None:
        """Closes both queues."""
        for postbox in (self._dead_letters, self._retries):
            postbox.close()


class Postbox:
    """A queue of ours: dead letters or retries.

    Args:
        name: for logs.
        destination: ARN of an SQS queue or ``file:PATH``; None where there is no such queue.
        direct: whether AWS may be called without botocore.

    Attributes:
        sink: where to write; None where there is no such queue. It connects on first use.

    Raises:
        MissingExtraError: the queue needs botocore, which is not installed.
    """

    def __init__(self, name: str, destination: str | None, *, direct: bool = True) -> None:
        self.name = name
        self.sink: Sink | None = None
        self._as_line = False
        if destination is not None and (kind := sinks.type_of(destination)) is not None:
            self.sink = sinks.make(sinks.load(kind).Settings(to=destination), direct=direct)
            self._as_line = kind == "file"

    def parcel(self, index: int, message: Message, code: str, by_sink: Mapping[str, Result]) -> Parcel:
        """A message with a note of who is still owed it, and why."""
        result = next(iter(by_sink.values()))
        attempts = max(other.attempts for other in by_sink.values())
        attributes = redelivery.write(message, by_sink, code=code, reason=result.reason, attempts=attempts)
        if self._as_line:
            parcel = Parcel(redelivery.line(message.raw, attributes), message.key, index=index)
        else:
            data, attributes = redelivery.letter(message.raw, attributes)
            parcel = Parcel(data, message.key, attributes=attributes, index=index)
        if self.sink is not None:
            parcel.size = self.sink.size(parcel)
        return parcel

    def close(self) -> None:
        """Closes the sink, if there is one."""
        if self.sink is not None:
            self.sink.close()


def _repeats(index: int, outcome: Outcome) -> bool:
    """Whether handing a message back would repeat what is done, or would not bring it back at all."""
    origin = outcome.messages[index].origin
    if not origin.redelivered:
        return True
    if origin.unit is not None and origin.unit in outcome.leaving:
        return False  # all of it comes again anyway
    if origin.unit is not None and origin.unit in outcome.begun:
        return True
    return any(
        index in verdicts and verdicts[index].fate in {Fate.DELIVERED, Fate.DEAD_LETTERED}
        for verdicts in outcome.verdicts.values()
    )
