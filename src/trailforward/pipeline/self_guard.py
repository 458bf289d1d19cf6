"""Guards: events that the forwarder itself caused are never forwarded, or it would feed itself.

How they are recognised: by the function's own role (its sessions, and the services that assume it), and by
the resources a service touched on its behalf; and what an EventBridge sink put on a bus, where a rule sends
it back, by the bus that it names. Without configuration the role is known from the access key
the function runs with, from ``inScopeOf``, or, when an event's session merely bears the function's name,
from STS, asked once. A name alone proves nothing: anybody may choose a session's name.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: A role: (account, name). Names are unique within an account, whatever the path.
Role = tuple[str, str]

_ASSUMERS = frozenset({"lambda.amazonaws.com", "events.amazonaws.com"})

#: Request parameter → (service, prefix of the resource) for the names that calls use instead of ARNs.
_NAMED = {
    "streamName": ("kinesis", "stream/"),
    "deliveryStreamName": ("firehose", "deliverystream/"),
    "functionName": ("lambda", "function:"),
    "logGroupName": ("logs", "log-group:"),
    "keyId": ("kms", "key/"),
}


class SelfGuard:
    """Tells our own events from everybody else's.

    Args:
        own_arns: roles and resources of the pipeline, as configured.
        resources: ARNs the configuration names anyway: sinks, queues.
        function_name: the Lambda function's name, or empty outside Lambda.
        access_key_id: of the credentials the process runs with, or empty.
        ask_role: asks AWS which role this process runs as; None if it does not know.
    """

    def __init__(
        self,
        *,
        own_arns: Iterable[str] = (),
        resources: Iterable[str] = (),
        function_name: str = "",
        access_key_id: str = "",
        ask_role: Callable[[], Role | None] = lambda: None,
    ) -> None:
        arns = [Arn.parse(text) for text in own_arns]
        self._roles = {role for arn in arns if (role := _role(arn)) is not None}
        # A role is no such resource: that some other service assumes it is worth knowing.
        self._resources = {_key(arn) for arn in arns if _role(arn) is None}
        self._resources |= {_key(Arn.parse(text)) for text in resources}
        self._function_name = function_name
        self._function_arn = ""
        self._account = ""
        self._access_key_id = access_key_id
        self._ask_role = ask_role
        self._asked = False

    def learn(self, function_arn: str) -> None:
        """Takes in the function's ARN, which only an invocation's context tells."""
        arn = _parsed(function_arn)
        if arn is None or self._function_arn == _key(arn):
            return
        self._function_arn = _key(arn)
        self._account = arn.account
        # A qualified ARN ends in a version or alias.
        self._function_name = arn.resource.removeprefix("function:").partition(":")[0]
        group = arn._replace(service="logs", resource=f"log-group:/aws/lambda/{self._function_name}")
        self._resources |= {self._function_arn, _key(group)}

    def is_own(self, event: dict[str, Any]) -> bool:
        """Whether the forwarder caused this event. Survives any JSON."""
        if self._came_back(event):
            return True
        record = event.get("detail")
        if not isinstance(record, dict):
            return False
        identity = record.get("userIdentity")
        if not isinstance(identity, dict):
            return False
        kind = identity.get("type")
        if kind == "AssumedRole":
            return self._own_session(identity)
        if kind == "AWSService":
            return self._assumes_own_role(identity, record) or any(
                key in self._resources for key in _touched(record)
            )
        return False

    def _came_back(self, event: dict[str, Any]) -> bool:
        """An event that an EventBridge sink of ours put: AWS's own name no bus that we send to."""
        source = event.get("source")
        if not isinstance(source, str) or source.startswith("aws."):
            return False
        named = event.get("resources")
        if not isinstance(named, list):
            return False
        buses = (arn for arn in map(_parsed, named) if arn is not None and arn.service == "events")
        return any(_key(arn) in self._resources for arn in buses)

    def _own_session(self, identity: dict[str, Any]) -> bool:
        # Nothing is learnt from an event: who can forge one must not be able to hide others by it.
        role = _issuer(identity)
        if role is not None and role in self._roles:
            return True
        if self._access_key_id and identity.get("accessKeyId") == self._access_key_id:
            return True
        scope = identity.get("inScopeOf")
        issued_to = _parsed(scope.get("credentialsIssuedTo")) if isinstance(scope, dict) else None
        if self._function_arn and issued_to is not None and _key(issued_to) == self._function_arn:
            return True
        return self._bears_our_name(identity, role)

    def _bears_our_name(self, identity: dict[str, Any], role: Role | None) -> bool:
        """A session named like the function, in its account: ours, unless our role is known to differ."""
        arn = identity.get("arn")
        if role is None or not self._function_name or not isinstance(arn, str):
            return False
        if not arn.endswith(f"/{self._function_name}") or self._account not in {"", role[0]}:
            return False
        if not self._asked:
            self._asked = True
            if (known := self._ask_role()) is not None:
                self._roles.add(known)
        # Where AWS did not tell, a loop is the greater harm than one hidden session of this very name.
        return role in self._roles if self._roles else True

    def _assumes_own_role(self, identity: dict[str, Any], record: dict[str, Any]) -> bool:
        request = record.get("requestParameters")
        service = identity.get("invokedBy")
        if not isinstance(request, dict) or not isinstance(service, str) or service not in _ASSUMERS:
            return False
        role = _role_in(request.get("roleArn"))
        if role is None:
            return False
        if role in self._roles:
            return True
        # Lambda names the session after the function; nobody else can call as lambda.amazonaws.com.
        return (
            service == "lambda.amazonaws.com"
            and bool(self._function_name)
            and request.get("roleSessionName") == self._function_name
            and self._account in {"", role[0]}
        )


