"""Resources: reads queues, topics, functions and streams, with their policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.discover.reader import AwsCallError
from trailforward.doctor.world.policy_documents import key_policy_from_document, statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.arn import Arn
    from trailforward.doctor.discover.reader import Reader


def can_read(arn: Arn) -> bool:
    """Whether this module can read a resource of this service."""
    return arn.service in _READ


def read_resource(reader: Reader, arn: Arn) -> dict[str, Any] | None:
    """Reads a resource of the reader's account; None if AWS says that it does not exist.

    Raises:
        AwsCallError: access was denied.
    """
    try:
        return {"arn": str(arn), **_READ[arn.service](reader, arn)}
    except AwsCallError as error:
        if error.missing:
            return None
        raise


def _queue(reader: Reader, arn: Arn) -> dict[str, Any]:
    """Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html."""
    names = ["Policy", "FifoQueue", "KmsMasterKeyId", "SqsManagedSseEnabled"]
    url = reader.call("sqs", "GetQueueUrl", arn.region, QueueName=arn.resource)["QueueUrl"]
    response = reader.call("sqs", "GetQueueAttributes", arn.region, QueueUrl=url, AttributeNames=names)
    found = response.get("Attributes", {})
    return {
        "policy": statements(found.get("Policy", "")),
        "fifo": found.get("FifoQueue") == "true",
        "encryption": _encryption(reader, arn, found.get("KmsMasterKeyId")),
    }


def _topic(reader: Reader, arn: Arn) -> dict[str, Any]:
    """Unconfirmed subscriptions receive nothing: their ARN is ``PendingConfirmation``."""
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
    except AwsCallError as error:
        if not error.missing:
            raise
        policy = ""  # the function never had a policy
    return {"policy": statements(policy), "role": found.get("Role")}


def _stream(reader: Reader, arn: Arn) -> dict[str, Any]:
    reader.call("kinesis", "DescribeStreamSummary", arn.region, StreamName=arn.name)
    try:
        response = reader.call("kinesis", "GetResourcePolicy", arn.region, ResourceARN=str(arn))
    except AwsCallError as error:
        if not error.missing:
            raise
        response = {}
    return {"policy": statements(response.get("Policy", ""))}


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
    """How a queue or topic is encrypted. Aliases of AWS managed keys begin with ``alias/aws/``."""
    if not key:
        return None
    if key.rpartition("alias/")[2].startswith("aws/"):
        return {"type": "aws-managed-key"}
    found = reader.call("kms", "DescribeKey", arn.region, KeyId=key)["KeyMetadata"]
    if found.get("KeyManager") == "AWS":
        return {"type": "aws-managed-key"}
    response = reader.call("kms", "GetKeyPolicy", arn.region, KeyId=found["Arn"], PolicyName="default")
    return {"type": "customer-key", "keyPolicy": key_policy_from_document(response["Policy"])}
