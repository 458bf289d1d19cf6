"""Parses notifications about CloudTrail log files in S3, and reads the records of those files.

Three kinds of notification name log files: S3 event notifications, EventBridge ``Object Created`` events,
and CloudTrail's own notifications. Records are read while they are forwarded.
"""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.aws.objects import S3Object
from trailforward.errors import EventError, MissingExtraError, NothingToForwardError, UnreadError
from trailforward.jsontext import encode
from trailforward.message import Message
from trailforward.sources._envelope import with_envelope
from trailforward.sources._gzip import inflate
from trailforward.sources._lenient import first_record, member, text_or_empty
from trailforward.sources._limits import refuse_floods
from trailforward.sources._log_files import records

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from trailforward.message import Origin
    from trailforward.sources.base import ObjectReader

# These are not compiled here, because most functions read no log files.
#: ``AWSLogs/[organization/]account/service/…``: the keys that CloudTrail and other AWS services write.
_KEY = r"(?:^|/)AWSLogs/(?:o-[a-z0-9]+/)?\d{12}/([^/]+)/"
#: Names of Regions: ``us-gov-west-1``, ``eusc-de-east-1``.
_REGION = r"[a-z]{2,5}(?:-[a-z]{1,15}){1,3}-[0-9]{1,2}"
_CLOUDTRAIL = "CloudTrail"
_DIGEST = "CloudTrail-Digest"
_LAKE = "CloudTrail-Lake"


class S3Notification(NamedTuple):
    """A notification about one object.

    Attributes:
        s3_object: the object.
        raw: a payload that names only this object, for the dead-letter queue and the retry queue.
        event: S3's event name, such as ``ObjectCreated:Put``; empty if the notification has none.
    """

    s3_object: S3Object
    raw: bytes
    event: str = ""


def parse_notifications(payload: Any) -> list[S3Notification] | None:
    """Parses a payload into one notification per object; None for any other payload.

    Never raises, whatever the JSON value.
    """
    if not isinstance(payload, dict):
        return None
    if "s3ObjectKey" in payload and "s3Bucket" in payload:
        return _cloudtrail(payload)
    if payload.get("detail-type") == "Object Created" and payload.get("source") == "aws.s3":
        return _object_created(payload)
    if member(first_record(payload), "eventSource") != "aws:s3":
        return None
    return [_s3(record) for record in payload["Records"]]


def s3_test_event(payload: Any) -> NothingToForwardError | None:
    """Returns an error if a payload is the test event that S3 sends for a new notification, else None."""
    if isinstance(payload, dict) and payload.get("Event") == "s3:TestEvent":
        return NothingToForwardError("s3_test_event", "an S3 test notification, not an event")
    return None


def read_records(notification: S3Notification, origin: Origin, reader: ObjectReader) -> Iterator[Message]:
    """Yields one message per record of an object.

    If reading fails, the last message is the notification itself, with the error, and with the number of
    records before it in ``origin.skip``. When this message is delivered again, reading continues there.

    Args:
        notification: names the object.
        origin: of the payload; ``skip`` is the number of records that are already done.
        reader: reads the object.
    """
    s3_object = notification.s3_object
    uri = f"s3://{s3_object.bucket}/{s3_object.key}"
    # FIFO order applies to messages, not to the records of the objects that they name.
    base = origin._replace(
        ref=uri,
        group=None,
        skip=0,
        item=origin.item or origin.ref,
        unit=(origin.item or origin.ref) if origin.unit is None else origin.unit,
    )
    number = origin.skip
    try:
        _check(notification)
        for message in refuse_floods(_rest(s3_object, base, origin.skip, reader)):
            yield message
            number += 1
    except EventError as error:
        yield Message(notification.raw, base._replace(skip=number), error=error)
    except (MemoryError, RecursionError) as error:
        refused = EventError(type(error).__name__, "a record needs more memory than the function has")
        yield Message(notification.raw, base._replace(skip=number), error=refused)
    else:
        if number == origin.skip:
            nothing = NothingToForwardError("no_records", "a CloudTrail log file without further records")
            yield Message(notification.raw, base, error=nothing)


