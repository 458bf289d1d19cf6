"""Builds Lambda payloads: what a function receives when events arrive through a queue, a topic, or a stream.

Events may be dicts, text, bytes, or messages; text and bytes stay unchanged. Payloads can be nested as in
AWS::

    as_sqs(as_s3_notification("AWSLogs/…/file.json.gz"))
    as_kinesis(log_batch(event))
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from trailforward.errors import EventError
from trailforward.jsontext import encode, to_bytes, to_text
from trailforward.message import Message, Origin
from trailforward.testing.event import Event

#: An event in any form.
EventLike = Mapping[str, Any] | bytes | str | Message

_ACCOUNT = "111122223333"
_REGION = "eu-west-1"
_MILLISECONDS = 1789377166123
_ISO = "2026-09-14T09:12:46.123Z"
#: The first sequence number, which has 56 digits in Kinesis.
_SEQUENCE = 49590338271490256608559692538361571095921575989136588898


def raw(event: EventLike) -> bytes:
    """The bytes of an event: the exact bytes if there are any, else compact JSON."""
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return to_bytes(event)
    if isinstance(event, Message):
        return event.raw
    return encode(dict(event))


def record(event: EventLike) -> bytes:
    """The exact bytes of an event's CloudTrail record; anything that is not an event is unchanged."""
    message = event if isinstance(event, Message) else Message(raw(event), Origin("testing"))
    try:
        return message.detail
    except EventError:
        return message.raw


def as_sqs(*events: EventLike, queue: str = "trailforward") -> dict[str, Any]:
    """A batch from a standard SQS queue, with one event in each message.

    Args:
        *events: the message bodies.
        queue: the name of the queue.
    """
    return {"Records": [_sqs_record(raw(event), number, queue) for number, event in enumerate(events)]}


def as_fifo_sqs(
    *events: EventLike, group: str = _ACCOUNT, groups: tuple[str, ...] = (), queue: str = "trailforward.fifo"
) -> dict[str, Any]:
    """A batch from a FIFO SQS queue.

    Args:
        *events: the message bodies, in order.
        group: the message group of all messages.
        groups: the message group of each message, instead of ``group``.
        queue: the name of the queue.
    """
    payload = as_sqs(*events, queue=queue)
    for number, (message, its_group) in enumerate(
        zip(payload["Records"], groups or (group,) * len(events), strict=True)
    ):
        message["attributes"] |= {
            "SequenceNumber": f"188496{number:014}",
            "MessageGroupId": its_group,
            "MessageDeduplicationId": hashlib.sha256(message["body"].encode()).hexdigest(),
        }
    return payload


def as_sns(*events: EventLike, topic: str = "trailforward") -> dict[str, Any]:
    """The payload of an SNS topic that invokes the function. SNS sends one message in each invocation.

    Args:
        *events: the messages.
        topic: the name of the topic.
    """
    arn = f"arn:aws:sns:{_REGION}:{_ACCOUNT}:{topic}"
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": f"{arn}:{_id('subscription', topic)}",
                "Sns": {**_notification(event, number, arn), "MessageAttributes": {}},
            }
            for number, event in enumerate(events)
        ]
    }


def as_sns_in_sqs(
    *events: EventLike, raw_delivery: bool = False, topic: str = "trailforward", queue: str = "trailforward"
) -> dict[str, Any]:
    """A batch from an SQS queue that is subscribed to an SNS topic.

    Args:
        *events: the messages.
        raw_delivery: whether the subscription uses raw message delivery; if not, each body is an SNS
            notification that contains the event.
        topic: the name of the topic.
        queue: the name of the queue.
    """
    if raw_delivery:
        return as_sqs(*events, queue=queue)
    arn = f"arn:aws:sns:{_REGION}:{_ACCOUNT}:{topic}"
    wrapped = [encode(_notification(event, number, arn)) for number, event in enumerate(events)]
    return as_sqs(*wrapped, queue=queue)


def as_kinesis(*events: EventLike, stream: str = "trailforward") -> dict[str, Any]:
    """A batch from a Kinesis stream.

    Args:
        *events: the data; use :func:`log_batch` for a stream that receives a CloudWatch Logs subscription.
        stream: the name of the stream.
    """
    arn = f"arn:aws:kinesis:{_REGION}:{_ACCOUNT}:stream/{stream}"
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": _id("partition", str(number)),
                    "sequenceNumber": str(_SEQUENCE + number),
                    "data": _base64(raw(event)),
                    "approximateArrivalTimestamp": _MILLISECONDS / 1000,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000006:{_SEQUENCE + number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": f"arn:aws:iam::{_ACCOUNT}:role/trailforward",
                "awsRegion": _REGION,
                "eventSourceARN": arn,
            }
            for number, event in enumerate(events)
        ]
    }


