"""Sources: one file per shape of payload, told apart by what each shape alone has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.jsontext import decode
from trailforward.message import as_envelope
from trailforward.sources.eventbridge import EventBridgeSource
from trailforward.sources.records import RecordsSource
from trailforward.sources.sqs import SqsSource
from trailforward.sources.unknown import UnknownSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.models import EventBridgeEvent
    from trailforward.sources.base import Source

#: Asked in this order; the last one takes everything.
ALL: tuple[Source, ...] = (EventBridgeSource(), SqsSource(), RecordsSource(), UnknownSource())


def detect(payload: Any) -> Source:
    """The source that knows a payload's shape; the unknown one takes what no other does."""
    return next(source for source in ALL if source.recognises(payload))


def parse(payload: Any) -> Iterator[EventBridgeEvent]:
    """Typed events, whatever wrapped them.

    Args:
        payload: what a Lambda function receives (dict), or JSON text or bytes of it: an EventBridge envelope,
            an SQS batch of envelopes, a CloudTrail record, a trail file's ``{"Records": […]}``, or a list of
            any of these.

    Yields:
        One event per envelope or record, in order. A bare record comes in the envelope EventBridge would
        have made.

    Raises:
        EventError: something in it is no event; ``code`` and text say what. Events before it were yielded.
    """
    from trailforward.models import EventBridgeEvent

    payload = _decoded(payload)
    for item in payload if isinstance(payload, list) else [payload]:
        for event in _events(_decoded(item)):
            yield EventBridgeEvent.model_validate(event)


def _decoded(payload: Any) -> Any:
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return decode(bytes(payload))
    return decode(payload) if isinstance(payload, str) else payload


def _events(payload: Any) -> Iterator[dict[str, Any]]:
    source = detect(payload)
    if isinstance(source, (EventBridgeSource, UnknownSource)):
        # An event, or what is none: writing it out and reading it back would gain nothing.
        yield as_envelope(payload)
        return
    for message in source.messages(payload):
        yield message.event
