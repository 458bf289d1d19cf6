"""Self-guard: events that the pipeline causes are not forwarded, to avoid loops. Nothing else is hidden.

An event is the pipeline's own if it is

- one of the calls that the configuration makes, on its own resources, by the function's proven role;
- a delivery by an AWS service to a queue, function, role, log group, or key of the pipeline;
- an event that an EventBridge sink put on its own bus;
- an event about a finding that a Security Hub sink imported; or
- an event about the status of an execution of a state machine that a Step Functions sink starts.

A role is proven by ``own_arns``, by the access key of the process, by ``inScopeOf``, or by STS. The name of a
session proves nothing, because anybody who may assume a role chooses it. Nothing is learned from events.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn
from trailforward.aws.own_calls import OwnCall, OwnCalls, key_of, log_call, named_resources, parsed, text
from trailforward.config.own import own_calls, own_events, own_findings, own_resources, own_state_machines
from trailforward.pipeline.role_lookup import Role, RoleLookup
from trailforward.pipeline.service_calls import ASSUMERS, DELIVERIES, KEY_USES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from trailforward.aws.own_calls import OwnEvent
    from trailforward.config import Config

#: Most queues and streams whose polling is learned from payloads.
_MOST_SOURCES = 8
_SECURITY_HUB, _STEP_FUNCTIONS = "aws.securityhub", "aws.states"
_STATUS_CHANGE = "Step Functions Execution Status Change"
_GET_CALLER_IDENTITY = ("sts.amazonaws.com", "GetCallerIdentity")


class Author(Enum):
    """Who caused an event."""

    OTHERS = "others"
    #: The pipeline, by its regular work: the event is not forwarded.
    PIPELINE = "self"
    #: The function's role, with a call that the pipeline never makes.
    UNUSUAL_SELF = "unusual_self"


class SelfGuard:
    """Decides who caused an event: the pipeline or others.

    Args:
        own_arns: roles and resources of the pipeline that AWS services deliver to.
        calls: the AWS calls that the configuration causes.
        events: the events that its EventBridge sinks put on buses.
        findings: the start of the IDs of the findings that its Security Hub sinks import.
        state_machines: ARNs of the state machines that its Step Functions sinks start.
        function_name: the Lambda function's name, or empty outside Lambda.
        access_key_id: access key ID of the process's credentials, or empty.
        log_group: name of the function's log group, or empty if unknown.
        ask_role: asks AWS which role this process runs as, see :class:`RoleLookup`; None never asks.

    Raises:
        ValueError: a resource is not an ARN.
    """

    def __init__(  # noqa: PLR0913  # independent facts
        self,
        *,
        own_arns: Iterable[str] = (),
        calls: Iterable[OwnCall] = (),
        events: Iterable[OwnEvent] = (),
        findings: Iterable[str] = (),
        state_machines: Iterable[str] = (),
        function_name: str = "",
        access_key_id: str = "",
        log_group: str = "",
        ask_role: Callable[[], Role | None] | None = None,
    ) -> None:
        arns = [Arn.parse(arn) for arn in own_arns]
        self._roles = {role for arn in arns if (role := _role(arn)) is not None}
        resources = [arn for arn in arns if _role(arn) is None]
        self._sources_known = any(arn.service in {"sqs", "kinesis"} for arn in resources)
        self._resources = {key_of(arn) for arn in resources}
        calls = list(calls)
        self._calls = OwnCalls(calls)
        #: What KMS names in its encryption context, or as the key.
        self._encrypted = self._resources | _keys(calls)
        self._events = {(event.source, event.detail_type, key_of(Arn.parse(event.bus))) for event in events}
        self._findings = tuple(findings)
        self._state_machines = {key_of(Arn.parse(arn)) for arn in state_machines}
        self._sources = {source for source, _, _ in self._events}
        self._sources |= {_SECURITY_HUB} if self._findings else set()
        self._sources |= {_STEP_FUNCTIONS} if self._state_machines else set()
        self._function_name = function_name
        self._log_group = log_group
        self._function_arn = ""
        self._region = self._account = ""
        self._access_key_id = access_key_id
        self._lookup = None if ask_role is None else RoleLookup(ask_role)
        self._learned = 0

    def learn(self, function_arn: str) -> None:
        """Stores the function's ARN, which only an invocation's context contains."""
        arn = parsed(function_arn)
        if arn is None or self._function_arn == key_of(arn):
            return
        self._function_arn = key_of(arn)
        self._region, self._account = arn.region, arn.account
        # A qualified ARN ends in a version or alias.
        self._function_name = arn.resource.removeprefix("function:").partition(":")[0]
        own = [self._function_arn]
        for name in {self._log_group, f"/aws/lambda/{self._function_name}"} - {""}:
            group = arn._replace(service="logs", resource=f"log-group:{name}")
            own.append(key_of(group))
            self._calls.add(log_call(group))
        self._resources.update(own)
        self._encrypted.update(own)
        self._encrypted |= _keys(self._calls.resolve(self._account))

    def learn_source(self, arn: Arn, calls: Iterable[OwnCall]) -> None:
        """Stores a queue or stream that Lambda polls for the function, as a payload names it.

        Anybody who may invoke the function can write such a payload. So this applies only if ``own_arns``
        names neither, only in the function's own account and Region, and only to a few of them.

        Args:
            arn: ARN of the queue or stream.
            calls: the calls that polling makes there with the function's role.
        """
        if self._sources_known or self._learned >= _MOST_SOURCES or (key := key_of(arn)) in self._encrypted:
            return
        if (arn.region, arn.account) == (self._region, self._account):
            self._learned += 1
            self._encrypted.add(key)
            for call in calls:
                self._calls.add(call)

    def author(self, event: dict[str, Any]) -> Author:
        """Returns who caused an event. Never raises, whatever the JSON value."""
        source = event.get("source")
        if isinstance(source, str) and source in self._sources and self._came_back(source, event):
            return Author.PIPELINE
        record = event.get("detail")
        identity = record.get("userIdentity") if isinstance(record, dict) else None
        if not isinstance(record, dict) or not isinstance(identity, dict):
            return Author.OTHERS
        kind = identity.get("type")
        if kind == "AssumedRole" and self._own_session(identity):
            return Author.PIPELINE if self._own_call(identity, record) else Author.UNUSUAL_SELF
        if kind == "AWSService" and self._delivery(text(identity.get("invokedBy")), record):
            return Author.PIPELINE
        return Author.OTHERS

    def is_own(self, event: dict[str, Any]) -> bool:
        """Whether the pipeline caused an event by its regular work, so that it must not be forwarded."""
        return self.author(event) is Author.PIPELINE

    def _came_back(self, source: str, event: dict[str, Any]) -> bool:
        """Whether a sink caused an event: by its shape and bus, by IDs of findings, or by state machine."""
        if source == _SECURITY_HUB:
            return self._imported(event.get("detail"))
        if source == _STEP_FUNCTIONS:
            detail = event.get("detail") if event.get("detail-type") == _STATUS_CHANGE else None
            arn = parsed(detail.get("stateMachineArn")) if isinstance(detail, dict) else None
            return arn is not None and key_of(arn) in self._state_machines
        detail_type, named = event.get("detail-type"), event.get("resources")
        if not isinstance(detail_type, str) or not isinstance(named, list) or len(named) != 1:
            return False
        bus = parsed(named[0])
        return bus is not None and (source, detail_type, key_of(bus)) in self._events

    def _imported(self, detail: object) -> bool:
        """Whether an event is about findings of the pipeline alone, in ASFF or OCSF."""
        found = detail.get("findings") if isinstance(detail, dict) else None
        return (
            isinstance(found, list)
            and bool(found)
            and all(_finding_id(one).startswith(self._findings) for one in found)
        )

    def _own_session(self, identity: dict[str, Any]) -> bool:
        """Whether a session belongs to a proven role."""
        role = _issuer(identity)
        if role is not None and role in self._roles:
            return True
        if self._access_key_id and identity.get("accessKeyId") == self._access_key_id:
            return True
        scope = identity.get("inScopeOf")
        issued_to = parsed(scope.get("credentialsIssuedTo")) if isinstance(scope, dict) else None
        if self._function_arn and issued_to is not None and key_of(issued_to) == self._function_arn:
            return True
        arn = identity.get("arn")
        return isinstance(arn, str) and self._proven_by_sts(role, arn.rpartition("/")[2])

    def _proven_by_sts(self, role: Role | None, session: object) -> bool:
        """Whether STS has named this role as the function's. Calls STS if a session has the function's name.

        If ``own_arns`` names a role of the function's account, it is the function's, and STS is not called.
        """
        lookup = self._lookup
        if lookup is None or role is None:
            return False
        if lookup.role is not None:
            self._roles.add(lookup.role)
            return role == lookup.role
        if (
            self._function_name
            and session == self._function_name
            and self._account in {"", role[0]}
            and not any(account == role[0] for account, _ in self._roles)
        ):
            lookup.start()
        return False

    def _own_call(self, identity: dict[str, Any], record: dict[str, Any]) -> bool:
        """Whether this call of a proven role is one that the pipeline makes."""
        if record in self._calls:
            return True
        invoked_by = text(identity.get("invokedBy"))
        # A call that a service made with the role: a delivery, or the use of a key.
        if self._delivery(invoked_by or text(record.get("sourceIPAddress")), record):
            return True
        if record.get("eventSource") == "kms.amazonaws.com":
            return self._uses_own_key(record, by_service=bool(invoked_by))
        called = (record.get("eventSource"), record.get("eventName"))
        return called == _GET_CALLER_IDENTITY and self._lookup is not None and self._lookup.role is not None

    def _delivery(self, service: str, record: dict[str, Any]) -> bool:
        """Whether an AWS service delivers to the pipeline with this call."""
        if service not in DELIVERIES:
            return False
        event_source, name = text(record.get("eventSource")), text(record.get("eventName"))
        target = event_source.partition(".")[0]
        if target == "sts":
            return name == "AssumeRole" and service in ASSUMERS and self._assumes_own_role(service, record)
        if target == "kms":
            return self._uses_own_key(record, by_service=True)
        if (target, name) not in DELIVERIES[service]:
            return False
        named = list(named_resources(record, target))
        if target == "s3":
            named = [key.partition("/")[0] for key in named]
        return bool(named) and all(key in self._resources for key in named)

    def _assumes_own_role(self, service: str, record: dict[str, Any]) -> bool:
        request = record.get("requestParameters")
        arn = parsed(request.get("roleArn")) if isinstance(request, dict) else None
        role = None if arn is None else _role(arn)
        if role is None or not isinstance(request, dict):
            return False
        if role in self._roles:
            return True
        return service == "lambda.amazonaws.com" and self._proven_by_sts(role, request.get("roleSessionName"))

    def _uses_own_key(self, record: dict[str, Any], *, by_service: bool) -> bool:
        """Whether a key is used for the pipeline's resources, by its encryption context or its ARN.

        The pipeline never calls KMS itself. Lambda does with its role, for the function's environment.
        """
        name = text(record.get("eventName"))
        if name not in KEY_USES:
            return False
        request = record.get("requestParameters")
        context = request.get("encryptionContext") if isinstance(request, dict) else None
        values = list(context.items()) if isinstance(context, dict) else []
        if not by_service:
            own = self._function_arn
            arn = parsed(dict(values).get("aws:lambda:FunctionArn"))
            return (
                bool(own) and record.get("eventName") == "Decrypt" and arn is not None and key_of(arn) == own
            )
        if any((arn := parsed(value)) is not None and key_of(arn) in self._encrypted for _, value in values):
            return True
        # Not the request's key, which may be an alias.
        named = list(named_resources({"resources": record.get("resources")}, "kms"))
        return bool(named) and all(key in self._resources for key in named)


def _keys(calls: Iterable[OwnCall]) -> set[str]:
    """Returns the keys of the resources that calls act on."""
    return {key_of(Arn.parse(call.resource)) for call in calls if call.resource != "*"}


def _finding_id(finding: object) -> str:
    if not isinstance(finding, dict):
        return ""
    info = finding.get("finding_info")
    return text(finding.get("Id")) or text(info.get("uid") if isinstance(info, dict) else None)


def _role(arn: Arn) -> Role | None:
    return (arn.account, arn.name) if arn.service == "iam" and arn.resource.startswith("role/") else None


def _issuer(identity: dict[str, Any]) -> Role | None:
    """Returns the role of a session, from ``sessionIssuer.arn`` or else from the session's ARN."""
    context = identity.get("sessionContext")
    issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
    if isinstance(issuer, dict) and (arn := parsed(issuer.get("arn"))) is not None:
        role = _role(arn)
        if role is not None:
            return role
    arn = parsed(identity.get("arn"))
    if arn is None:
        return None
    kind, _, rest = arn.resource.partition("/")
    return (arn.account, rest.partition("/")[0]) if kind == "assumed-role" else None


def build_guard(config: Config, environ: Mapping[str, str] | None = None) -> SelfGuard:
    """The guard of a configuration; with the environment of a Lambda function, also of that function."""
    environ = environ or {}
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    direct = config.pipeline.aws_client == "direct"
    return SelfGuard(
        own_arns=own_resources(config),
        calls=own_calls(config, environ.get("TRAILFORWARD_CONFIG", ""), region),
        events=own_events(config),
        findings=own_findings(config),
        state_machines=own_state_machines(config),
        function_name=function_name,
        access_key_id=environ.get("AWS_ACCESS_KEY_ID", "") if function_name else "",
        log_group=environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "") if function_name else "",
        ask_role=(lambda: _ask_role(region, direct=direct)) if function_name else None,
    )


def _ask_role(region: str | None, *, direct: bool) -> tuple[str, str] | None:
    from trailforward.aws.client import caller_role

    return caller_role(region, direct=direct)
