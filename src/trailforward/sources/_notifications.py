"""Trail files in S3: what points to them, and the records they hold, read as they are forwarded.

What points to them: S3's notifications, ``Object Created`` events, and CloudTrail's own notifications.
"""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.aws.objects import S3Object
from trailforward.errors import EventError, MissingExtraError, NothingToForwardError, UnreadError
from trailforward.jsontext import encode
from trailforward.message import Message
from trailforward.sources._envelope import wrapped
from trailforward.sources._lenient import first_record, part, text
from trailforward.sources._log_files import inflate, records

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from trailforward.message import Origin
    from trailforward.sources.base import ObjectReader

#: ``AWSLogs/[organisation/]account/service/…``: what AWS's services write, CloudTrail and others.
_KEY = re.compile(r"(?:^|/)AWSLogs/(?:o-[a-z0-9]+/)?\d{12}/([^/]+)/")
_CLOUDTRAIL = "CloudTrail"
_DIGEST = "CloudTrail-Digest"


class S3Notification(NamedTuple):
    """What points to one object.

    Attributes:
        pointer: to the object.
        raw: a payload that points to this object alone, for dead letters and the retry queue.
        event: what happened to it, where that is told: ``ObjectCreated:Put``.
    """

    pointer: S3Object
    raw: bytes
    event: str = ""


def notifications(payload: Any) -> list[S3Notification] | None:
    """What a payload points to; None if it is no pointer. Survives any JSON value."""
    if not isinstance(payload, dict):
        return None
    if "s3ObjectKey" in payload and "s3Bucket" in payload:
        return _cloudtrail(payload)
    if payload.get("detail-type") == "Object Created" and payload.get("source") == "aws.s3":
        return _object_created(payload)
    if part(first_record(payload), "eventSource") != "aws:s3":
        return None
    return [_s3(record) for record in payload["Records"]]


def test_notification(payload: Any) -> NothingToForwardError | None:
    """What S3 sends when a notification is set up."""
    if isinstance(payload, dict) and payload.get("Event") == "s3:TestEvent":
        return NothingToForwardError("s3_test_event", "an S3 test notification, not an event")
    return None


def read(notice: S3Notification, origin: Origin, reader: ObjectReader) -> Iterator[Message]:
    """The records of the object that a notice points to. What cannot be read is a message that says so.

    That message is the notice, with the number of the records before it as ``origin.skip``: handed back, it
    brings the rest.

    Args:
        notice: what points to the object.
        origin: of the payload; ``skip`` says how many records are done.
        reader: how to read it, and how long.
    """
    pointer = notice.pointer
    place = f"s3://{pointer.bucket}/{pointer.key}"
    # Order binds messages, not the objects that they point to.
    here = origin._replace(
        ref=place,
        group=None,
        skip=0,
        item=origin.item or origin.ref,
        unit=(origin.item or origin.ref) if origin.unit is None else origin.unit,
    )
    number = 0
    try:
        _refuse(notice)
        with closing(_blocks(pointer, reader)) as blocks:
            for value, raw in records(inflate(blocks)):
                if number >= origin.skip:
                    if (why := reader.over) is not None:
                        raise UnreadError(*why)
                    yield wrapped(value, raw, here._replace(ref=f"{place}#{number}"))
                number += 1
    except EventError as error:
        yield Message(notice.raw, here._replace(skip=max(number, origin.skip)), error=error)
    else:
        if number <= origin.skip:
            nothing = NothingToForwardError("no_records", "a trail file without further records")
            yield Message(notice.raw, here, error=nothing)


def _blocks(pointer: S3Object, reader: ObjectReader) -> Generator[bytes]:
    """The object's bytes; whatever else goes wrong on the way may go right later."""
    if (why := reader.over) is not None:
        raise UnreadError(*why)
    try:
        yield from reader.fetch(pointer)
    except (EventError, MissingExtraError):
        raise
    except Exception as error:  # noqa: BLE001  # one object must not cost the batch
        raise UnreadError(type(error).__name__, "reading the object failed") from None


def _refuse(notice: S3Notification) -> None:
    """Raises for what need not, or cannot, be read."""
    bucket, key, *_ = notice.pointer
    if not bucket or not key:
        raise EventError("bad_notification", "a notification that names no object")
    if notice.event and not notice.event.startswith("ObjectCreated"):
        raise NothingToForwardError("not_created", "a notification of something else than a new object")
    if key.endswith("/"):
        raise NothingToForwardError("folder", "a folder's mark, not a file")
    if (service := _service(key)) == _DIGEST:
        raise NothingToForwardError("digest_file", "a digest file of CloudTrail, which holds no records")
    if service and not service.startswith(_CLOUDTRAIL):
        raise NothingToForwardError("other_service", "a file of another service than CloudTrail")


def _service(key: str) -> str:
    """Which service wrote an object, by its key; empty where the key does not tell."""
    found = _KEY.search(key)
    return "" if found is None else found[1]


def _cloudtrail(payload: dict[str, Any]) -> list[S3Notification]:
    bucket, keys = payload["s3Bucket"], payload["s3ObjectKey"]
    listed: Iterable[Any] = keys if isinstance(keys, list) else [keys]
    return [
        S3Notification(S3Object(text(bucket), text(key)), encode({"s3Bucket": bucket, "s3ObjectKey": [key]}))
        for key in listed
    ]


def _object_created(payload: dict[str, Any]) -> list[S3Notification] | None:
    """EventBridge's event, where it is about a trail file; any other object's event is an event."""
    detail = payload.get("detail")
    thing = part(detail, "object")
    key = text(part(thing, "key"))
    if not _service(key).startswith(_CLOUDTRAIL):
        return None
    pointer = S3Object(
        text(part(part(detail, "bucket"), "name")),
        key,
        text(payload.get("region")),
        text(part(thing, "version-id")),
    )
    return [S3Notification(pointer, encode(payload))]


def _s3(record: Any) -> S3Notification:
    from urllib.parse import unquote_plus

    about = part(record, "s3")
    thing = part(about, "object")
    pointer = S3Object(
        text(part(part(about, "bucket"), "name")),
        unquote_plus(text(part(thing, "key"))),  # notifications spell keys as forms do
        text(part(record, "awsRegion")),
        text(part(thing, "versionId")),
    )
    return S3Notification(pointer, encode({"Records": [record]}), text(part(record, "eventName")))