def _rest(s3_object: S3Object, base: Origin, skip: int, reader: ObjectReader) -> Iterator[Message]:
    """Yields the records of an object after those that are done.

    Raises:
        EventError: the object cannot be read, or is not a log file.
        UnreadError: reading must stop. It does not stop directly before the first record to forward, so that
            every invocation whose time suffices for skipping makes progress.
    """
    with closing(_blocks(s3_object, reader)) as blocks:
        for number, (value, raw) in enumerate(records(inflate(blocks))):
            if number < skip and (why := reader.stop_reason) is not None:
                text = f"skipping the {skip:,} records that are done took too long: raise the timeout"
                raise UnreadError(why[0], text)
            if number > skip:
                _check_stop(reader)
            if number >= skip:
                yield with_envelope(value, raw, base._replace(ref=f"{base.ref}#{number}"))


def _blocks(s3_object: S3Object, reader: ObjectReader) -> Generator[bytes]:
    """Yields the object's bytes. An unexpected exception counts as transient."""
    _check_stop(reader)
    try:
        for block in reader.fetch(s3_object):
            yield block
            # A block may hold no record, so the deadline is looked at here, too.
            _check_stop(reader)
    except (EventError, MissingExtraError):
        raise
    except Exception as error:  # noqa: BLE001  # one object must not cost the batch
        raise UnreadError(type(error).__name__, "reading the object failed") from None


def _check_stop(reader: ObjectReader) -> None:
    if (why := reader.stop_reason) is not None:
        raise UnreadError(*why)


def _check(notification: S3Notification) -> None:
    """Raises an error if the object cannot be read or does not contain CloudTrail records."""
    bucket, key, region, _ = notification.s3_object
    if not bucket or not key:
        raise EventError("bad_notification", "a notification that does not name an object")
    if region and not re.fullmatch(_REGION, region):
        raise EventError("bad_notification", "a notification whose Region is not the name of a Region")
    if notification.event and not notification.event.startswith("ObjectCreated"):
        raise NothingToForwardError("not_created", "a notification about something other than a new object")
    if key.endswith("/"):
        raise NothingToForwardError("folder", "a folder marker, not a file")
    if (service := _service(key)) == _DIGEST:
        raise NothingToForwardError("digest_file", "a CloudTrail digest file, which contains no records")
    if service == _LAKE:
        raise NothingToForwardError("other_service", "a result of a query in CloudTrail Lake, not a log file")
    if service and not service.startswith(_CLOUDTRAIL):
        raise NothingToForwardError("other_service", "a file of a service other than CloudTrail")


def _service(key: str) -> str:
    """The service that wrote an object, taken from its key; empty if the key does not name one."""
    found = re.search(_KEY, key)
    return "" if found is None else found[1]


def _cloudtrail(payload: dict[str, Any]) -> list[S3Notification]:
    bucket, keys = payload["s3Bucket"], payload["s3ObjectKey"]
    listed: Iterable[Any] = keys if isinstance(keys, list) else [keys]
    return [
        S3Notification(
            S3Object(text_or_empty(bucket), text_or_empty(key)),
            encode({"s3Bucket": bucket, "s3ObjectKey": [key]}),
        )
        for key in listed
    ]


def _object_created(payload: dict[str, Any]) -> list[S3Notification] | None:
    """Parses an ``Object Created`` event about a log file. Events about other objects are ordinary events."""
    detail = payload.get("detail")
    found = member(detail, "object")
    key = text_or_empty(member(found, "key"))
    if not _service(key).startswith(_CLOUDTRAIL):
        return None
    s3_object = S3Object(
        text_or_empty(member(member(detail, "bucket"), "name")),
        key,
        text_or_empty(payload.get("region")),
        text_or_empty(member(found, "version-id")),
    )
    return [S3Notification(s3_object, encode(payload))]


def _s3(record: Any) -> S3Notification:
    from urllib.parse import unquote_plus

    # Keys in S3 notifications are URL-encoded, with + for a space.
    s3 = member(record, "s3")
    found = member(s3, "object")
    s3_object = S3Object(
        text_or_empty(member(member(s3, "bucket"), "name")),
        unquote_plus(text_or_empty(member(found, "key"))),
        text_or_empty(member(record, "awsRegion")),
        text_or_empty(member(found, "versionId")),
    )
    event = text_or_empty(member(record, "eventName"))
    return S3Notification(s3_object, encode({"Records": [record]}), event)