#: Longer texts are not our own resources, and would fill the memory below.
_ARN_CHARACTERS = 2_048


def _parsed(text: object) -> Arn | None:
    return _arn(text) if isinstance(text, str) and len(text) <= _ARN_CHARACTERS else None


@lru_cache(maxsize=1_024)  # the same few roles and resources come again and again
def _arn(text: str) -> Arn | None:
    try:
        return Arn.parse(text)
    except ValueError:
        return None


def _role(arn: Arn) -> Role | None:
    return (arn.account, arn.name) if arn.service == "iam" and arn.resource.startswith("role/") else None


def _role_in(text: object) -> Role | None:
    """The role that an ARN names; None for anything else."""
    return None if (arn := _parsed(text)) is None else _role(arn)


def _issuer(identity: dict[str, Any]) -> Role | None:
    """The role behind a session: ``sessionIssuer.arn``, else what the session's own ARN says."""
    context = identity.get("sessionContext")
    issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
    if isinstance(issuer, dict) and (role := _role_in(issuer.get("arn"))) is not None:
        return role
    arn = _parsed(identity.get("arn"))
    if arn is None:
        return None
    kind, _, rest = arn.resource.partition("/")
    return (arn.account, rest.partition("/")[0]) if kind == "assumed-role" else None


def _key(arn: Arn) -> str:
    """What resources are compared by: without the partition, which names in requests do not tell.

    Versions and aliases stand for their function, log streams for their group, objects for their bucket.
    """
    resource = arn.resource
    if arn.service in {"lambda", "logs"}:
        resource = ":".join(resource.split(":")[:2])
    elif arn.service == "s3":
        resource = resource.partition("/")[0]
    return ":".join((*arn[1:4], resource))


def _touched(record: dict[str, Any]) -> Iterator[str]:
    """Keys of the resources a call touched: from ``resources``, and from the names in the request."""
    resources = record.get("resources")
    for resource in resources if isinstance(resources, list) else ():
        if isinstance(resource, dict) and (arn := _parsed(resource.get("ARN"))) is not None:
            yield _key(arn)
    request = record.get("requestParameters")
    if not isinstance(request, dict):
        return
    # KMS tells in its encryption context for which queue, stream or function it works.
    context = request.get("encryptionContext")
    for named in (request, context if isinstance(context, dict) else {}):
        for name, value in named.items():
            if (arn := _parsed(value)) is not None:
                yield _key(arn)
            elif isinstance(value, str) and (key := _named(name, value, record)):
                yield key


def _named(name: str, value: str, record: dict[str, Any]) -> str:
    """The key of a resource that a request names without its ARN; empty if the parameter names none."""
    region, account = _text(record.get("awsRegion")), _text(record.get("recipientAccountId"))
    if name == "queueUrl":
        place, _, queue = value.rpartition("/")
        return f"sqs:{region}:{place.rpartition('/')[2]}:{queue}"
    if name not in _NAMED:
        return ""
    service, prefix = _NAMED[name]
    # A function's name may be qualified, and may follow its account.
    bare = value.rpartition("function:")[2].partition(":")[0] if service == "lambda" else value
    return f"{service}:{region}:{account}:{prefix}{bare}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
