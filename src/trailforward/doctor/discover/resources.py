"""Queues, topics, functions and streams: that they exist, and whom they let in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.discover.policies import statements
from trailforward.doctor.discover.reader import LookError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.arn import Arn
    from trailforward.doctor.discover.reader import Reader


def can_read(arn: Arn) -> bool:
    """Whether this module knows how to look at such a thing."""
    return arn.service in _READ


def read_resource(reader: Reader, arn: Arn) -> dict[str, Any] | None:
    """A resource of the reader's account; None where AWS says that it does not exist.

    Raises:
        LookError: not allowed to look.
    """
    try:
        return {"arn": str(arn), **_READ[arn.service](reader, arn)}
    except LookError as error:
        if error.missing:
            return None
        raise


def _queue(reader: Reader, arn: Arn) -> dict[str, Any]:
    """Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html."""
    names = ["Policy", "FifoQueue", "KmsMasterKeyId", "SqsManagedSseEnabled"]
    url = reader.call("sqs", "GetQueueUrl", arn.region, QueueName=arn.resource)["QueueUrl"]
    answer = reader.call("sqs", "GetQueueAttributes", arn.region, QueueUrl=url, AttributeNames=names)
    found = answer.get("Attributes", {})
    return {
        "policy": statements(found.get("Policy", "")),
        "fifo": found.get("FifoQueue") == "true",
        "encryption": _encryption(reader, arn, found.get("KmsMasterKeyId")),
    }


def _topic(reader: Reader, arn: Arn) -> dict[str, Any]:
    """Subscriptions that nobody confirmed get nothing: their ARN is ``PendingConfirmation``."""
    found = reader.call("sns", "GetTopicAttributes", arn.region, TopicArn=str(arn))["Attributes"]
    listed = reader.items("sns", "ListSubscriptionsByTopic", "Subscriptions", arn.region, TopicArn=str(arn))
    return {
        "policy": statements(found.get("Policy", "")),
        "fifo": found.get("FifoTopic") == "true",
        "encryption": _encryption(reader, arn, found.get("KmsMasterKeyId")),
        "subscriptions": [
            item["Endpoint"]
            for item in listed
            if item.get("Endpoint", "").startswith("arn:")
            and item.get("SubscriptionArn") != "PendingConfirmation"
        ],
    }


def _function(reader: Reader, arn: Arn) -> dict[str, Any]:
    found = reader.call("lambda", "GetFunctionConfiguration", arn.region, FunctionName=str(arn))
    try:
        policy = reader.call("lambda", "GetPolicy", arn.region, FunctionName=str(arn))["Policy"]
    except LookError as error:
        if not error.missing:
            raise
        policy = ""  # nobody was ever let in
    return {"policy": statements(policy), "role": found.get("Role")}


def _stream(reader: Reader, arn: Arn) -> dict[str, Any]:
    reader.call("kinesis", "DescribeStreamSummary", arn.region, StreamName=arn.name)
    try:
        answer = reader.call("kinesis", "GetResourcePolicy", arn.region, ResourceARN=str(arn))
    except LookError as error:
        if not error.missing:
            raise
        answer = {}
    return {"policy": statements(answer.get("Policy", ""))}


def _delivery_stream(reader: Reader, arn: Arn) -> dict[str, Any]:
    reader.call("firehose", "DescribeDeliveryStream", arn.region, DeliveryStreamName=arn.name)
    return {}


_READ: dict[str, Callable[[Reader, Arn], dict[str, Any]]] = {
    "sqs": _queue,
    "sns": _topic,
    "lambda": _function,
    "kinesis": _stream,
    "firehose": _delivery_stream,
}


def _encryption(reader: Reader, arn: Arn, key: str | None) -> dict[str, Any] | None:
    """How a queue or topic is encrypted. AWS managed keys have names that begin with ``alias/aws/``."""
    if not key:
        return None
    if key.rpartition("alias/")[2].startswith("aws/"):
        return {"type": "aws-managed-key"}
    found = reader.call("kms", "DescribeKey", arn.region, KeyId=key)["KeyMetadata"]
    if found.get("KeyManager") == "AWS":
        return {"type": "aws-managed-key"}
    answer = reader.call("kms", "GetKeyPolicy", arn.region, KeyId=found["Arn"], PolicyName="default")
    return {"type": "customer-key", "keyPolicy": key_policy(answer["Policy"])}


def key_policy(document: Any) -> dict[str, Any]:
    """The services that a key's policy lets in. What the model has no place for counts as not understood."""
    principals: list[str] = []
    actions: list[str] = []
    outside: list[dict[str, Any]] = []
    for statement in statements(document):
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        listed = [services] if isinstance(services, str) else services
        if not listed:
            continue
        if statement.get("Effect") != "Allow" or "Condition" in statement or "Action" not in statement:
            outside.append(statement)
            continue
        action = statement["Action"]
        principals += listed
        actions += [action] if isinstance(action, str) else action
    policy: dict[str, Any] = {"principals": principals, "actions": actions}
    return policy | ({"statements": outside} if outside else {})