def as_firehose(*events: EventLike, stream: str = "trailforward") -> dict[str, Any]:
    """The payload of a Firehose transformation.

    Args:
        *events: the data; use :func:`log_batch` for a stream that receives a CloudWatch Logs subscription.
        stream: the name of the Firehose stream.
    """
    return {
        "invocationId": _id("invocation", stream),
        "deliveryStreamArn": f"arn:aws:firehose:{_REGION}:{_ACCOUNT}:deliverystream/{stream}",
        "region": _REGION,
        "records": [
            {
                "recordId": f"{_SEQUENCE + number}000000",
                "approximateArrivalTimestamp": _MILLISECONDS,
                "data": _base64(raw(event)),
            }
            for number, event in enumerate(events)
        ],
    }


def as_cloudwatch_logs(*events: EventLike, envelopes: bool = False, control: bool = False) -> dict[str, Any]:
    """The payload of a CloudWatch Logs subscription that invokes the function.

    Args:
        *events: the logged events.
        envelopes: as for :func:`log_batch`.
        control: as for :func:`log_batch`.
    """
    return {"awslogs": {"data": _base64(log_batch(*events, envelopes=envelopes, control=control))}}


def log_batch(*events: EventLike, envelopes: bool = False, control: bool = False) -> bytes:
    """The gzipped JSON that a CloudWatch Logs subscription sends, as in ``as_kinesis(log_batch(event))``.

    Args:
        *events: the logged events.
        envelopes: whether the log group contains envelopes, written by an EventBridge rule; otherwise it
            contains records, written by CloudTrail.
        control: whether to build the control message with which CloudWatch Logs tests a destination.
    """
    name = f"{_ACCOUNT}_CloudTrail_{_REGION}"
    batch = {
        "messageType": "CONTROL_MESSAGE" if control else "DATA_MESSAGE",
        "owner": "CloudwatchLogs" if control else _ACCOUNT,
        "logGroup": "" if control else "aws-cloudtrail-logs",
        "logStream": "" if control else name,
        "subscriptionFilters": [] if control else ["trailforward"],
        "logEvents": [
            {
                "id": str(_SEQUENCE + number),
                "timestamp": _MILLISECONDS,
                "message": to_text(raw(event) if envelopes else record(event)),
            }
            for number, event in enumerate(events)
        ],
    }
    if control:
        text = "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."
        batch["logEvents"] = [{"id": "", "timestamp": _MILLISECONDS, "message": text}]
    return gzip.compress(encode(batch), mtime=0)


def as_list(*events: EventLike, metadata: bool = False) -> list[dict[str, Any]]:
    """The payload of an EventBridge pipe with the input template ``<$.body>``, or of a custom event bus.

    Args:
        *events: the events.
        metadata: whether the custom event bus adds its metadata (transformer ``WITH_METADATA``).
    """
    found = [as_eventbridge(event) for event in events]
    if not metadata:
        return list(found)
    return [
        {
            "Data": event,
            "Metadata": {},
            "SystemMetadata": {
                "aws:EventId": _id("event", f"{number}:{event}"),
                "aws:Source": event.get("source"),
                "aws:DetailType": event.get("detail-type"),
                "aws:DeliveryType": "LIVE",
                "aws:IngestionTime": _ISO,
                "ContentType": "application/eventbridge+json",
            },
        }
        for number, event in enumerate(found)
    ]


def lookup_events(*events: EventLike) -> dict[str, Any]:
    """The output of ``aws cloudtrail lookup-events``, with the exact bytes of each record.

    Args:
        *events: the events whose records it contains.
    """
    texts = [to_text(record(event)) for event in events]
    return {"Events": [{"EventId": _id("lookup", text), "CloudTrailEvent": text} for text in texts]}


def as_eventbridge(event: EventLike) -> Event:
    """The payload of an EventBridge rule that invokes the function: the parsed event."""
    return Event(Message(raw(event), Origin("testing")).event)


def _sqs_record(body: bytes, number: int, queue: str) -> dict[str, Any]:
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return {
        "messageId": _id("message", f"{number}:{digest}"),
        "receiptHandle": f"AQEBexample{number}",
        "body": to_text(body),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(_MILLISECONDS),
            "SenderId": "AIDAEXAMPLEEVENTSAAAA",
            "ApproximateFirstReceiveTimestamp": str(_MILLISECONDS + 12),
        },
        "messageAttributes": {},
        "md5OfBody": digest,
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{_REGION}:{_ACCOUNT}:{queue}",
        "awsRegion": _REGION,
    }


def _notification(event: EventLike, number: int, topic: str) -> dict[str, Any]:
    message = to_text(raw(event))
    host = f"https://sns.{_REGION}.amazonaws.com"
    return {
        "Type": "Notification",
        "MessageId": _id("notification", f"{number}:{message}"),
        "TopicArn": topic,
        "Message": message,
        "Timestamp": _ISO,
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": f"{host}/SimpleNotificationService-example.pem",
        "UnsubscribeURL": f"{host}/?Action=Unsubscribe&SubscriptionArn={topic}:example",
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _id(kind: str, text: str) -> str:
    # Works for any text, including lone surrogates. The same event always gets the same ID.
    digest = hashlib.sha256(to_bytes(f"{kind}:{text}")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
