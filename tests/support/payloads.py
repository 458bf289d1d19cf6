"""Lambda payloads of every source, with given bytes inside."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote_plus

from tests.support.events import envelope

TOPIC = "arn:aws:sns:eu-west-1:111122223333:trail"
STREAM = "arn:aws:kinesis:eu-west-1:111122223333:stream/events"
DELIVERY = "arn:aws:firehose:eu-west-1:111122223333:deliverystream/archive"
KEY = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/04/111122223333_CloudTrail_eu-west-1_x.json.gz"


def record(number: int = 0, **detail: Any) -> bytes:
    """A record without an envelope, with spaces and number literals that parsing and writing would change."""
    text = json.dumps(json.loads(envelope(number, **detail))["detail"], ensure_ascii=False)
    return text.replace("1688560107.857", "1.688560107857E9").encode()


def trail_file(*records: bytes, packed: bool = True) -> bytes:
    """A CloudTrail log file."""
    text = b'{"Records":[' + b",".join(records) + b"]}"
    return gzip.compress(text, 1) if packed else text


def sns_record(message: str, ident: str = "n-1") -> dict[str, Any]:
    """One record of an invocation from SNS."""
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{TOPIC}:1",
        "Sns": notification(message, ident),
    }


def notification(message: str, ident: str = "n-1") -> dict[str, Any]:
    """SNS's wrapper around a message without raw delivery."""
    return {
        "Type": "Notification",
        "MessageId": ident,
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": "2026-05-04T09:15:01.000Z",
        "Signature": "x",
    }


def kinesis_record(data: bytes, number: str) -> dict[str, Any]:
    """One Kinesis record."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "p",
            "sequenceNumber": number,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1777886100.123,
        },
        "eventSource": "aws:kinesis",
        "eventName": "aws:kinesis:record",
        "eventID": f"shardId-000000000000:{number}",
        "eventSourceARN": STREAM,
    }


def firehose(*records: bytes) -> dict[str, Any]:
    """A batch of a Firehose transformation. The record IDs are r0, r1, and so on."""
    return {
        "invocationId": "i",
        "deliveryStreamArn": DELIVERY,
        "region": "eu-west-1",
        "records": [
            {
                "recordId": f"r{number}",
                "approximateArrivalTimestamp": 1777886100123,
                "data": base64.b64encode(data).decode(),
            }
            for number, data in enumerate(records)
        ],
    }


def log_data(*messages: Any, kind: str = "DATA_MESSAGE") -> bytes:
    """The data that CloudWatch Logs sends to a subscriber."""
    events = [
        {"id": f"e{number}", "timestamp": 1777886100123, "message": message}
        for number, message in enumerate(messages)
    ]
    inner = {
        "messageType": kind,
        "owner": "111122223333",
        "logGroup": "trail",
        "logStream": "111122223333_CloudTrail_eu-west-1",
        "subscriptionFilters": ["f"],
        "logEvents": events,
    }
    return gzip.compress(json.dumps(inner).encode())


def logs(data: bytes) -> dict[str, Any]:
    """An invocation by a CloudWatch Logs subscription."""
    return {"awslogs": {"data": base64.b64encode(data).decode()}}


def s3_record(bucket: str, key: str = KEY, *, event: str = "ObjectCreated:Put", region: str = "") -> Any:
    """One record of an S3 notification. Its key is encoded as in a form."""
    return {
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "awsRegion": region or "ap-southeast-2",
        "eventTime": "2026-05-04T09:20:00.000Z",
        "eventName": event,
        "userIdentity": {"principalId": "AWS:X"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": quote_plus(key, safe="/"), "size": 1, "eTag": "x", "sequencer": "0"},
        },
    }


def object_created(bucket: str, key: str = KEY) -> dict[str, Any]:
    """EventBridge's event about a new S3 object."""
    return {
        "version": "0",
        "id": "55555555-0000-4000-8000-000000000000",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-05-04T09:20:00Z",
        "region": "ap-southeast-2",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 1}},
    }
