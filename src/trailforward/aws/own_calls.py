"""The AWS calls that the pipeline makes, and the resources that a CloudTrail record names.

Each sink and each source states its calls next to its code; :class:`OwnCalls` looks a record up in them.
What a record names was checked against recorded events (``resources[].ARN``, ``queueUrl``, ``secretId`` …);
the names of data events follow https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.arn import Arn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Calls that every delivery makes. A rule may exclude them for the pipeline's own roles, and nothing else.
MADE_FOR_EVERY_DELIVERY = frozenset(
    {
        "BatchImportFindings",
        "DeleteMessage",
        "DeleteMessageBatch",
        "GetItem",
        "Invoke",
        "Publish",
        "PublishBatch",
        "PutEvents",
        "PutItem",
        "PutLogEvents",
        "PutRawEvents",
        "PutRecord",
        "PutRecordBatch",
        "PutRecords",
        "ReceiveMessage",
        "SendMessage",
        "SendMessageBatch",
        "StartExecution",
    }
)


class OwnCall(NamedTuple):
    """A call that the pipeline makes.

    Attributes:
        source: ``eventSource`` of its CloudTrail record: ``kinesis.amazonaws.com``.
        names: ``eventName`` of its CloudTrail record, one or several.
        resource: ARN of what it acts on. ``*`` at the end matches any rest, ``*`` alone anything or
            nothing. An empty account means the function's account.
    """

    source: str
    names: tuple[str, ...]
    resource: str


def log_call(group: Arn) -> OwnCall:
    """Returns the calls that Lambda makes with the function's role to write the function's log."""
    names = ("CreateLogGroup", "CreateLogStream", "PutLogEvents")
    return OwnCall("logs.amazonaws.com", names, str(group))


def state_call(table: str) -> OwnCall:
    """Returns the calls on the table that keeps the state of ``once`` and ``threshold``."""
    return OwnCall("dynamodb.amazonaws.com", ("GetItem", "PutItem"), table)


class OwnEvent(NamedTuple):
    """The shape of the events that a sink puts on a bus.

    Attributes:
        source: ``source`` of the envelope.
        detail_type: ``detail-type`` of the envelope.
        bus: ARN of the bus, which the envelope's ``resources`` names.
    """

    source: str
    detail_type: str
    bus: str


class OwnCalls:
    """Own calls, looked up by record.

    Args:
        calls: the pipeline's calls. Those without an account are ignored until :meth:`resolve`.
    """

    def __init__(self, calls: Iterable[OwnCall] = ()) -> None:
        self._by_name: dict[tuple[str, str], _Resources] = {}
        self._unresolved: list[OwnCall] = []
        for call in calls:
            self.add(call)

    def add(self, call: OwnCall) -> None:
        """Adds a call.

        Raises:
            ValueError: its resource is neither an ARN nor ``*``.
        """
        arn = None if call.resource == "*" else Arn.parse(call.resource)
        if arn is not None and not arn.account and arn.service != "s3" and arn.region:
            self._unresolved.append(call)
            return
        for name in call.names:
            self._by_name.setdefault((call.source, name), _Resources()).add(arn)

    def resolve(self, account: str) -> list[OwnCall]:
        """Adds the calls that have no account, with this account, and returns them."""
        waiting, self._unresolved = self._unresolved, []
        resolved = [
            call._replace(resource=str(Arn.parse(call.resource)._replace(account=account)))
            for call in waiting
        ]
        for call in resolved:
            self.add(call)
        return resolved

    def __contains__(self, record: Mapping[str, Any]) -> bool:
        """Whether a record is of one of the calls. Never raises, whatever the JSON value.

        Every resource that the record names must match the call. A failed call may name none: if each
        delivery makes it, it counts as own, because a rejected delivery would otherwise cause a loop.
        """
        source, name = record.get("eventSource"), record.get("eventName")
        if not isinstance(source, str) or not isinstance(name, str):
            return False
        resources = self._by_name.get((source, name))
        if resources is None:
            return False
        if resources.anything:
            return True
        named = list(named_resources(record, source.partition(".")[0]))
        if not named:
            return "errorCode" in record and name in MADE_FOR_EVERY_DELIVERY
        return all(key in resources for key in named)


class _Resources:
    """Resources of one call: exact keys, and beginnings of keys."""

    __slots__ = ("_exact", "_prefixes", "anything")

    def __init__(self) -> None:
        self.anything = False
        self._exact: set[str] = set()
        self._prefixes: tuple[str, ...] = ()

    def add(self, arn: Arn | None) -> None:
        """Adds a resource; None matches any resource."""
        if arn is None:
            self.anything = True
            return
        # ":*" after a log group means its streams, which count as the group anyway.
        key = exact_key(arn._replace(resource=arn.resource.removesuffix(":*")))
        if key.endswith("*"):
            self._prefixes += (key[:-1],)
        else:
            self._exact.add(key)
        if arn.service == "s3":
            # Records of objects name the bucket, too.
            self._exact.add(key_of(arn))

    def __contains__(self, key: str) -> bool:
        return key in self._exact or key.startswith(self._prefixes)


#: Service → request parameter that names the resource → what precedes the name in the resource's ARN;
#: empty where the parameter is always an ARN. Of other services, every parameter that is an ARN counts.
_NAMED: dict[str, dict[str, str]] = {
    "dynamodb": {"tableName": "table/"},
    "ec2": {"groupId": "security-group/"},
    "events": {"name": "event-bus/", "eventBusName": "event-bus/", "eventBusArn": ""},
    "firehose": {"deliveryStreamName": "deliverystream/"},
    "kinesis": {"streamName": "stream/", "streamARN": "", "consumerARN": ""},
    "lambda": {"functionName": "function:"},
    "logs": {"logGroupName": "log-group:", "logGroupIdentifier": "log-group:"},
    "secretsmanager": {"secretId": "secret:"},
    "securityhub": {"ProductArn": ""},
    "sns": {"topicArn": "", "targetArn": ""},
    "sqs": {"queueUrl": ""},
    "ssm": {"name": "parameter/"},
}
#: Service and request parameter that is a list → the member of each item that names the resource.
_MEMBERS = {("events", "entries"): "eventBusName", ("securityhub", "Findings"): "ProductArn"}
#: Longer strings are not the pipeline's resources, and would fill the cache of parsed ARNs.
_ARN_CHARACTERS = 2_048
#: A call of the pipeline names one resource. A record with more resources than this is not own.
_MOST_RESOURCES = 100
_TOO_MANY = ":too-many-resources:"


def parsed(text: object) -> Arn | None:
    """Parses an ARN; returns None for any other value."""
    return _parsed(text) if isinstance(text, str) and len(text) <= _ARN_CHARACTERS else None


@lru_cache(maxsize=1_024)  # the same few roles and resources come again and again
def _parsed(text: str) -> Arn | None:
    try:
        return Arn.parse(text)
    except ValueError:
        return None


def key_of(arn: Arn) -> str:
    """Returns the key by which resources are compared: an ARN without the partition, which requests lack.

    Versions and aliases stand for their function or state machine, log streams for their log group, objects
    for their bucket.
    """
    return _key(arn, arn.resource.partition("/")[0] if arn.service == "s3" else arn.resource)


def exact_key(arn: Arn) -> str:
    """Like :func:`key_of`, but an S3 object keeps its own key."""
    return _key(arn, arn.resource)


def _key(arn: Arn, resource: str) -> str:
    if arn.service in {"lambda", "logs"} or resource.startswith("stateMachine:"):
        resource = ":".join(resource.split(":")[:2])
    return ":".join((*arn[1:4], resource))


def named_resources(record: Mapping[str, Any], service: str) -> Iterator[str]:
    """Yields the keys of a service's resources that a record names in ``resources`` and in the request.

    Args:
        record: the ``detail`` of an event; any JSON object.
        service: of the call, as in ARNs: ``kinesis``.
    """
    listed = record.get("resources")
    if not isinstance(listed, list):
        listed = []
    if len(listed) > _MOST_RESOURCES:
        yield _TOO_MANY
    for item in listed[:_MOST_RESOURCES]:
        if isinstance(item, dict):
            # CloudTrail writes ARN; some services write arn.
            arn = parsed(item.get("ARN", item.get("arn")))
            if arn is not None and arn.service == service:
                yield exact_key(arn)
    request = record.get("requestParameters")
    if not isinstance(request, dict):
        return
    for name, value in request.items():
        yield from _of_parameter(record, service, name, value)
    if service == "s3" and isinstance(bucket := request.get("bucketName"), str):
        key = request.get("key")
        yield f"s3:::{bucket}/{key}" if isinstance(key, str) else f"s3:::{bucket}"


def _of_parameter(record: Mapping[str, Any], service: str, name: str, value: object) -> Iterator[str]:
    """Yields the resources that one request parameter names."""
    if isinstance(value, list):
        yield from _of_list(record, service, name, value)
        return
    if not isinstance(value, str):
        return
    known = _NAMED.get(service)
    prefix = "" if known is None else known.get(name)
    if prefix is None:
        return
    if (arn := parsed(value)) is not None:
        if arn.service == service:
            yield exact_key(arn)
        return
    region, account = text(record.get("awsRegion")), text(record.get("recipientAccountId"))
    if name == "queueUrl":
        place, _, queue = value.rpartition("/")
        yield f"sqs:{region}:{place.rpartition('/')[2]}:{queue}"
    elif prefix:
        if service == "lambda":  # the name may be qualified, and may follow its account
            value = value.rpartition("function:")[2].partition(":")[0]
        elif service == "ssm":  # the ARN has one slash, whether or not the name begins with it
            value = value.removeprefix("/")
        yield f"{service}:{region}:{account}:{prefix}{value}"


def _of_list(record: Mapping[str, Any], service: str, name: str, values: list[Any]) -> Iterator[str]:
    """Yields the parameters of GetParameters, the buses of events, and the products of findings."""
    if service == "ssm" and name == "names":
        if len(values) > _MOST_RESOURCES:
            yield _TOO_MANY
        for value in values[:_MOST_RESOURCES]:
            yield from _of_parameter(record, service, "name", value)
    elif (member := _MEMBERS.get((service, name))) is not None:
        if len(values) > _MOST_RESOURCES:
            yield _TOO_MANY
        for entry in values[:_MOST_RESOURCES]:
            if isinstance(entry, dict):
                yield from _of_parameter(record, service, member, entry.get(member))


def text(value: object) -> str:
    """Returns the value if it is a string, else an empty string."""
    return value if isinstance(value, str) else ""
