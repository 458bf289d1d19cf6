"""Message: one event as it arrived, its bytes first, and a view of them that is parsed once and lazily.

Parsing never rewrites: ``raw`` is what arrived and what sinks get. The view serves routing, guards and
keys only. JSON that Python's decoder would refuse or bend, but EventBridge allows, is read all the same:
1,000 nested levels, integers of any length, lone surrogates.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from json.decoder import scanstring
from typing import TYPE_CHECKING, Any

from trailforward.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: EventBridge's own limit (PutEvents, API reference).
MAX_DEPTH = 1_000

_BOM = b"\xef\xbb\xbf"
_SPACE = " \t\n\r"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came from, in the source's own terms.

    Attributes:
        source: the source's name: ``sqs``, ``eventbridge``, ``file`` …
        ref: what the source calls the message (SQS messageId, ``FILE:LINE``); empty if it has no name.
        arn: ARN of the queue, stream or bus it came through; empty if unknown.
        group: the FIFO message group, or None where order does not matter.
        owed: names of the only sinks still owed this message (retry queue, redriven dead letter);
            None means all of them.
        attempts: sending attempts made in earlier invocations, as far as the message tells.
        first_seen: when trailforward or its queue first saw it, ISO 8601; empty if unknown.
    """

    source: str
    ref: str = ""
    arn: str = ""
    group: str | None = None
    owed: frozenset[str] | None = None
    attempts: int = 0
    first_seen: str = ""


class Message:
    """One event as it arrived.

    Args:
        raw: the bytes that sinks get: UTF-8 text of one envelope, or of one bare CloudTrail record.
        origin: where it came from.
        error: set by a source that already knows this is no event; ``event`` raises it.
    """

    __slots__ = ("_detail", "_error", "_event", "origin", "raw")

    def __init__(self, raw: bytes, origin: Origin, *, error: EventError | None = None) -> None:
        self.raw = raw
        self.origin = origin
        self._error = error
        self._event: dict[str, Any] | None = None
        self._detail: bytes | None = None

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
                    self._event = as_envelope(decode(self.raw))
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
            event = self.event
        except EventError:
            return self.digest
        record = self.record
        for candidate in (record.get("eventID"), record.get("eventId"), event.get("id")):
            if isinstance(candidate, str) and candidate:
                return candidate
        return self.digest

    @property
    def digest(self) -> str:
        """SHA-256 of ``raw``, in hex."""
        return hashlib.sha256(self.raw).hexdigest()


def to_text(raw: bytes) -> str:
    """Decodes UTF-8; a lone surrogate that a source's own JSON smuggled in survives the round trip.

    Raises:
        EventError: ``not_utf8``.
    """
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise EventError("not_utf8", f"not UTF-8 at byte {error.start}: {error.reason}") from None


def to_bytes(text: str) -> bytes:
    """The inverse of :func:`to_text`."""
    return text.encode("utf-8", "surrogatepass")


def _refuse_constant(literal: str) -> Any:
    raise EventError("not_json", f"not JSON: {literal} is no JSON number")


def _any_int(literal: str) -> int | float:
    try:
        return int(literal)
    except ValueError:  # longer than Python's 4,300 digits
        return float(literal)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_PATIENT_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_any_int)


def decode(raw: bytes | str) -> Any:
    """Parses JSON as leniently as EventBridge does, and as strictly.

    Raises:
        EventError: ``empty``, ``bom``, ``not_utf8``, ``not_json`` or ``too_deep``, with the place.
    """
    if isinstance(raw, bytes):
        if raw.startswith(_BOM):
            raise EventError("bom", "starts with a UTF-8 byte order mark: send plain UTF-8")
        raw = to_text(raw)
    elif raw.startswith("\ufeff"):
        raise EventError("bom", "starts with a byte order mark: send plain UTF-8")
    if not raw.strip(_SPACE):
        raise EventError("empty", "empty text where an event was expected")
    return _guarded(lambda decoder: decoder.decode(raw))


