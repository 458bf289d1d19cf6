"""The calls with which AWS services deliver events to the pipeline's resources.

Only a service principal can have this identity (``userIdentity.type`` is ``AWSService``). All other calls of
services, and calls on other resources, are forwarded.
Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

from __future__ import annotations

_SEND = frozenset({("sqs", "SendMessage"), ("sqs", "SendMessageBatch")})
_PUBLISH = frozenset({("sns", "Publish"), ("sns", "PublishBatch")})
_STREAM = frozenset({("kinesis", "PutRecord"), ("kinesis", "PutRecords")})
_FIREHOSE = frozenset({("firehose", "PutRecord"), ("firehose", "PutRecordBatch")})
_LOG = frozenset({("logs", "CreateLogStream"), ("logs", "PutLogEvents")})
_INVOKE = frozenset({("lambda", "Invoke")})
_RECEIVE = frozenset(
    {
        ("sqs", "ReceiveMessage"),
        ("sqs", "DeleteMessage"),
        ("sqs", "DeleteMessageBatch"),
        ("sqs", "ChangeMessageVisibility"),
        ("sqs", "ChangeMessageVisibilityBatch"),
    }
)

#: Service principal → (service, event name) of its deliveries.
DELIVERIES: dict[str, frozenset[tuple[str, str]]] = {
    # CloudTrail's log files, its notifications, and its log group.
    "cloudtrail.amazonaws.com": frozenset({("s3", "PutObject")}) | _PUBLISH | _LOG,
    # A rule's targets, and its dead-letter queue.
    "events.amazonaws.com": _SEND
    | _PUBLISH
    | _STREAM
    | _FIREHOSE
    | _LOG
    | _INVOKE
    | {("events", "PutEvents")},
    # A transformation, and the stream's destination.
    "firehose.amazonaws.com": _INVOKE | {("s3", "PutObject")},
    "kinesis.amazonaws.com": _INVOKE,
    # Polling, the function's log, and its dead letters.
    "lambda.amazonaws.com": _INVOKE | _RECEIVE | _SEND | _LOG,
    # Subscriptions of a log group.
    "logs.amazonaws.com": _INVOKE | _STREAM | _FIREHOSE,
    # Notifications of a bucket.
    "s3.amazonaws.com": _INVOKE | _SEND | _PUBLISH,
    "sns.amazonaws.com": _INVOKE | _SEND | _FIREHOSE,
    # Redrives move messages from queue to queue.
    "sqs.amazonaws.com": _INVOKE | _RECEIVE | _SEND,
}

#: Services that assume a role of the pipeline to deliver.
ASSUMERS = frozenset({"events.amazonaws.com", "lambda.amazonaws.com"})

#: The KMS calls that services make when they write to or read from an encrypted resource.
KEY_USES = frozenset({"Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"})
