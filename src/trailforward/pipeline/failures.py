"""Finds a safe place for every message that a sink did not accept.

A permanent failure goes to the dead-letter queue. A transient failure goes back to the source, or to the
retry queue if other sinks have the message already, so that those do not get it twice. A source that stops
or forgets (a shard, an asynchronous invocation) does not get it back: it goes to the retry queue, otherwise
to the dead-letter queue. If there is no such queue, or writing to it fails, the message goes back to the
source.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trailforward import redelivery, sinks
from trailforward.outcome import Fate, Verdict
from trailforward.pipeline.sender import PendingEntry, Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trailforward.config import PipelineSettings
    from trailforward.message import Message
    from trailforward.outcome import Outcome
    from trailforward.pipeline.backoff import Backoff
    from trailforward.pipeline.copies import Copies
    from trailforward.pipeline.intake import Failures
    from trailforward.pipeline.sender import Failure
    from trailforward.pipeline.telemetry import Telemetry
    from trailforward.pipeline.threads import Threads
    from trailforward.sinks.base import Sink

#: MaximumMessageSize of queues that were created before 2025; see ``sinks/sqs.py``.
OLD_QUEUE_BYTES = 262_144

#: (message index, code) → the sinks that failed with this code.
_ByCode = dict[tuple[int, str], dict[str, "Failure"]]


class FailureHandler:
    """Moves failed messages to the dead-letter queue and the retry queue.

    Args:
        pipeline: names the two queues.
        backoff: for writing to them.
        threads: run the calls.
        telemetry: learns what could not be written.
    """

    def __init__(
        self, pipeline: PipelineSettings, backoff: Backoff, threads: Threads, telemetry: Telemetry
    ) -> None:
        direct = pipeline.aws_client == "direct"
        self._dead_letters = FailureQueue("dead_letter", pipeline.dead_letter, direct=direct, pointers=True)
        self._copies: Copies | None = None
        if pipeline.dead_letter_bucket:
            from trailforward.pipeline.copies import Copies

            self._copies = Copies(pipeline, backoff, threads, telemetry)
        self._retries = FailureQueue("retry_queue", pipeline.retry_queue, direct=direct)
        self._backoff = backoff
        self._threads = threads
        self._telemetry = telemetry

    def handle(self, failures: Failures, outcome: Outcome, deadline: float) -> list[tuple[str, int, Verdict]]:
        """Moves the messages, and decides their fates.

        Args:
            failures: by message and sink.
            outcome: the ledger so far; it is only read.
            deadline: on ``time.monotonic``.

        Returns:
            Sink, message index, and verdict of each failure.
        """
        left = {index: dict(by_sink) for index, by_sink in failures.items()}
        verdicts = self._dead_letter(left, outcome, deadline, transient=False)
        dead = {index for _, index, _ in verdicts}
        retried: _ByCode = {
            (index, next(iter(by_sink.values())).code): by_sink
            for index, by_sink in left.items()
            if by_sink
            and outcome.messages[index].origin.group is None
            and (_would_repeat(index, outcome, dead_lettered=index in dead))
        }
        queued = {index for index, _ in self._write(self._retries, retried, outcome, deadline)}
        stuck = {
            index: by_sink
            for index, by_sink in left.items()
            if index not in queued and not outcome.messages[index].origin.keeps
        }
        verdicts += self._dead_letter(stuck, outcome, deadline, transient=True)
        for index, by_sink in left.items():
            for name, failure in by_sink.items():
                queue = index in queued
                _, code, reason, attempts, throttled = failure
                verdict = Verdict(Fate.RETURNED, code, reason, attempts, queue, throttled)
                verdicts.append((name, index, verdict))
        return verdicts

    def _dead_letter(
        self, left: dict[int, dict[str, Failure]], outcome: Outcome, deadline: float, *, transient: bool
    ) -> list[tuple[str, int, Verdict]]:
        """Moves failures of one kind from ``left`` to the dead-letter queue, and returns their verdicts."""
        wanted: _ByCode = {}
        for index, by_sink in left.items():
            for name, failure in by_sink.items():
                if failure.transient is transient:
                    wanted.setdefault((index, failure.code), {})[name] = failure
        verdicts = []
        for index, code in self._write(self._dead_letters, wanted, outcome, deadline):
            for name, failure in wanted[index, code].items():
                del left[index][name]
                verdict = Verdict(Fate.DEAD_LETTERED, code, failure.reason, failure.attempts)
                verdicts.append((name, index, verdict))
        return verdicts

    def _write(
        self, queue: FailureQueue, failures: _ByCode, outcome: Outcome, deadline: float
    ) -> list[tuple[int, str]]:
        """Writes messages to a queue; returns the keys of those that it accepted."""
        if not failures or queue.sink is None:
            return []
        keys = list(failures)
        copy = partial(self._copy, deadline=deadline)
        entries = [
            queue.entry(position, outcome.messages[index], code, failures[index, code], copy)
            for position, (index, code) in enumerate(keys)
        ]
        failed = self._sent(queue, queue.sink, entries, deadline)
        # MaximumMessageSize of a queue may be lower than SQS's limit.
        refused = [
            queue.entry(position, outcome.messages[index], code, failures[index, code], copy, OLD_QUEUE_BYTES)
            for position, (index, code) in enumerate(keys)
            if position in failed
            and not failed[position].transient
            and entries[position].size > OLD_QUEUE_BYTES
        ]
        if refused:
            failed = {
                position: failure
                for position, failure in failed.items()
                if all(entry.index != position for entry in refused)
            } | self._sent(queue, queue.sink, refused, deadline)
        if failed:
            text = "not written to the queue, so returned to the source"
            code = next(iter(failed.values())).code
            self._telemetry.error(text, to=queue.name, count=len(failed), code=code)
        return [key for position, key in enumerate(keys) if position not in failed]

    def _sent(
        self, queue: FailureQueue, sink: Sink, entries: list[PendingEntry], deadline: float
    ) -> dict[int, Failure]:
        """Sends entries to a queue; returns those that it did not accept, by position."""
        sender = Sender(
            queue.name,
            sink,
            self._backoff,
            self._threads,
            deadline=deadline,
            on_error=self._telemetry.fault,
        )
        sender.start(entries)
        sender.finish()
        return sender.failed

    def _copy(self, message: Message, deadline: float) -> str:
        """Copies a message to the bucket, if there is one; returns where the copy is, or an empty string."""
        return self._copies.store(message, deadline) if self._copies else ""

    def close(self) -> None:
        """Closes both queues, and the connections to the bucket."""
        for one in (self._dead_letters, self._retries, self._copies):
            if one is not None:
                one.close()


class FailureQueue:
    """The dead-letter queue or the retry queue.

    Args:
        name: for logs.
        destination: ARN of an SQS queue or ``file:PATH``; None if there is no such queue.
        direct: whether AWS may be called without botocore.
        pointers: whether a pointer is stored for a message that does not fit.

    Attributes:
        sink: the destination; None if there is no such queue. It connects on first use.

    Raises:
        MissingExtraError: the queue needs botocore, which is not installed.
    """

    def __init__(
        self, name: str, destination: str | None, *, direct: bool = True, pointers: bool = False
    ) -> None:
        self.name = name
        self._pointers = pointers
        self.sink: Sink | None = None
        self._as_line = False
        if destination is not None and (kind := sinks.type_of(destination)) is not None:
            self.sink = sinks.make(sinks.load(kind).Settings(to=destination), direct=direct)
            self._as_line = kind == "file"

    def entry(
        self,
        index: int,
        message: Message,
        code: str,
        by_sink: Mapping[str, Failure],
        copy: Callable[[Message], str],
        max_bytes: int | None = None,
    ) -> PendingEntry:
        """A message with the sinks that it is still owed to, and why.

        It always fits into the dead-letter queue: encoded and compressed if necessary, otherwise as a
        pointer to the original.

        Args:
            index: of the entry.
            message: as it arrived.
            code: the error code that the sinks have in common.
            by_sink: the sinks and their failures.
            copy: copies the message if it does not fit, and returns where.
            max_bytes: of body and attributes; by default the limit of the destination.
        """
        failure = next(iter(by_sink.values()))
        attempts = max(each.attempts for each in by_sink.values())
        attributes = redelivery.to_attributes(
            message, by_sink, code=code, reason=failure.reason, attempts=attempts
        )
        if self._as_line or self.sink is None:
            data, attributes = redelivery.to_json_line(message.raw, attributes), {}
        else:
            most = self.sink.limits.max_entry_bytes if max_bytes is None else max_bytes
            if (stored := redelivery.to_sqs(message.raw, attributes, most)) is not None:
                data, attributes = stored
            elif self._pointers:
                data = redelivery.to_pointer(message, code=code, reason=failure.reason, copy=copy(message))
            else:
                data = message.raw  # the queue refuses it, so it goes back to the source
        entry = PendingEntry(data, message.key, attributes=attributes, index=index)
        if self.sink is not None:
            entry.size = self.sink.size(entry)
        return entry

    def close(self) -> None:
        """Closes the sink, if there is one."""
        if self.sink is not None:
            self.sink.close()


def _would_repeat(index: int, outcome: Outcome, *, dead_lettered: bool) -> bool:
    """Whether returning a message to its source would repeat deliveries, stop the source, or lose it."""
    origin = outcome.messages[index].origin
    if not origin.keeps:
        return True
    if origin.unit is not None and origin.unit in outcome.leaving:
        return False  # the whole unit is delivered again anyway
    if origin.unit is not None and origin.unit in outcome.begun:
        return True
    return dead_lettered or any(
        index in verdicts and verdicts[index].fate in {Fate.DELIVERED, Fate.DEAD_LETTERED}
        for verdicts in outcome.verdicts.values()
    )
