"""Copies of events that do not fit into the dead-letter queue, in a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward import sinks
from trailforward.aws.client import Client
from trailforward.aws.s3_put import put_once
from trailforward.pipeline.sender import PendingEntry, Sender
from trailforward.sinks.base import Limits, Sink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.config import PipelineSettings
    from trailforward.message import Message
    from trailforward.pipeline.backoff import Backoff
    from trailforward.pipeline.telemetry import Telemetry
    from trailforward.pipeline.threads import Threads
    from trailforward.sinks.base import Entry, Rejection

#: S3 accepts far larger objects, but a function's memory does not.
_MOST_BYTES = 1 << 26


class Copies:
    """Stores the bytes of an event as an object. The key is their SHA-256, so a repetition is stored once.

    Args:
        pipeline: names the bucket in ``dead_letter_bucket``, and its owner in ``bucket_owners``.
        backoff: how often and how long to retry.
        threads: run the calls.
        telemetry: learns what could not be stored.
    """

    def __init__(
        self, pipeline: PipelineSettings, backoff: Backoff, threads: Threads, telemetry: Telemetry
    ) -> None:
        settings = sinks.load("s3").Settings(to=pipeline.dead_letter_bucket)
        self._sink = Bucket(settings, pipeline.bucket_owners, direct=pipeline.aws_client == "direct")
        self._backoff = backoff
        self._threads = threads
        self._telemetry = telemetry

    def store(self, message: Message, deadline: float) -> str:
        """Stores a message before the deadline, and returns ``s3://BUCKET/KEY``; empty if that fails."""
        entry = PendingEntry(message.raw, message.digest, size=len(message.raw))
        sender = Sender(
            "dead_letter_bucket",
            self._sink,
            self._backoff,
            self._threads,
            deadline=deadline,
            on_error=self._telemetry.fault,
        )
        sender.start([entry])
        sender.finish()
        if sender.failed:
            failure = sender.failed[0]
            text = "no copy of an event that does not fit into the dead-letter queue"
            self._telemetry.error(
                text, to="dead_letter_bucket", code=failure.code, reason=failure.reason, bytes=entry.size
            )
            return ""
        return self._sink.place(entry)

    def close(self) -> None:
        """Closes the connections."""
        self._sink.close()


class Bucket(Sink):
    """One object per entry, with the entry's exact bytes."""

    arn = ""

    def __init__(self, settings: sinks.s3.S3Settings, owners: dict[str, str], *, direct: bool) -> None:
        self.limits = Limits(max_entries=1, max_entry_bytes=_MOST_BYTES, max_batch_bytes=_MOST_BYTES)
        self._bucket, self._prefix = settings.bucket, settings.prefix
        owner = owners.get(settings.bucket)
        self._owner = {"ExpectedBucketOwner": owner} if owner else {}
        self._client = Client("s3", settings.region, direct=direct)

    def size(self, entry: Entry) -> int:
        """The data."""
        return len(entry.data)

    def place(self, entry: Entry) -> str:
        """Where an entry is stored."""
        return f"s3://{self._bucket}/{self._key(entry)}"

    def connect(self) -> str:
        """Does the TLS handshake with S3, and sends nothing."""
        return self._client.connect()

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Stores one entry.

        Raises:
            TransientError: throttled, or no response.
            PermanentError: the bucket does not exist, or access is denied.
        """
        (entry,) = batch
        put_once(
            self._client,
            Bucket=self._bucket,
            Key=self._key(entry),
            Body=entry.data,
            ContentType="application/octet-stream",
            **self._owner,
        )
        return []

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _key(self, entry: Entry) -> str:
        return f"{self._prefix}{entry.key}"
