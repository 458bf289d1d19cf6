"""Builds CloudTrail log files, which CloudTrail writes to S3, and the notifications about them."""

from __future__ import annotations

import gzip
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from trailforward.testing._record_builder import ACCOUNT, TIME
from trailforward.testing.event import Event
from trailforward.testing.payloads import record

if TYPE_CHECKING:
    from datetime import datetime

    from trailforward.testing.payloads import EventLike

BUCKET = "example-trail"


def log_file(*events: EventLike, compressed: bool = True) -> bytes:
    """The bytes of a CloudTrail log file: ``{"Records":[…]}`` with the exact bytes of each record.

    Args:
        *events: the events whose records the file contains.
        compressed: whether to compress it with gzip, as CloudTrail does.
    """
    text = b'{"Records":[' + b",".join(map(record, events)) + b"]}"
    return gzip.compress(text, mtime=0) if compressed else text


def log_file_key(
    account: str = ACCOUNT, region: str = "eu-west-1", time: datetime = TIME, unique: str = "EXAMPLE0a1B2c3D4"
) -> str:
    """The S3 key of a log file, in CloudTrail's format.

    Args:
        account: the account of the events.
        region: the Region of the events.
        time: when the file was written, with a time zone.
        unique: the unique part of the name, 16 characters.
    """
    time = time.astimezone(UTC)
    folder = f"AWSLogs/{account}/CloudTrail/{region}/{time:%Y/%m/%d}"
    return f"{folder}/{account}_CloudTrail_{region}_{time:%Y%m%dT%H%MZ}_{unique}.json.gz"


def as_s3_notification(*keys: str, bucket: str = BUCKET, size: int = 4096) -> dict[str, Any]:
    """An S3 event notification about new objects. Wrap it in ``as_sqs`` or ``as_sns`` for these sources.

    Args:
        *keys: the keys of the objects, which S3 URL-encodes; :func:`log_file_key` by default.
        bucket: the name of the bucket.
        size: the size of each object in bytes.
    """
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "eu-west-1",
                "eventTime": "2026-09-14T09:17:46.123Z",
                "eventName": "ObjectCreated:Put",
                "userIdentity": {"principalId": "AWS:AIDAEXAMPLECLOUDTRAIL"},
                "requestParameters": {"sourceIPAddress": "203.0.113.7"},
                "responseElements": {"x-amz-request-id": "EXAMPLE123456789", "x-amz-id-2": "EXAMPLE"},
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "trailforward",
                    "bucket": {
                        "name": bucket,
                        "ownerIdentity": {"principalId": "EXAMPLE"},
                        "arn": f"arn:aws:s3:::{bucket}",
                    },
                    "object": {
                        "key": quote_plus(key, safe="/"),
                        "size": size,
                        "eTag": "0123456789abcdef0123456789abcdef",
                        "sequencer": f"{number:018X}",
                    },
                },
            }
            for number, key in enumerate(keys or (log_file_key(),))
        ]
    }


def as_s3_object_created(key: str | None = None, *, bucket: str = BUCKET, size: int = 4096) -> Event:
    """An EventBridge event of S3 about a new object.

    Args:
        key: the key of the object; :func:`log_file_key` by default.
        bucket: the name of the bucket.
        size: the size of the object in bytes.
    """
    return Event(
        {
            "version": "0",
            "id": "17793124-05d4-4198-8fde-7ededc63b103",
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": ACCOUNT,
            "time": "2026-09-14T09:17:46Z",
            "region": "eu-west-1",
            "resources": [f"arn:aws:s3:::{bucket}"],
            "detail": {
                "version": "0",
                "bucket": {"name": bucket},
                "object": {
                    "key": key or log_file_key(),
                    "size": size,
                    "etag": "0123456789abcdef0123456789abcdef",
                    "sequencer": "0062E99A88DC407460",
                },
                "request-id": "EXAMPLE123456789",
                "requester": "cloudtrail.amazonaws.com",
                "reason": "PutObject",
            },
        }
    )


def as_cloudtrail_notification(*keys: str, bucket: str = BUCKET) -> dict[str, Any]:
    """CloudTrail's SNS message about new log files. Wrap it in ``as_sns``, ``as_sqs``, or ``as_sns_in_sqs``.

    Args:
        *keys: the keys of the files; :func:`log_file_key` by default.
        bucket: the name of the bucket.
    """
    return {"s3Bucket": bucket, "s3ObjectKey": list(keys or (log_file_key(),))}


def s3_test_event(bucket: str = BUCKET) -> dict[str, Any]:
    """The test message that S3 sends when notifications are configured.

    Args:
        bucket: the name of the bucket.
    """
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-09-14T09:00:00.000Z",
        "Bucket": bucket,
        "RequestId": "EXAMPLE123456789",
        "HostId": "EXAMPLE",
    }
