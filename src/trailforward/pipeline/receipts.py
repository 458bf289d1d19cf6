"""Writes the receipts of a ledger. Configurations without ``receipts`` do not import this module.

It runs after the ledger is complete and before the response, which lets the source delete its messages. A
crash in between leaves out a receipt, but never leaves a false one.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trailforward import sinks
from trailforward.pipeline.copies import Bucket
from trailforward.pipeline.sender import PendingEntry, Sender
from trailforward.receipts.line import lines, split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.config import PipelineSettings
    from trailforward.outcome import Outcome
    from trailforward.pipeline.backoff import Backoff
    from trailforward.pipeline.telemetry import Telemetry
    from trailforward.pipeline.threads import Threads
    from trailforward.sinks.base import Sink

#: Most bytes of a block before compression. A Firehose record has at most 1,000 KiB.
MOST_BYTES = 900_000

#: Seconds that the receipts of one ledger may take. A destination that needs all of them is not called for
#: the next seconds, so that it does not slow down delivery.
SECONDS = 5.0
PAUSE_SECONDS = 30.0


class Receipts:
    """Sends the receipts of each ledger to a Firehose stream or a bucket.

    Args:
        pipeline: names the destination in ``receipts``, and the owner of a bucket in ``bucket_owners``.
        backoff: how often and how long to retry.
        threads: run the calls.
        telemetry: learns what could not be written.
    """

    def __init__(
        self, pipeline: PipelineSettings, backoff: Backoff, threads: Threads, telemetry: Telemetry
    ) -> None:
        settings = pipeline.receipts
        if settings is None:  # pragma: no cover  # the forwarder asks first
            raise ValueError("the configuration has no receipts")
        direct = pipeline.aws_client == "direct"
        given = settings.destination
        self._sink: Sink
        self._as_objects = sinks.type_of(settings.to) == "s3"
        if self._as_objects:
            self._sink = Bucket(given, pipeline.bucket_owners, direct=direct)
        else:
            self._sink = sinks.make(given, direct=direct)
        self._sha256 = settings.sha256
        self._backoff = backoff
        self._threads = threads
        self._telemetry = telemetry
        self._paused_until = 0.0

    def write(self, outcome: Outcome, deadline: float) -> int:
        """Writes the receipts of a complete ledger. Never raises: a lost receipt must not cost events.

        Args:
            outcome: the ledger.
            deadline: on ``time.monotonic``; it never takes more than :data:`SECONDS`.

        Returns:
            The number of events whose receipt was not written.
        """
        start = time.monotonic()
        entries: list[PendingEntry] = []
        counts: list[int] = []
        try:
            for entry, count in self._entries(outcome):
                entry.index = len(entries)
                entry.size = self._sink.size(entry)
                entries.append(entry)
                counts.append(count)
        except Exception as error:  # noqa: BLE001  # events matter more than their receipts
            self._telemetry.fault("receipts", error)
            return len(outcome.messages)
        if not entries:
            return 0
        if start < self._paused_until:
            return self._failed(sum(counts), "paused", "the last receipts took too long")
        sender = Sender(
            "receipts",
            self._sink,
            self._backoff,
            self._threads,
            deadline=min(deadline, start + SECONDS),
            on_error=self._telemetry.fault,
        )
        sender.start(entries)
        sender.finish()
        if not sender.failed:
            return 0
        if time.monotonic() >= start + SECONDS:
            self._paused_until = time.monotonic() + PAUSE_SECONDS
        failure = next(iter(sender.failed.values()))
        return self._failed(sum(counts[index] for index in sender.failed), failure.code, failure.reason)

    def prepare(self) -> None:
        """Creates the client, without connecting."""
        self._sink.prepare()

    def close(self) -> None:
        """Closes the connections."""
        self._sink.close()

    def _failed(self, count: int, code: str, reason: str) -> int:
        self._telemetry.error("receipts not written", to="receipts", count=count, code=code, reason=reason)
        return count

    def _entries(self, outcome: Outcome) -> Iterator[tuple[PendingEntry, int]]:
        """Each block as an entry, with the number of its receipts."""
        for block in split(lines(outcome, sha256=self._sha256), MOST_BYTES):
            count = block.count(b"\n")
            if not self._as_objects:
                # As text, because Firehose's sink would join the lines of JSON.
                yield PendingEntry(block, "", content_type="text/plain"), count
            else:
                yield object_of(block), count


def object_of(block: bytes) -> PendingEntry:
    """An object with some receipts. Its name is their hash, so a repeated call writes the same object."""
    key = f"{datetime.now(UTC):%Y/%m/%d/%H}/{hashlib.sha256(block).hexdigest()}.ndjson.gz"
    data = gzip.compress(block, mtime=0)
    return PendingEntry(data, key, size=len(data))
