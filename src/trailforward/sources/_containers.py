"""Expands JSON values that are not an event: lists, log files, wrappers, and notifications.

Each shape that CloudTrail events arrive in can be inside another one. The pieces keep their exact bytes,
unless somebody else has parsed the payload already.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.errors import EventError, NothingToForwardError
from trailforward.jsontext import elements, encode, members, to_bytes, value, value_start
from trailforward.message import Message, as_envelope, is_record
from trailforward.sources import _notifications, _unwrap
from trailforward.sources._envelope import with_envelope
from trailforward.sources._lenient import sns_message
from trailforward.sources._limits import KEPT_BYTES, MAX_BAD_ITEMS, MAX_NESTING, MAX_OBJECTS, refuse_floods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trailforward.message import Origin
    from trailforward.sources.base import ObjectReader


#: Values of ``eventSource`` in the records of a payload. EventBridge Pipes pass them without ``Records``.
_RECORD_OF = ("aws:sqs", "aws:kinesis", "aws:sns")


class Piece(NamedTuple):
    """A JSON value, and where it is.

    Attributes:
        value: the parsed value.
        text: contains its JSON; None if somebody else has parsed it.
        start: where the JSON begins, in characters.
        end: where it ends.
        whole: the bytes to keep, if they are more than the JSON.
    """

    value: Any
    text: str | None = None
    start: int = 0
    end: int = 0
    whole: bytes | None = None

    @property
    def raw(self) -> bytes:
        """Its bytes; compact JSON if there are none."""
        if self.whole is not None:
            return self.whole
        return encode(self.value) if self.text is None else to_bytes(self.text[self.start : self.end])

    def elements(self) -> Iterator[Piece]:
        """Its elements, if it is a list."""
        if self.text is None:
            yield from map(Piece, self.value)
            return
        for found, (start, end) in zip(self.value, elements(self.text, self.start), strict=True):
            yield Piece(found, self.text, start, end)

    def member(self, name: str) -> Piece:
        """One of its members, if it is an object."""
        if self.text is None:
            return Piece(self.value[name])
        # The last one wins, as in the parsed value.
        *_, (_, start, end) = (each for each in members(self.text, self.start) if each[0] == name)
        return Piece(self.value[name], self.text, start, end)


def expand(piece: Piece, origin: Origin, reader: ObjectReader, depth: int = 0) -> Iterator[Message]:
    """Yields the messages in a JSON value: at least one.

    Args:
        piece: the value.
        origin: of what contained it.
        reader: reads the objects that notifications name.
        depth: number of containers around the value.
    """
    found = piece.value
    if depth > MAX_NESTING:
        error = EventError("too_deep", f"more than {MAX_NESTING} containers in each other")
        yield Message(piece.raw, origin, error=error)
    elif isinstance(found, list):
        yield from _each(piece, piece, origin, reader, depth)
    elif isinstance(found, str):
        yield from _in_text(found, piece, origin, reader, depth)
    elif isinstance(found, dict) and (inner := _in_object(found, piece, origin, reader, depth)) is not None:
        yield from inner
    else:
        yield _event(piece, origin)


def is_container(value: Any) -> bool:
    """Whether a value is a list, or an object that contains events and that no other source recognizes."""
    if isinstance(value, list):
        return True
    return isinstance(value, dict) and (
        _is_with_metadata(value)
        or _is_lookup(value)
        or _is_log_data(value)
        or _is_log_file(value)
        or _subscription(value) is not None
        or value.get("eventSource") in _RECORD_OF
        or value.get("EventSource") in _RECORD_OF
    )


def _in_object(
    found: dict[str, Any], piece: Piece, origin: Origin, reader: ObjectReader, depth: int
) -> Iterator[Message] | None:
    """The messages in an object; None if it is an event, or unknown."""
    found_inside = _in_notification(found, piece, origin, reader, depth)
    if found_inside is not None or "detail" in found:
        return found_inside
    if _is_with_metadata(found):
        return expand(piece.member("Data"), origin, reader, depth + 1)
    if _is_lookup(found):
        text = found.get("CloudTrailEvent")
        if isinstance(text, str):
            return expand(Piece(text), origin, reader, depth + 1)
        return _each(piece.member("Events"), piece, origin, reader, depth)
    if _is_log_data(found):
        from trailforward.sources import _log_events

        return _log_events.read(piece.raw, origin, reader)
    return _log_file(piece, origin) if _is_log_file(found) else _lambda_payload(found, piece, origin, reader)


def _in_notification(
    found: dict[str, Any], piece: Piece, origin: Origin, reader: ObjectReader, depth: int
) -> Iterator[Message] | None:
    """The messages in a notification of SNS, S3, or CloudTrail; None for other objects."""
    if (text := sns_message(found)) is not None:
        return _unwrap.examine(to_bytes(text), origin, reader, depth + 1)
    if (error := _subscription(found) or _notifications.s3_test_event(found)) is not None:
        return iter([Message(piece.raw, origin, error=error)])
    if (notified := _notifications.parse_notifications(found)) is not None:
        return read_objects(piece.raw, notified, origin, reader)
    return None


def _event(piece: Piece, origin: Origin) -> Message:
    raw = piece.raw
    try:
        event = as_envelope(piece.value)
    except EventError as error:
        return Message(raw, origin, error=error)
    return Message(raw, origin, event=event if len(raw) <= KEPT_BYTES else None)


def _in_text(text: str, piece: Piece, origin: Origin, reader: ObjectReader, depth: int) -> Iterator[Message]:
    """Yields the messages in a JSON string that contains JSON, or the string as a message with an error."""
    start = value_start(text)
    if text[start : start + 1] in {"{", "["}:
        with suppress(EventError):
            value(text, start)
            yield from _unwrap.examine(to_bytes(text), origin, reader, depth + 1)
            return
    yield _event(piece, origin)


def _each(
    items: Piece, container: Piece, origin: Origin, reader: ObjectReader, depth: int
) -> Iterator[Message]:
    """Yields the messages in each element of a list."""

    def parts(base: Origin) -> Iterator[Message]:
        for index, item in enumerate(items.elements()):
            yield from expand(item, _numbered(base, index), reader, depth + 1)

    return contained(lambda: container.raw, origin, parts)


def _log_file(piece: Piece, origin: Origin) -> Iterator[Message]:
    """Yields each record of the contents of a log file, in an envelope as EventBridge would have made."""

    def parts(base: Origin) -> Iterator[Message]:
        for index, item in enumerate(piece.member("Records").elements()):
            yield with_envelope(item.value, item.raw, _numbered(base, index))

    return contained(lambda: piece.raw, origin, parts)


def sequence(
    raw: bytes, text: str, start: int, origin: Origin, reader: ObjectReader, depth: int
) -> Iterator[Message]:
    """Yields the messages in values that follow each other, on lines or without any delimiter.

    What is not JSON is a message with an error, up to the end of its line.

    Args:
        raw: the data.
        text: the same as text.
        start: where the first value begins.
        origin: of what contained it.
        reader: reads the objects that notifications name.
        depth: number of containers around the data.
    """

    def parts(base: Origin) -> Iterator[Message]:
        at, index = start, 0
        while at < len(text):
            place = _numbered(base, index)
            try:
                found, end = value(text, at)
            except EventError as error:
                end = text.find("\n", at) % (len(text) + 1)
                yield Message(to_bytes(text[at:end].rstrip("\r")), place, error=error)
            else:
                yield from expand(Piece(found, text, at, end), place, reader, depth + 1)
            at, index = value_start(text, end), index + 1

    return contained(lambda: raw, origin, parts)


def aggregated(raw: bytes, origin: Origin, reader: ObjectReader, depth: int) -> Iterator[Message]:
    """Yields the messages in a record that the Kinesis Producer Library aggregated."""
    from trailforward.sources import _kpl

    def parts(base: Origin) -> Iterator[Message]:
        for index, data in enumerate(_kpl.unpack(raw)):
            yield from _unwrap.examine(data, _numbered(base, index), reader, depth + 1)

    return contained(lambda: raw, origin, parts)


def contained(
    raw: Callable[[], bytes], origin: Origin, parts: Callable[[Origin], Iterator[Message]]
) -> Iterator[Message]:
    """Passes on the messages in a container, after those that are done; at least one message.

    A container that is damaged, hostile, or empty becomes one message with an error, and with the number of
    messages before it in ``origin.skip``.

    Args:
        raw: returns the bytes of the container.
        origin: of the container.
        parts: yields its messages, given their origin.
    """
    item = origin.item or origin.ref
    base = origin._replace(item=item, unit=item if origin.unit is None else origin.unit, skip=0)
    done = origin.skip
    try:
        for message in refuse_floods(islice(parts(base), done, None)):
            yield message
            done += 1
    except EventError as error:
        yield Message(raw(), base._replace(skip=done), error=error)
    else:
        if done == origin.skip:
            nothing = NothingToForwardError("no_records", "a list or log file without further events")
            yield Message(raw(), base, error=nothing)


def _numbered(base: Origin, index: int) -> Origin:
    return base._replace(ref=f"{base.ref}#{index}")


def read_objects(
    raw: bytes, found: list[_notifications.S3Notification], origin: Origin, reader: ObjectReader
) -> Iterator[Message]:
    """Yields one message per record of each object that a payload names.

    Args:
        raw: the notification as it arrived.
        found: its notifications, one per object.
        origin: of the payload.
        reader: reads the objects.
    """
    if len(found) > MAX_OBJECTS:
        text = f"a notification that names more than {MAX_OBJECTS:,} objects"
        yield Message(raw, origin, error=EventError("too_many_objects", text))
        return
    for notification in found:
        yield from _notifications.read_records(notification, origin, reader)
    if not found:
        error = EventError("bad_notification", "a notification that does not name an object")
        yield Message(raw, origin, error=error)


def _lambda_payload(
    found: dict[str, Any], piece: Piece, origin: Origin, reader: ObjectReader
) -> Iterator[Message] | None:
    """The messages in the payload of a Lambda function, or in one of its records; None for other objects.

    EventBridge Pipes pass lists of records, and put the data of a Kinesis record beside its other keys.
    """
    from trailforward.sources import detect, is_batch

    if found.get("eventSource") == "aws:kinesis" and "data" in found:
        payload = {"Records": [{**found, "kinesis": found}]}
    elif "Records" in found or "records" in found or "awslogs" in found:
        payload = found
    else:
        payload = {"Records": [found]}
    source = detect(payload)
    if not is_batch(source):
        return None

    def parts(base: Origin) -> Iterator[Message]:
        for message in _unwrap.examined(source.messages(payload, reader), reader):
            message.origin = message.origin._replace(
                owed=message.origin.owed if base.owed is None else base.owed,
                group=base.group,
                item=base.item,
                unit=base.unit,
                keeps=base.keeps,
                shard=base.shard,
            )
            yield message

    return contained(lambda: piece.raw, origin, parts)


def _subscription(value: dict[str, Any]) -> EventError | None:
    """Returns an error if this is SNS's message about the state of a subscription, else None."""
    if "TopicArn" not in value:
        return None
    if value.get("Type") == "SubscriptionConfirmation":
        text = (
            "SNS asks whether the subscription is wanted. Fix: if it is, open the SubscribeURL in the message"
        )
        return EventError("subscription_confirmation", text)
    if value.get("Type") == "UnsubscribeConfirmation":
        return NothingToForwardError("unsubscribe_confirmation", "SNS says that the subscription has ended")
    return None


def _is_with_metadata(value: dict[str, Any]) -> bool:
    """Whether a custom event bus sent the event with its metadata."""
    return "Data" in value and "SystemMetadata" in value


def _is_lookup(value: dict[str, Any]) -> bool:
    """Whether this is what CloudTrail's LookupEvents returns, or one event of it."""
    if isinstance(value.get("CloudTrailEvent"), str):
        return True
    events = value.get("Events")
    return isinstance(events, list) and all("CloudTrailEvent" in event for event in map(_keys, events[:1]))


def _keys(value: Any) -> Iterable[Any]:
    return value if isinstance(value, dict) else ()


def _is_log_data(value: dict[str, Any]) -> bool:
    """Whether this is what CloudWatch Logs sends to a subscription, uncompressed."""
    return "logEvents" in value and "messageType" in value


def _is_log_file(value: dict[str, Any]) -> bool:
    """Whether this is the contents of a log file, of records or of envelopes."""
    records = value.get("Records")
    if not isinstance(records, list):
        return False
    return any(is_record(record) or "detail" in _keys(record) for record in records[: MAX_BAD_ITEMS + 1])
