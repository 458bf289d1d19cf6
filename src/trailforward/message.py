"""Message: one event as it arrived, its bytes first, and a view of them that is parsed once and lazily.

Parsing never rewrites: ``raw`` is what arrived and what sinks get. The view serves routing, guards and
keys only.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from trailforward.errors import EventError
from trailforward.jsontext import members, to_bytes, to_text, view

_FIELD_CHARACTERS = 256
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")


class Origin(NamedTuple):
    """Where a message came from, in the source's own terms.

    Attributes:
        source: the source's name: ``sqs``, ``eventbridge``, ``file`` …
        ref: what the source calls the message (SQS messageId, ``FILE:LINE``); empty if it has no name.
        arn: ARN of the queue, stream or bus it came through; empty if unknown.
        group: the FIFO message group, or None where order does not matter.
        owed: names of the only sinks still owed this message (retry queue, redriven dead letter);
            None means all of them.
        attempts: sending attempts made in earlier invocations, as far as the message tells.
        seen: when trailforward or its queue first saw it: ISO 8601, or milliseconds since 1970.
        item: what the caller calls the thing it came in, where that held more than this message.
        unit: messages of one unit go back to the source together; None where each goes alone.
        redelivered: whether the source brings again what goes back to it.
        skip: of an object that it points to, how many records are done.
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
    redelivered: bool = True
    skip: int = 0

    @property
    def first_seen(self) -> str:
        """``seen`` in ISO 8601; empty if unknown."""
        try:
            found = datetime.fromtimestamp(float(self.seen) / 1000, UTC)  # type: ignore[arg-type]  # or raises
        except (ValueError, TypeError, OverflowError, OSError):
            return moment(self.seen)
        return found.isoformat(timespec="milliseconds")


class About(NamedTuple):
    """What the pipeline needs of every event.

    Attributes:
        key: see :attr:`Message.key`.
        time: see :attr:`Message.time`.
        region: where it happened, as the envelope spells it; empty if it does not say.
    """

    key: str
    time: str
    region: str


class Message:
    """One event as it arrived.

    Args:
        raw: the bytes that sinks get: UTF-8 text of one envelope, or of one bare CloudTrail record.
        origin: where it came from.
        error: set by a source that already knows this is no event; ``event`` raises it.
        event: the envelope, where the source had to parse it anyway; kept until ``release``.
    """

    __slots__ = ("_about", "_detail", "_error", "_event", "_fields", "origin", "raw")

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
        self._error = error
        self._event = event
        self._detail: bytes | None = None
        self._fields: dict[str, str] | None = None
        self._about: About | None = None

    def __repr__(self) -> str:
        return f"<Message {self.origin.source} {self.origin.ref or '-'} {len(self.raw)} bytes>"

    @property
    def event(self) -> dict[str, Any]:
        """The envelope as a dict. A bare record is shown inside the envelope EventBridge would have made.

        Raises:
            EventError: the bytes are no event.
        """
        if self._event is None:
            if self._error is None:
                try:
                    self._event = as_envelope(view(self.raw))
                except EventError as error:
                    self._error = error
            if self._error is not None:
                raise self._error
        return self._event  # type: ignore[return-value]  # set, or raised above

    @property
    def record(self) -> dict[str, Any]:
        """The ``detail`` as a dict; empty where ``detail`` is no object."""
        detail = self.event["detail"]
        return detail if isinstance(detail, dict) else {}

    @property
    def detail(self) -> bytes:
        """Exactly the bytes of ``detail``, cut out of ``raw``; ``raw`` itself for a bare record.

        Raises:
            EventError: the bytes are no event.
        """
        if self._detail is None:
            _ = self.event  # raises for what is no event
            text = to_text(self.raw)
            span = None
            for key, start, end in members(text):
                if key == "detail":
                    span = start, end  # the last one wins, as in the view
            self._detail = self.raw if span is None else to_bytes(text[span[0] : span[1]])
        return self._detail

    @property
    def key(self) -> str:
        """What identifies the event across deliveries: ``eventID``, else the envelope's id, else a digest.

        A hop to a bus in another Region replaces the envelope's id, never ``eventID``.
        """
        try:
            return self.about.key
        except EventError:
            return self.digest

    @property
    def time(self) -> str:
        """When it happened, as the event spells it: ``eventTime``, else the envelope's; empty if neither.

        Raises:
            EventError: the bytes are no event.
        """
        return self.about.time

    @property
    def about(self) -> About:
        """Key, time and Region. They stay at hand after ``release``.

        Raises:
            EventError: the bytes are no event.
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
        """What filters and keys may use of the event; only what is there and is short, printable text."""
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
        """Lets go of the parsed view, many times the size of the bytes; it can be had again from them."""
        self._event = None

    @property
    def digest(self) -> str:
        """SHA-256 of ``raw``, in hex."""
        return hashlib.sha256(self.raw).hexdigest()


_NO_RECORD: dict[str, Any] = {}


def moment(value: object) -> str:
    """The value if it is a moment in ISO 8601, else nothing."""
    try:
        datetime.fromisoformat(value)  # type: ignore[arg-type]  # or it raises
    except (ValueError, TypeError):
        return ""
    return str(value)


def as_envelope(value: Any) -> dict[str, Any]:
    """Shows any event as an envelope: an envelope is itself, a bare record gets the one it would have had.

    Raises:
        EventError: ``not_an_object``, ``s3_test_event``, ``sns_notification``, ``no_detail`` or
            ``unknown_shape``.
    """
    if not isinstance(value, dict):
        kind = {list: "list", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")
        raise EventError("not_an_object", f"a JSON {kind} where an event (a JSON object) was expected")
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
    if value.get("Event") == "s3:TestEvent":
        raise EventError("s3_test_event", "an S3 test notification, not an event")
    if "detail-type" in value:
        raise EventError("no_detail", "an EventBridge envelope without 'detail'")
    if "TopicArn" in value and "Message" in value:
        text = "an SNS notification around a message: switch on raw message delivery in the subscription"
        raise EventError("sns_notification", text)
    # Keys that look like names help; anything else may be data, which errors must not show.
    names = ", ".join(sorted(filter(_NAME.fullmatch, value))[:5]) or "none that is a name"
    raise EventError("unknown_shape", f"neither an envelope nor a CloudTrail record; its keys: {names}")


def is_record(value: Any) -> bool:
    """Whether a value looks like a bare CloudTrail record (and not like an S3 notification record)."""
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
    """``aws.`` and what stands before ``.amazonaws.com``; Insights events are CloudTrail's own."""
    event_source = record.get("eventSource")
    if not isinstance(event_source, str):
        return "aws.cloudtrail"
    return "aws." + event_source.removesuffix(".amazonaws.com")