def _guarded(read: Callable[[json.JSONDecoder], Any]) -> Any:
    """Runs a read of the decoder, again with more room where Python's own limits were in the way."""
    try:
        return read(_DECODER)
    except json.JSONDecodeError as error:
        raise EventError("not_json", f"not JSON: {error}") from None
    except RecursionError:
        # CPython 3.11 counts the C decoder's levels against Python's recursion limit (1,000 by default).
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + 2 * MAX_DEPTH)
        try:
            return read(_PATIENT_DECODER)
        except RecursionError:
            text = f"nested deeper than {MAX_DEPTH:,} levels, more than EventBridge allows"
            raise EventError("too_deep", text) from None
        finally:
            sys.setrecursionlimit(limit)
    except ValueError:  # an integer of more than 4,300 digits
        return read(_PATIENT_DECODER)


def members(text: str, start: int = 0) -> Iterator[tuple[str, int, int]]:
    """Walks one JSON object: yields each key with the span of its value, in characters.

    Args:
        text: JSON text; the object begins at ``start`` or after blanks.
        start: where to begin.

    Raises:
        EventError: ``not_json``.
    """
    position = _skip(text, start, "{")
    if text[position : position + 1] == "}":
        return
    while True:
        if text[position : position + 1] != '"':
            raise EventError("not_json", f"not JSON: expected a key at character {position}")
        key, position = _string(text, position + 1)
        value = _skip(text, position, ":")
        position = value_end(text, value)
        yield key, value, position
        position = _blanks(text, position)
        if text[position : position + 1] == "}":
            return
        position = _skip(text, position, ",")


def elements(text: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Walks one JSON array: yields the span of each element, in characters.

    Raises:
        EventError: ``not_json``.
    """
    position = _skip(text, start, "[")
    if text[position : position + 1] == "]":
        return
    while True:
        end = value_end(text, position)
        yield position, end
        position = _blanks(text, end)
        if text[position : position + 1] == "]":
            return
        position = _skip(text, position, ",")


def value_end(text: str, start: int) -> int:
    """Where the JSON value that begins at ``start`` ends.

    Raises:
        EventError: ``not_json`` or ``too_deep``.
    """
    end: int = _guarded(lambda decoder: decoder.raw_decode(text, start))[1]
    return end


def _string(text: str, start: int) -> tuple[str, int]:
    try:
        return scanstring(text, start, True)  # noqa: FBT003  # C function, positional only
    except json.JSONDecodeError as error:
        raise EventError("not_json", f"not JSON: {error}") from None


def _blanks(text: str, position: int) -> int:
    while text[position : position + 1] in _SPACE and position < len(text):
        position += 1
    return position


def _skip(text: str, position: int, token: str) -> int:
    position = _blanks(text, position)
    if text[position : position + 1] != token:
        raise EventError("not_json", f"not JSON: expected {token!r} at character {position}")
    return _blanks(text, position + 1)


def as_envelope(value: Any) -> dict[str, Any]:
    """Shows any event as an envelope: an envelope is itself, a bare record gets the one it would have had.

    Raises:
        EventError: ``not_an_object``, ``s3_test_event``, ``no_detail`` or ``unknown_shape``.
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
    names = ", ".join(sorted(map(repr, value))[:5]) or "none"
    raise EventError("unknown_shape", f"neither an envelope nor a CloudTrail record; its keys: {names}")


def is_record(value: Any) -> bool:
    """Whether a value looks like a bare CloudTrail record (and not like an S3 notification record)."""
    if not isinstance(value, dict) or "awsRegion" not in value:
        return False
    if str(value.get("eventSource", "")).startswith("aws:"):
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
    return _DETAIL_TYPES.get(str(event_type).lower(), "AWS API Call via CloudTrail")


def _source(record: dict[str, Any]) -> str:
    """``aws.`` and what stands before ``.amazonaws.com``; Insights events are CloudTrail's own."""
    event_source = record.get("eventSource")
    if not isinstance(event_source, str):
        return "aws.cloudtrail"
    return "aws." + event_source.removesuffix(".amazonaws.com")
