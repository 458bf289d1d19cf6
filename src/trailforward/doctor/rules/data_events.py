"""Data events: whether CloudTrail records an API operation as a data event."""

from __future__ import annotations

#: Service to the beginnings of the names of its data events. Any other event of these services may be one.
#: Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
_DATA = {
    "s3": ("GetObject", "PutObject", "DeleteObject", "CopyObject", "HeadObject", "UploadPart", "ListObjects"),
    "lambda": ("Invoke",),
    "dynamodb": ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "BatchGet", "BatchWrite", "Query", "Scan"),
    "sqs": ("SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"),
    "sns": ("Publish",),
    "kinesis": ("PutRecord", "GetRecords", "GetShardIterator", "SubscribeToShard"),
    "bedrock": ("InvokeModel", "Converse"),
    "monitoring": ("PutMetricData", "GetMetric", "ListMetrics"),
    "events": ("PutEvents",),
}


def is_data_event(event_source: str, event_name: str) -> bool | None:
    """Whether an operation's events are data events; None if this table does not tell."""
    beginnings = _DATA.get(event_source.partition(".")[0])
    return event_name.startswith(beginnings) if beginnings else False
