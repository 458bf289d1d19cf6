"""Trail files: the objects CloudTrail writes to S3, and the notifications that tell of them."""

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
    """The bytes of a trail file: ``{"Records":[…]}``, with the exact bytes of each record.

    Args:
        *events: whose records it holds.
        compressed: by gzip, as in the bucket.
    """
    text = b'{"Records":[' + b",".join(map(record, events)) + b"]}"
    return gzip.compress(text, mtime=0) if compressed else text


def log_file_key(
    account: str = ACCOUNT, region: str = "eu-west-1", time: datetime = TIME, unique: str = "EXAMPLE0a1B2c3D4"
) -> str:
    """The key of a trail file, as CloudTrail names them.

    Args:
        account: whose events it holds.
        region: whose events it holds.
        time: when it was written; aware.
        unique: 16 characters.
    """
    time = time.astimezone(UTC)
    folder = f"AWSLogs/{account}/CloudTrail/{region}/{time:%Y/%m/%d}"
    return f"{folder}/{account}_CloudTrail_{region}_{time:%Y%m%dT%H%MZ}_{unique}.json.gz"


def as_s3_notification(*keys: str, bucket: str = BUCKET, size: int = 4096) -> dict[str, Any]:
    """S3 tells the function itself of new objects. Put it in ``as_sqs`` or ``as_sns`` for those paths.

    Args:
        *keys: of the objects; :func:`log_file_key` by default. Notifications spell them URL-encoded.
        bucket: where they are.
        size: of each, in bytes.
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
    """S3 tells of a new object by EventBridge.

    Args:
        key: of the object; :func:`log_file_key` by default.
        bucket: where it is.
        size: in bytes.
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
    """CloudTrail's own message about new trail files: put it in ``as_sns``, ``as_sqs`` or ``as_sns_in_sqs``.

    Args:
        *keys: of the files; :func:`log_file_key` by default.
        bucket: where they are.
    """
    return {"s3Bucket": bucket, "s3ObjectKey": list(keys or (log_file_key(),))}


def s3_test_event(bucket: str = BUCKET) -> dict[str, Any]:
    """What S3 sends once when notifications are set up.

    Args:
        bucket: whose.
    """
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-09-14T09:00:00.000Z",
        "Bucket": bucket,
        "RequestId": "EXAMPLE123456789",
        "HostId": "EXAMPLE",
    }
