"""Sources: one module per payload shape. Each shape has a key or value that no other shape has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.errors import NothingToForwardError
from trailforward.jsontext import to_bytes
from trailforward.message import Message, Origin, as_envelope
from trailforward.sources._notifications import parse_notifications
from trailforward.sources._unwrap import examine, examined
from trailforward.sources.base import ObjectReader
from trailforward.sources.cloudwatch_logs import CloudWatchLogsSource
from trailforward.sources.direct import DirectSource
from trailforward.sources.eventbridge import EventBridgeSource
from trailforward.sources.firehose import FirehoseSource
from trailforward.sources.kinesis import KinesisSource
from trailforward.sources.s3 import S3Source
from trailforward.sources.sns import SnsSource
from trailforward.sources.sqs import SqsSource
from trailforward.sources.unknown import UnknownSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trailforward.aws.objects import S3Object
    from trailforward.models import EventBridgeEvent
    from trailforward.sources.base import Source

__all__ = ["ALL", "detect", "examined", "is_batch", "parse"]

#: Tried in this order; the last one recognizes every payload.
ALL: tuple[Source, ...] = (
    CloudWatchLogsSource(),
    FirehoseSource(),
    EventBridgeSource(),
    SqsSource(),
    SnsSource(),
    KinesisSource(),
    S3Source(),
    DirectSource(),
    UnknownSource(),
)


def detect(payload: Any) -> Source:
    """Returns the source that recognizes a payload; :class:`UnknownSource` if no other source does."""
    return next(source for source in ALL if source.recognizes(payload))


def is_batch(source: Source) -> bool:
    """Whether a source's payloads wrap the data of several records."""
    return isinstance(source, (CloudWatchLogsSource, FirehoseSource, KinesisSource, SnsSource, SqsSource))


def parse(
    payload: Any, *, fetch: Callable[[S3Object], Iterable[bytes]] | None = None
) -> Iterator[EventBridgeEvent]:
    """Parses a payload into typed events, and unwraps them if necessary.

    Args:
        payload: what a Lambda function receives, as a dict, JSON text, or bytes: an EventBridge envelope,
            an SQS, SNS, or Kinesis batch, CloudWatch Logs subscription data, a Firehose transformation,
            an S3 or CloudTrail notification about a log file, a CloudTrail record, the contents of a log
            file (``{"Records": […]}``), the output of ``aws cloudtrail lookup-events``, or a list of any of
            these. Text and bytes may contain several of these, one after the other.
        fetch: reads the object that a notification names. It gets an :class:`S3Object` (``bucket``, ``key``,
            ``region``, ``version``) and returns an iterable of blocks of bytes. By default botocore reads
            the object, with the credentials that it finds.

    Yields:
        One event per envelope or record, in order. A record without an envelope gets the envelope that
        EventBridge would have made. Payloads without events (control messages, digest files) yield nothing.

    Raises:
        EventError: part of the payload is not an event; ``code`` and the text say why. Events before that
            part have been yielded.
        MissingExtraError: an object must be read, but botocore is not installed.
    """
    from trailforward.models import EventBridgeEvent

    for event in _events(payload, ObjectReader(fetch)):
        yield EventBridgeEvent.model_validate(event)


def _events(payload: Any, reader: ObjectReader) -> Iterator[dict[str, Any]]:
    for message in _messages(payload, reader):
        try:
            yield message.event
        except NothingToForwardError:
            continue


def _messages(payload: Any, reader: ObjectReader) -> Iterator[Message]:
    origin = Origin("parse", "payload")
    if isinstance(payload, str):
        payload = to_bytes(payload)
    if isinstance(payload, (bytes, bytearray, memoryview)):
        yield from examine(bytes(payload), origin, reader)
        return
    if isinstance(payload, list):
        for item in payload:
            yield from _messages(item, reader)
        return
    source = detect(payload)
    if isinstance(source, UnknownSource) or (
        isinstance(source, EventBridgeSource) and parse_notifications(payload) is None
    ):
        # The payload is parsed already. Encoding it and decoding it again would gain nothing.
        yield Message(b"", origin, event=as_envelope(payload))
        return
    yield from examined(source.messages(payload, reader), reader)
