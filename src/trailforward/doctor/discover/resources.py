"""Resources: reads queues, topics, functions and streams, with their policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.discover.own_sinks import own_sinks
from trailforward.doctor.discover.reader import AwsCallError
from trailforward.doctor.world.policy_documents import key_policy_from_document, with_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.arn import Arn
    from trailforward.doctor.discover.reader import Reader


_API_DESTINATION = "api-destination/"


def can_read(arn: Arn) -> bool:
    """Whether this module can read a resource: of EventBridge, only API destinations."""
    return arn.service in _READ and (arn.service != "events" or arn.resource.startswith(_API_DESTINATION))


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


def read_pipes(reader: Reader, arn: Arn) -> dict[str, Any]:
    """The pipes that read from a queue or stream, as fields of the resource; nothing else depends on them.

    Source: https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_ListPipes.html
    """
    if arn.service not in {"sqs", "kinesis"}:
        return {}
    try:
        listed = reader.items("pipes", "ListPipes", "Pipes", arn.region, SourcePrefix=str(arn))
    except AwsCallError as error:
        return {"unread": {"pipes": f"pipes:ListPipes: {error.code}"}}
    names = [item["Name"] for item in listed if item.get("Source") == str(arn)]
    return {"pipes": names} if names else {}


def _queue(reader: Reader, arn: Arn) -> dict[str, Any]:
    """Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html."""
    names = ["Policy", "FifoQueue", "ContentBasedDeduplication", "KmsMasterKeyId", "SqsManagedSseEnabled"]
    url = reader.call("sqs", "GetQueueUrl", arn.region, QueueName=arn.resource)["QueueUrl"]
    response = reader.call("sqs", "GetQueueAttributes", arn.region, QueueUrl=url, AttributeNames=names)
    found = response.get("Attributes", {})
    fifo = found.get("FifoQueue") == "true"
    deduplication = {"contentBasedDeduplication": found.get("ContentBasedDeduplication") == "true"}
    return {
        **with_policy(found.get("Policy", "")),
        "fifo": fifo,
        **(deduplication if fifo else {}),
        "encryption": read_encryption(reader, arn, found.get("KmsMasterKeyId")),
    }


def _topic(reader: Reader, arn: Arn) -> dict[str, Any]:
    """Unconfirmed subscriptions receive nothing: their ARN is ``PendingConfirmation``."""
    found = reader.call("sns", "GetTopicAttributes", arn.region, TopicArn=str(arn))["Attributes"]
    listed = reader.items("sns", "ListSubscriptionsByTopic", "Subscriptions", arn.region, TopicArn=str(arn))
    return {
        **with_policy(found.get("Policy", "")),
        "fifo": found.get("FifoTopic") == "true",
        "encryption": read_encryption(reader, arn, found.get("KmsMasterKeyId")),
        "subscriptions": [
            _subscription(reader, arn, item)
            for item in listed
            if item.get("Endpoint", "").startswith("arn:")
            and item.get("SubscriptionArn") != "PendingConfirmation"
        ],
    }


def _subscription(reader: Reader, topic: Arn, item: dict[str, Any]) -> dict[str, Any]:
    """A confirmed subscription with its filter policy."""
    found: dict[str, Any] = {"endpoint": item["Endpoint"]}
    try:
        ident = item.get("SubscriptionArn", "")
        response = reader.call("sns", "GetSubscriptionAttributes", topic.region, SubscriptionArn=ident)
        attributes = response.get("Attributes", {})
    except AwsCallError as error:
        return {**found, "unread": {"filterPolicy": error.code}}
    if attributes.get("FilterPolicy"):
        found["filterPolicy"] = attributes["FilterPolicy"]
    scope = attributes.get("FilterPolicyScope")
    return {**found, "filterPolicyScope": scope} if scope else found


def _function(reader: Reader, arn: Arn) -> dict[str, Any]:
    found = reader.call("lambda", "GetFunctionConfiguration", arn.region, FunctionName=str(arn))
    try:
        policy = reader.call("lambda", "GetPolicy", arn.region, FunctionName=str(arn))["Policy"]
    except AwsCallError as error:
        if not error.missing:
            raise
        policy = ""  # the function never had a policy
    environment = (found.get("Environment") or {}).get("Variables") or {}
    sinks, lacks = own_sinks(environment, arn)
    return {**with_policy(policy), "role": found.get("Role"), "ownSinks": sinks, "ownLacks": lacks}


def _stream(reader: Reader, arn: Arn) -> dict[str, Any]:
    summary = reader.call("kinesis", "DescribeStreamSummary", arn.region, StreamName=arn.name)
    try:
        response = reader.call("kinesis", "GetResourcePolicy", arn.region, ResourceARN=str(arn))
    except AwsCallError as error:
        if not error.missing:
            raise
        response = {}
    stream = summary.get("StreamDescriptionSummary", {})
    key = stream.get("KeyId") if stream.get("EncryptionType") == "KMS" else None
    return {**with_policy(response.get("Policy", "")), "encryption": read_encryption(reader, arn, key)}


def _delivery_stream(reader: Reader, arn: Arn) -> dict[str, Any]:
    reader.call("firehose", "DescribeDeliveryStream", arn.region, DeliveryStreamName=arn.name)
    return {}


def _api_destination(reader: Reader, arn: Arn) -> dict[str, Any]:
    """An API destination is inactive when its connection is not authorized.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeConnection.html
    """
    name = arn.resource.removeprefix(_API_DESTINATION).partition("/")[0]
    try:
        described = reader.call("events", "DescribeApiDestination", arn.region, Name=name)
    except AwsCallError as error:
        if not error.missing:
            raise
        return {"apiDestination": {"state": "MISSING"}}
    of_this_name = str(described.get("ApiDestinationArn") or arn)
    if arn.resource.count("/") > 1 and of_this_name != str(arn):  # another one has its name; this one is gone
        return {"apiDestination": {"state": "MISSING"}}
    connection = str(described.get("ConnectionArn") or "").rpartition("connection/")[2].partition("/")[0]
    found = {"state": described.get("ApiDestinationState"), "connection": connection}
    try:
        state = reader.call("events", "DescribeConnection", arn.region, Name=connection)
    except AwsCallError as error:
        return {"apiDestination": found, "unread": {"connection": f"{error.call.permission}: {error.code}"}}
    found |= {"connectionState": state.get("ConnectionState"), "reason": state.get("StateReason") or ""}
    return {"apiDestination": found}


_READ: dict[str, Callable[[Reader, Arn], dict[str, Any]]] = {
    "sqs": _queue,
    "sns": _topic,
    "lambda": _function,
    "kinesis": _stream,
    "firehose": _delivery_stream,
    "events": _api_destination,
}


def read_encryption(reader: Reader, arn: Arn, key: str | None) -> dict[str, Any] | None:
    """How a resource is encrypted; None without a key. Aliases of AWS managed keys begin with ``alias/aws/``.

    Args:
        reader: reads the key.
        arn: the resource.
        key: the key's ID, alias, or ARN.

    Raises:
        AwsCallError: access to the key was denied.
    """
    if not key:
        return None
    if key.rpartition("alias/")[2].startswith("aws/"):
        return {"type": "aws-managed-key"}
    found = reader.call("kms", "DescribeKey", arn.region, KeyId=key)["KeyMetadata"]
    if found.get("KeyManager") == "AWS":
        return {"type": "aws-managed-key"}
    encryption = {"type": "customer-key", "key": found["Arn"], "keyState": found.get("KeyState")}
    try:
        response = reader.call("kms", "GetKeyPolicy", arn.region, KeyId=found["Arn"], PolicyName="default")
    except AwsCallError as error:
        if error.missing:
            return encryption
        raise
    policy = key_policy_from_document(response["Policy"])
    return encryption if policy is None else {**encryption, "keyPolicy": policy}
