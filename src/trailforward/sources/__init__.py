"""Sources: one file per shape of payload, told apart by what each shape alone has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.errors import NothingToForwardError
from trailforward.jsontext import decode
from trailforward.message import as_envelope
from trailforward.sources._notifications import notifications
from trailforward.sources.base import ObjectReader
from trailforward.sources.cloudwatch_logs import CloudWatchLogsSource
from trailforward.sources.eventbridge import EventBridgeSource
from trailforward.sources.firehose import FirehoseSource
from trailforward.sources.kinesis import KinesisSource
from trailforward.sources.records import RecordsSource
from trailforward.sources.s3 import S3Source
from trailforward.sources.sns import SnsSource
from trailforward.sources.sqs import SqsSource
from trailforward.sources.unknown import UnknownSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trailforward.aws.objects import S3Object
    from trailforward.models import EventBridgeEvent
    from trailforward.sources.base import Source

#: Asked in this order; the last one takes everything.
ALL: tuple[Source, ...] = (
    CloudWatchLogsSource(),
    FirehoseSource(),
    EventBridgeSource(),
    SqsSource(),
    SnsSource(),
    KinesisSource(),
    S3Source(),
    RecordsSource(),
    UnknownSource(),
)


def detect(payload: Any) -> Source:
    """The source that knows a payload's shape; the unknown one takes what no other does."""
    return next(source for source in ALL if source.recognizes(payload))


def parse(
    payload: Any, *, fetch: Callable[[S3Object], Iterable[bytes]] | None = None
) -> Iterator[EventBridgeEvent]:
    """Typed events, whatever wrapped them.

    Args:
        payload: what a Lambda function receives (dict), or JSON text or bytes of it: an EventBridge
            envelope, a batch of SQS, SNS or Kinesis, a subscription of CloudWatch Logs, a transformation of
            Firehose, a notification of a trail file in S3, a CloudTrail record, a trail file's
            ``{"Records": […]}``, or a list of any of these.
        fetch: reads the object that a notification points to, as an iterable of blocks of bytes; given its
            ``bucket``, ``key``, ``region`` and ``version``. By default botocore does, with the credentials
            it finds.

    Yields:
        One event per envelope or record, in order. A bare record comes in the envelope EventBridge would
        have made. What is meant to be skipped (control messages, digest files) yields nothing.

    Raises:
        EventError: something in it is no event; ``code`` and text say what. Events before it were yielded.
        MissingExtraError: an object is to be read, and botocore is not installed.
    """
    from trailforward.models import EventBridgeEvent

    payload = _decoded(payload)
    reader = ObjectReader(fetch)
    for item in payload if isinstance(payload, list) else [payload]:
        for event in _events(_decoded(item), reader):
            yield EventBridgeEvent.model_validate(event)


def _decoded(payload: Any) -> Any:
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return decode(bytes(payload))
    return decode(payload) if isinstance(payload, str) else payload


def _events(payload: Any, reader: ObjectReader) -> Iterator[dict[str, Any]]:
    source = detect(payload)
    if isinstance(source, (EventBridgeSource, UnknownSource)) and notifications(payload) is None:
        # An event, or what is none: writing it out and reading it back would gain nothing.
        yield as_envelope(payload)
        return
    for message in source.messages(payload, reader):
        try:
            event = message.event
        except NothingToForwardError:
            continue
        yield event
