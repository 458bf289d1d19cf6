"""Guards: events that the forwarder itself caused are never forwarded, or it would feed itself.

How they are recognised: by the function's own role (its sessions, and the services that assume it), and by
the resources a service touched on its behalf. Without configuration the role is known from the access key
the function runs with, from ``inScopeOf``, or, when an event's session merely bears the function's name,
from STS, asked once. A name alone proves nothing: anybody may choose a session's name.
"""

from __future__ import annotations

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
        self._resources = {_key(arn) for arn in arns}
        self._resources |= {_key(Arn.parse(text)) for text in resources}
        self._function_name = function_name
        self._function_arn = ""
        self._account = ""
        self._access_key_id = access_key_id
        self._ask_role = ask_role
        self._asked = False

    def learn(self, function_arn: str) -> None:
        """Takes in the function's ARN, which only an invocation's context tells."""
        if function_arn == self._function_arn:
            return
        try:
            arn = Arn.parse(function_arn)
        except ValueError:
            return
        self._function_arn = function_arn
        self._account = arn.account
        # A qualified ARN ends in a version or alias.
        self._function_name = arn.resource.removeprefix("function:").partition(":")[0]
        function = arn._replace(resource=f"function:{self._function_name}")
        self._resources.add(_key(function))
        group = arn._replace(service="logs", resource=f"log-group:/aws/lambda/{self._function_name}")
        self._resources.add(_key(group))

    def is_own(self, event: dict[str, Any]) -> bool:
        """Whether the forwarder caused this event. Survives any JSON."""
        record = event.get("detail")
        identity = record.get("userIdentity") if isinstance(record, dict) else None
        if not isinstance(record, dict) or not isinstance(identity, dict):
            return False
        if identity.get("type") == "AssumedRole":
            return self._own_session(identity)
        if identity.get("type") == "AWSService":
            return self._assumes_own_role(identity, record) or any(
                key in self._resources for key in _touched(record)
            )
        return False

    def _own_session(self, identity: dict[str, Any]) -> bool:
        role = _issuer(identity)
        if role is not None and role in self._roles:
            return True
        key = identity.get("accessKeyId")
        scope = identity.get("inScopeOf")
        issued_to = scope.get("credentialsIssuedTo") if isinstance(scope, dict) else None
        by_key = bool(self._access_key_id) and key == self._access_key_id
        by_scope = bool(self._function_arn) and _unqualified(issued_to) == _unqualified(self._function_arn)
        if by_key or by_scope:
            if role is not None:
                self._roles.add(role)  # the other environments of this function share it
            return True
        return self._bears_our_name(identity, role)

    def _bears_our_name(self, identity: dict[str, Any], role: Role | None) -> bool:
        """A session named like the function, in its account: ours, unless our role is known to differ."""
        arn = identity.get("arn")
        if role is None or not self._function_name or not isinstance(arn, str):
            return False
        if not arn.endswith(f"/{self._function_name}") or (self._account and role[0] != self._account):
            return False
        if not self._asked:
            self._asked = True
            if (known := self._ask_role()) is not None:
                self._roles.add(known)
        # Where AWS did not tell, a loop is the greater harm than one hidden session of this very name.
        return role in self._roles if self._roles else True

    def _assumes_own_role(self, identity: dict[str, Any], record: dict[str, Any]) -> bool:
        request = record.get("requestParameters")
        if identity.get("invokedBy") not in _ASSUMERS or not isinstance(request, dict):
            return False
        role = _parsed_role(request.get("roleArn"))
        if role is None:
            return False
        if role in self._roles:
            return True
        # Lambda names the session after the function; nobody else can call as lambda.amazonaws.com.
        return (
            identity.get("invokedBy") == "lambda.amazonaws.com"
            and bool(self._function_name)
            and request.get("roleSessionName") == self._function_name
            and self._account in {"", role[0]}
        )


def _role(arn: Arn) -> Role | None:
    return (arn.account, arn.name) if arn.service == "iam" and arn.resource.startswith("role/") else None


def _parsed_role(text: object) -> Role | None:
    if not isinstance(text, str):
        return None
    try:
        return _role(Arn.parse(text))
    except ValueError:
        return None


def _issuer(identity: dict[str, Any]) -> Role | None:
    """The role behind a session: ``sessionIssuer.arn``, else what the session's own ARN says."""
    context = identity.get("sessionContext")
    issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
    role = _parsed_role(issuer.get("arn")) if isinstance(issuer, dict) else None
    if role is not None:
        return role
    try:
        arn = Arn.parse(str(identity.get("arn")))
    except ValueError:
        return None
    kind, _, rest = arn.resource.partition("/")
    return (arn.account, rest.partition("/")[0]) if kind == "assumed-role" else None


def _unqualified(arn: object) -> str:
    """A function's ARN without version or alias."""
    return ":".join(str(arn).split(":")[:7])


def _key(arn: Arn) -> str:
    """An ARN without its partition, as names in requests do not tell it; log groups without their ``:*``."""
    return ":".join(arn[1:]).removesuffix(":*")


def _touched(record: dict[str, Any]) -> Iterator[str]:
    """Keys of the resources a call touched: from ``resources``, and from the names in the request."""
    resources = record.get("resources")
    for resource in resources if isinstance(resources, list) else ():
        if isinstance(resource, dict):
            yield from _parsed_key(resource.get("ARN"))
    request = record.get("requestParameters")
    if not isinstance(request, dict):
        return
    place = f"{record.get('awsRegion')}:{record.get('recipientAccountId')}"
    for name, value in request.items():
        if not isinstance(value, str):
            continue
        if name in _NAMED and not value.startswith("arn:"):
            service, prefix = _NAMED[name]
            yield f"{service}:{place}:{prefix}{value}"
        elif name == "queueUrl":
            account, _, queue = value.rpartition("/")
            yield f"sqs:{record.get('awsRegion')}:{account.rpartition('/')[2]}:{queue}"
        else:
            yield from _parsed_key(value)


def _parsed_key(text: object) -> Iterator[str]:
    if isinstance(text, str) and text.startswith("arn:"):
        try:
            yield _key(Arn.parse(text))
        except ValueError:
            return
