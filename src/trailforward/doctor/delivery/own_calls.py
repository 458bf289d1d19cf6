"""Own calls: calls that the pipeline itself makes, whose events must not feed the pipeline again.

Which services assume the roles was measured:
https://github.com/radkawar/stackd/blob/9dc356f5e5cc49d2d334178a09c1398dd1c62617/testdata/aws/eventbridge/role_audit.json
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.aws.own_calls import MADE_FOR_EVERY_DELIVERY
from trailforward.doctor.world.links import read_arn
from trailforward.doctor.world.regions import partition_of
from trailforward.pipeline.service_calls import KEY_USES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.world.call import Call
    from trailforward.doctor.world.index import Index

#: Services that assume the pipeline's roles.
_ASSUMING = frozenset({"events.amazonaws.com", "lambda.amazonaws.com"})
#: Request parameter that holds a name, to the service and the prefix of the name in the ARN.
_NAMES = {
    "functionName": ("lambda", "function:"),
    "streamName": ("kinesis", "stream/"),
    "deliveryStreamName": ("firehose", "deliverystream/"),
    "keyId": ("kms", "key/"),
    "logGroupName": ("logs", "log-group:"),
}
#: Request parameters that hold an ARN. Any other may mention the pipeline's, and is not about it.
_ARNS = frozenset({"streamARN", "topicArn", "targetArn", "logGroupIdentifier"})
_QUEUE_URL = re.compile(r"https://sqs\.([a-z0-9-]+)\.[^/]+/(\d{12})/(.+)")


#: Calls that the pipeline makes with its roles for every event. Whatever else the roles do must not be left
#: out of a pattern: it may be a thief's.
_FOR_EVENTS = MADE_FOR_EVERY_DELIVERY | KEY_USES | {"PutObject", "GetObject"}
#: Calls that it makes once in a while: when it starts, or when a cached value is too old.
_SOMETIMES = frozenset(
    {
        "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "CreateLogGroup", "CreateLogStream",
        "DescribeEventBus", "DescribeStream", "DescribeStreamSummary", "GetCallerIdentity", "GetParameter",
        "GetQueueAttributes", "GetRecords", "GetSecretValue", "GetShardIterator", "ListShards",
        "SubscribeToShard",
    }
)  # fmt: skip
#: ``anything-but`` alone would drop every event that lacks the field.
_WITHOUT = (
    'Leave this call out of the pattern, and nothing else of the role: "$or": '
    '[{{"eventName": [{{"exists": false}}, {{"anything-but": ["{name}"]}}]}}, '
    '{{{field}: [{{"exists": false}}, {{"anything-but": ["{value}"]}}]{end}}}].'
)
_FILTERED = (
    "trailforward filters these events (self-guard), so nothing is needed; each costs one delivery. "
    "They must stay in the pattern: the same call by somebody else who uses the role is worth knowing."
)
_MULTIPLIES = ", and each such event causes at least one more"
_MULTIPLIES_UNFILTERED = f"{_MULTIPLIES} unless the function filters it (self-guard)"
_BOUNDED = ", at a low, bounded rate"


class OwnCall(NamedTuple):
    """Why a call is the pipeline's own, and how to exclude its event.

    Attributes:
        reason: whose call it is, in a few words.
        remedy: what to do.
        gain: what its event causes, to follow a sentence.
        severity: of the loop; None for the default.
    """

    reason: str
    remedy: str
    gain: str = _BOUNDED
    severity: str | None = None


def own_call(index: Index, call: Call) -> OwnCall | None:
    """Why a call is the pipeline's own, or None if it is not.

    The role is recognized by the session issuer's ARN, which includes the role's path; ``userIdentity.arn``
    is the assumed-role ARN, which does not.
    """
    if call.is_put_events:
        return _sent_back(index, call)
    return _with_role(index, call) or _by_service(index, call)


def _with_role(index: Index, call: Call) -> OwnCall | None:
    """A call that is made with a role of the pipeline, or that assumes it."""
    issuer = _at(call.identity, "sessionContext", "sessionIssuer", "arn")
    if _in(issuer, index.own_roles) and call.event_name in _FOR_EVENTS | _SOMETIMES:
        reason = f"made with the role {issuer}"
        multiplies = call.category == "Data" or call.event_name in MADE_FOR_EVERY_DELIVERY
        if call.event_name in _SOMETIMES and not multiplies:
            return OwnCall(reason, _FILTERED, severity="info" if call.read_only else None)
        field = '"userIdentity": {"sessionContext": {"sessionIssuer": {"arn"'
        remedy = _WITHOUT.format(name=call.event_name, field=field, value=issuer, end="}}}")
        gain = _MULTIPLIES_UNFILTERED if multiplies else _BOUNDED
        return OwnCall(reason, remedy, gain, "critical" if multiplies else None)
    role = _at(call.request_parameters, "roleArn")
    if call.identity.get("invokedBy") not in _ASSUMING or not _in(role, index.own_roles):
        return None
    field = '"requestParameters": {"roleArn"'
    remedy = _WITHOUT.format(name="AssumeRole", field=field, value=role, end="}")
    return OwnCall(f"{call.identity['invokedBy']} assumes the role {role}", remedy)


def _by_service(index: Index, call: Call) -> OwnCall | None:
    """A call of an AWS service on a resource of the pipeline."""
    if call.identity.get("type") != "AWSService":
        return None
    touched = next((arn for arn in _touched(call) if arn in index.own_resources), None)
    if touched is None:
        return None
    remedy = (
        f"Exclude {touched} in the trail's data event selectors, or this kind of event in the event pattern."
    )
    data = call.category == "Data"
    gain = _MULTIPLIES if data else _BOUNDED
    return OwnCall(f"an AWS service uses {touched}", remedy, gain, "critical" if data else None)


def _sent_back(index: Index, call: Call) -> OwnCall | None:
    """An event that an EventBridge sink of the pipeline puts on its own bus."""
    bus = f"arn:{partition_of(call.region)}:events:{call.region}:{call.account}:event-bus/{call.bus}"
    if bus not in index.own_resources:
        return None
    remedy = (
        "If the pipeline has an EventBridge sink for this bus, leave its events out of the rule: "
        f'"source": [{{"anything-but": ["{call.source}"]}}]. '
        "trailforward filters them (self-guard); other functions do not."
    )
    return OwnCall(f"an EventBridge sink puts its events on {bus}", remedy, ", once for each event")


def _touched(call: Call) -> Iterator[str]:
    """The ARNs that a call may refer to. That KMS encryption contexts hold one is from memory."""
    for resource in call.resources:
        yield resource.arn
    request = call.request_parameters or {}
    context = request.get("encryptionContext")
    yield from (
        value for value in (context.values() if isinstance(context, dict) else ()) if isinstance(value, str)
    )
    partition = partition_of(call.region)
    for key, value in request.items():
        if not isinstance(value, str):
            continue
        if key in _NAMES or key in _ARNS:
            yield value
        if key == "queueUrl" and (queue := _QUEUE_URL.fullmatch(value)):
            yield f"arn:{partition}:sqs:{queue[1]}:{queue[2]}:{queue[3]}"
        if key in _NAMES and read_arn(value) is None:
            service, prefix = _NAMES[key]
            yield f"arn:{partition}:{service}:{call.region}:{call.account}:{prefix}{value}"


def _in(value: Any, known: frozenset[str]) -> bool:
    return isinstance(value, str) and value in known


def _at(value: Any, *path: str) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
