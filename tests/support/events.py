"""Small events and Lambda payloads for tests."""

from __future__ import annotations

import json
from typing import Any

QUEUE = "arn:aws:sqs:eu-west-1:111122223333:trailforward"
FIFO = "arn:aws:sqs:eu-west-1:111122223333:trailforward.fifo"


def envelope(number: int = 0, **detail: Any) -> bytes:
    """One envelope; ``number`` makes it unique. Parsing and writing it would change its number literal."""
    record = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "userName": "rosa", "accountId": "111122223333"},
        "eventTime": "2026-05-04T09:15:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "StopInstances",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.7",
        "eventID": f"00000000-0000-4000-8000-{number:012}",
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        **detail,
    }
    event = {
        "version": "0",
        "id": f"11111111-0000-4000-8000-{number:012}",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2",
        "account": "111122223333",
        "time": "2026-05-04T09:15:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": record,
    }
    text = json.dumps(event, separators=(",", ":"))
    return text.replace('"eventType"', '"n":1.688560107857E9,"eventType"').encode()


def sqs_record(
    body: str | bytes,
    message_id: str,
    *,
    arn: str = QUEUE,
    group: str | None = None,
    attributes: dict[str, str] | None = None,
) -> dict[str, Any]:
    """One record of a Lambda SQS batch."""
    system = {"ApproximateReceiveCount": "1", "SentTimestamp": "1777886100123"}
    if group is not None:
        system["MessageGroupId"] = group
    return {
        "messageId": message_id,
        "receiptHandle": "handle",
        "body": body if isinstance(body, str) else body.decode(),
        "attributes": system,
        "messageAttributes": {
            name: {"stringValue": value, "dataType": "String"} for name, value in (attributes or {}).items()
        },
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": "eu-west-1",
    }


def sqs(*records: dict[str, Any]) -> dict[str, Any]:
    """A Lambda SQS batch."""
    return {"Records": list(records)}


class Context:
    """The context object that Lambda passes to a handler."""

    function_name = "trailforward"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:trailforward"
    aws_request_id = "22222222-0000-4000-8000-000000000000"

    def __init__(self, seconds: float = 30.0) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        """The remaining time in milliseconds."""
        return int(self._seconds * 1000)
