"""Message: the exact bytes of one event, and a parsed view of them.

Sinks get ``raw``, the bytes that arrived; nothing is parsed and dumped on the way. The view is parsed once,
on first use. Only routing, filters, and keys read it.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.errors import EventError, UnexaminedError
from trailforward.jsontext import members, parse_fast, to_bytes, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.matched import Matched

#: The top-level key of a pointer, which the dead-letter queue holds in place of an event that does not fit.
POINTER = "trailforward-pointer"

#: The whitespace of JSON.
BLANKS = b" \t\r\n"

_FIELD_CHARACTERS = 256
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")


class Origin(NamedTuple):
    """Where a message came from, in the terms of its source.

    Attributes:
        source: the source's name: ``sqs``, ``eventbridge``, ``file`` …
        ref: the source's identifier of the message (SQS messageId, ``FILE:LINE``); empty if it has none.
        arn: ARN of the queue, stream or bus it came through; empty if unknown.
        group: the FIFO message group; None where order does not matter.
        owed: names of the sinks that have not received this message yet (retry queue, redriven dead letter);
            None means all sinks.
        attempts: delivery attempts in earlier invocations, as recorded in the message.
        seen: when trailforward or its queue first received it: ISO 8601, or milliseconds since 1970.
        item: the caller's identifier of the container that held this message among others; empty if there
            is no such container.
        unit: messages with the same unit are returned to the source together; None where each is returned
            alone.
        keeps: whether a returned message can wait at the source without holding up others. Queues keep
            messages; a shard stops, and asynchronous and direct invocations forget after a few attempts.
        skip: how many records of the referenced S3 object, or log events of the data, are already processed.
        shard: the shard of a Kinesis stream; empty for other sources.
    """

    source: str
    ref: str = ""
    arn: str = ""
    group: str | None = None
    owed: frozenset[str] | None = None
    attempts: int = 0
    seen: object = ""
    item: str = ""
    unit: str | None = None
    keeps: bool = True
    skip: int = 0
    shard: str = ""

    @property
    def first_seen(self) -> str:
        """``seen`` in ISO 8601; empty if unknown."""
        try:
            found = datetime.fromtimestamp(float(self.seen) / 1000, UTC)  # type: ignore[arg-type]  # or raises
        except (ValueError, TypeError, OverflowError, OSError):
            return moment(self.seen)
        return found.isoformat(timespec="milliseconds")


class About(NamedTuple):
    """The values that the pipeline needs from every event.

    Attributes:
        key: see :attr:`Message.key`.
        time: see :attr:`Message.time`.
        region: the envelope's ``region``; empty if it has none.
    """

    key: str
    time: str
    region: str


class Message:
    """One event as it arrived.

    Args:
        raw: the bytes that sinks get: UTF-8 JSON of one envelope, or of one CloudTrail record without an
            envelope.
        origin: where it came from.
        error: set by a source that already knows that the bytes are not an event; ``event`` raises it.
        event: the parsed envelope, if the source had to parse it; kept until ``release``.

    Attributes:
        matched: the detections that matched the event and name the current sink, most severe first.
    """

    __slots__ = ("_about", "_detail", "_error", "_event", "_fields", "matched", "origin", "raw")

    def __init__(
        self,
        raw: bytes,
        origin: Origin,
        *,
        error: EventError | None = None,
        event: dict[str, Any] | None = None,
    ) -> None:
        self.raw = raw
        self.origin = origin
        self.matched: Sequence[Matched] = ()
        self._error = error
        self._event = event
        self._detail: bytes | None = None
        self._fields: dict[str, str] | None = None
        self._about: About | None = None

    def __repr__(self) -> str:
        return f"<Message {self.origin.source} {self.origin.ref or '-'} {len(self.raw)} bytes>"

    @property
    def body(self) -> bytes:
        """``raw`` without the whitespace around the event."""
        return self.raw.strip(BLANKS)

    @property
    def rejected(self) -> bool:
        """Whether it is known already that the bytes are not an event."""
        return self._error is not None

    @property
    def event(self) -> dict[str, Any]:
        """The envelope as a dict. A record without one gets the envelope that EventBridge would add.

        Raises:
            EventError: the bytes are not an event.
        """
        if self._event is None:
            if self._error is None:
                try:
                    self._event = as_envelope(parse_fast(self.raw))
                except EventError as error:
                    self._error = UnexaminedError(error.code, str(error))
            if self._error is not None:
                raise self._error
        return self._event  # type: ignore[return-value]  # set, or raised above

    @property
    def record(self) -> dict[str, Any]:
        """The ``detail`` as a dict; empty if ``detail`` is not an object."""
        detail = self.event["detail"]
        return detail if isinstance(detail, dict) else {}

    @property
    def detail(self) -> bytes:
        """The exact bytes of ``detail``, cut out of ``raw``; ``body`` for a record without an envelope.

        Raises:
            EventError: the bytes are not an event.
        """
        if self._detail is None:
            _ = self.event  # raises if the bytes are not an event
            text = to_text(self.raw)
            span = None
            for key, start, end in members(text):
                if key == "detail":
                    span = start, end  # the last one wins, as in the parsed view
            self._detail = self.body if span is None else to_bytes(text[span[0] : span[1]])
        return self._detail

    @property
    def key(self) -> str:
        """Identifies the event across deliveries: ``eventID``, else the envelope's ``id``, else a digest.

        Forwarding to a bus in another Region changes the envelope's ``id``, but never ``eventID``.
        """
        try:
            return self.about.key
        except EventError:
            return self.digest

    @property
    def time(self) -> str:
        """When it happened, as written: ``eventTime``, else the envelope's ``time``, else empty.

        Raises:
            EventError: the bytes are not an event.
        """
        return self.about.time

    @property
    def about(self) -> About:
        """Key, time, and Region. They stay available after ``release``.

        Raises:
            EventError: the bytes are not an event.
        """
        about = self._about
        if about is None:
            event = self.event
            detail = event["detail"]
            record = detail if isinstance(detail, dict) else _NO_RECORD
            key = record.get("eventID")
            if not (isinstance(key, str) and key and key.isascii()):
                others = record.get("eventId"), event.get("id")
                known = (one for one in others if isinstance(one, str) and one and one.isascii())
                key = next(known, None)
                if key is None:
                    key = self.digest
            time, region = record.get("eventTime") or event.get("time"), event.get("region")
            about = self._about = About(
                key, time if isinstance(time, str) else "", region if isinstance(region, str) else ""
            )
        return about

    @property
    def fields(self) -> dict[str, str]:
        """The fields that filters and keys may use; only those that are present and short, printable text."""
        if self._fields is None:
            try:
                event, record = self.event, self.record
            except EventError:
                self._fields = {}
                return self._fields
            found = {name: event.get(name) for name in ("source", "detail-type", "account", "region")}
            found |= {name: record.get(name) for name in ("eventSource", "eventName", "errorCode")}
            if isinstance(read_only := record.get("readOnly"), bool):
                found["readOnly"] = "true" if read_only else "false"
            self._fields = {
                name: value
                for name, value in found.items()
                if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _FIELD_CHARACTERS
            }
        return self._fields

    def release(self) -> None:
        """Frees the parsed view, which is many times larger than the bytes. The next use parses it again."""
        self._event = None

    @property
    def digest(self) -> str:
        """SHA-256 of ``raw``, in hex."""
        return hashlib.sha256(self.raw).hexdigest()


_NO_RECORD: dict[str, Any] = {}


def moment(value: object) -> str:
    """The value if it is an ISO 8601 time, else an empty string."""
    try:
        datetime.fromisoformat(value)  # type: ignore[arg-type]  # raises if it is not text
    except (ValueError, TypeError):
        return ""
    return str(value)


def as_envelope(value: Any) -> dict[str, Any]:
    """Returns an envelope unchanged, and adds one to a CloudTrail record that has none.

    Raises:
        EventError: ``not_an_object``, ``pointer``, ``s3_test_event``, ``sns_notification``, ``no_detail`` or
            ``unknown_shape``.
    """
    if not isinstance(value, dict):
        kind = {list: "list", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")
        raise EventError("not_an_object", f"a JSON {kind} instead of an event (a JSON object)")
    if "detail" in value:
        return value
    if is_record(value):
        return {
            "version": "0",
            "id": value.get("eventID", value.get("eventId")),
            "detail-type": _detail_type(value.get("eventType")),
            "source": _source(value),
            "account": value.get("recipientAccountId", value.get("accountId")),
            "time": value.get("eventTime"),
            "region": value.get("awsRegion"),
            "resources": [],
            "detail": value,
        }
    if POINTER in value:
        raise EventError("pointer", f"the event was too large for the queue: {_place(value[POINTER])}")
    if value.get("Event") == "s3:TestEvent":
        raise EventError("s3_test_event", "an S3 test notification, not an event")
    if "detail-type" in value:
        raise EventError("no_detail", "an EventBridge envelope without 'detail'")
    if "TopicArn" in value and "Message" in value:
        text = "an SNS notification wraps the message: turn on raw message delivery in the subscription"
        raise EventError("sns_notification", text)
    # Show only keys that look like names. Other keys may be data, which errors must not show.
    names = ", ".join(sorted(filter(_NAME.fullmatch, value))[:5]) or "(no key looks like a name)"
    raise EventError(
        "unknown_shape", f"neither an EventBridge envelope nor a CloudTrail record; its keys: {names}"
    )


def _place(pointer: Any) -> str:
    """Where a pointer says that the original is, in one line."""
    names = ("bytes", "copy", "arn", "shard", "item", "ref", "sha256")
    found = {name: pointer.get(name) for name in names} if isinstance(pointer, dict) else {}
    # Anyone who may send to the queue chooses these values.
    texts = {
        name: str(value)[:_FIELD_CHARACTERS] for name, value in found.items() if type(value) in {str, int}
    }
    line = ", ".join(f"{name} {value}" for name, value in texts.items() if value.isprintable())
    return f"read the original from {line}" if line else "the pointer does not say where the original is"


def is_record(value: Any) -> bool:
    """Whether a value looks like a CloudTrail record without an envelope, and not like an S3 notification."""
    if not isinstance(value, dict) or "awsRegion" not in value:
        return False
    source = value.get("eventSource")
    if isinstance(source, str) and source.startswith("aws:"):
        return False
    return "eventVersion" in value or "eventID" in value or "eventType" in value


#: eventType → detail-type (AWS's EventBridge guide, "Events from AWS services via CloudTrail").
_DETAIL_TYPES = {
    "awsapicall": "AWS API Call via CloudTrail",
    "awsserviceevent": "AWS Service Event via CloudTrail",
    "awsconsoleaction": "AWS Console Action via CloudTrail",
    "awsconsolesignin": "AWS Console Sign In via CloudTrail",
    "awscloudtrailinsight": "AWS Insight via CloudTrail",
    "awsvpceevent": "AWS Network Activity Event via CloudTrail",
    "awsvpceevents": "AWS Network Activity Event via CloudTrail",
}


def _detail_type(event_type: Any) -> str:
    kind = event_type.lower() if isinstance(event_type, str) else ""
    return _DETAIL_TYPES.get(kind, "AWS API Call via CloudTrail")


def _source(record: dict[str, Any]) -> str:
    """``aws.`` and the part before ``.amazonaws.com``; Insights events come from CloudTrail itself."""
    event_source = record.get("eventSource")
    if not isinstance(event_source, str):
        return "aws.cloudtrail"
    return "aws." + event_source.removesuffix(".amazonaws.com")
