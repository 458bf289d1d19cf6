"""Calls: what a pipeline, and AWS services around it, call on its own roles and resources.

The calls of the function come from the code that makes them: each sink, each source, and the secrets
declare their own. Those of AWS services come from the table of the self-guard.
"""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward import sinks
from trailforward.aws.own_calls import OwnCall, state_call
from trailforward.aws.secrets import secret_call
from trailforward.doctor.rules.read_only import read_only
from trailforward.doctor.world.call import Call
from trailforward.doctor.world.data_events import category_of, resource_type
from trailforward.doctor.world.links import read_arn
from trailforward.errors import SettingError
from trailforward.pipeline.service_calls import DELIVERIES
from trailforward.sources._own_calls import reading_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.arn import Arn
    from trailforward.doctor.world.world import World

_EVENTS, _SNS, _LAMBDA = (f"{name}.amazonaws.com" for name in ("events", "sns", "lambda"))


class LoopCall(NamedTuple):
    """A call that the pipeline makes, or that is made for it.

    Attributes:
        own: the pipeline's role or resource.
        call: the call.
        certain: whether AWS documents how the call is recorded, and its Region is known.
    """

    own: str
    call: Call
    certain: bool = True


def loop_calls(world: World) -> Iterator[LoopCall]:
    """All calls that may return to the pipeline, for each of its roles and resources."""
    places = _Places(world)
    for text in world.own.resources:
        arn = read_arn(text)
        if arn is not None:
            yield from _to_resource(text, arn, places)
    for role in world.own.roles:
        if arn := read_arn(role):
            yield from _with_role(role, arn, places)


class _Places:
    """Where the rules of a world use the pipeline's roles and resources."""

    def __init__(self, world: World) -> None:
        self.accounts = world.accounts
        #: Target or dead-letter queue → the roles with which EventBridge delivers; None without a role.
        self.deliveries: dict[str, set[str | None]] = {}
        #: Role → the Regions in which EventBridge assumes it.
        self.assumed: dict[str, set[str]] = {}
        for rule in world.rules:
            for target in rule.targets:
                role = target.role or rule.role
                self.deliveries.setdefault(target.arn, set()).add(role)
                if target.dlq:
                    self.deliveries.setdefault(target.dlq, set()).add(None)
                if role is not None:
                    self.assumed.setdefault(role, set()).add(rule.region)
        #: Queues and other subscribers of topics.
        self.subscribers = {
            item if isinstance(item, str) else item.endpoint
            for topic in world.resources
            for item in topic.subscriptions or ()
        }
        parsed = {role: arn for role in world.own.roles if (arn := read_arn(role))}
        #: Account → the roles of functions, as far as known; otherwise all own roles.
        self.function_roles: dict[str, list[str]] = {}
        for chosen in ([role for role in parsed if role not in self.assumed], list(parsed)):
            found = {parsed[role].account for role in chosen} - self.function_roles.keys()
            for account in found:
                self.function_roles[account] = [role for role in chosen if parsed[role].account == account]
        #: Account → the Regions of its own resources, in which its function runs.
        self.regions: dict[str, set[str]] = {}
        for text in world.own.resources:
            if (arn := read_arn(text)) and arn.account and arn.region:
                self.regions.setdefault(arn.account, set()).add(arn.region)


def _to_resource(text: str, arn: Arn, places: _Places) -> Iterator[LoopCall]:
    """The deliveries of AWS services to a resource, and the calls of the function on it."""
    for role in sorted(places.deliveries.get(text, ()), key=str):
        identity = _service(_EVENTS) if role is None else {**_session(role), "invokedBy": _EVENTS}
        yield from _delivered(text, arn, _EVENTS, identity)
    if text in places.subscribers:
        yield from _delivered(text, arn, _SNS, _service(_SNS))
    for account in [arn.account] if arn.account else sorted(places.function_roles):
        regions = [arn.region] if arn.region else sorted(places.accounts.get(account, ()))
        for role, region in product(places.function_roles.get(account, ()), regions):
            for made in _own_calls(text, arn, region):
                yield from _calls(text, made, (account, region), _session(role), certain=bool(arn.region))
    if arn.service == "events":
        yield from _returning(text, arn)


def _with_role(role: str, arn: Arn, places: _Places) -> Iterator[LoopCall]:
    """AWS services assume the role every few minutes; the function asks once who it is.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
    """
    for region in sorted(places.assumed.get(role, ())):
        yield LoopCall(role, _sts("AssumeRole", arn.account, region, _service(_EVENTS), {"roleArn": role}))
    if role not in places.assumed:
        for region in sorted(places.regions.get(arn.account, ())):
            yield LoopCall(
                role, _sts("AssumeRole", arn.account, region, _service(_LAMBDA), {"roleArn": role})
            )
            yield LoopCall(role, _sts("GetCallerIdentity", arn.account, region, _session(role), None))


def _own_calls(text: str, arn: Arn, region: str) -> Iterator[OwnCall]:
    """The calls of the function on a resource: as a sink, as a source, or as a secret."""
    to = text
    if arn.service == "s3":  # a sink names the Region, which a bucket's ARN does not contain
        bucket, _, prefix = arn.resource.partition("/")
        to = f"s3://{bucket}/{prefix.removesuffix('*').rstrip('/')}?region={region}"
    kind = next((name for name, shape in sinks.SHAPES.items() if re.match(shape, to)), None)
    # A resource of another kind, such as the ARN of a rule, can be neither a sink nor a secret.
    with suppress(ValueError):
        if kind is not None:
            yield from sinks.load(kind).Settings(to=to).own_calls
    with suppress(ValueError):
        if arn.service in {"secretsmanager", "ssm"}:
            yield secret_call(text)
    if arn.service == "dynamodb":
        yield state_call(text)
    yield from reading_calls(arn)


def _delivered(text: str, arn: Arn, service: str, identity: dict[str, Any]) -> Iterator[LoopCall]:
    names = tuple(sorted(name for target, name in DELIVERIES[service] if target == arn.service))
    made = OwnCall(f"{arn.service}.amazonaws.com", names, str(arn))
    yield from _calls(text, made, (arn.account, arn.region), identity)


def _calls(
    text: str, made: OwnCall, place: tuple[str, str], identity: dict[str, Any], *, certain: bool = True
) -> Iterator[LoopCall]:
    for name in made.names:
        category = category_of(made.source, name)
        data = category != "Management"  # what every delivery does is never a management event
        kind = resource_type(made.source)  # if it is not known, a selector may select the event
        resource = {"type": kind, "arn": made.resource.replace("*", "example")}
        call = Call(
            account=place[0],
            region=place[1],
            service=made.source,
            event_name=name,
            read_only=read_only(name),
            category="Data" if data else "Management",
            identity=identity,
            resources=[resource] if data and kind else (),
        )
        yield LoopCall(text, call, certain=certain and category is not None)


def _returning(text: str, arn: Arn) -> Iterator[LoopCall]:
    """The event that an EventBridge sink puts on its bus, from where a rule may send it back."""
    try:
        event = sinks.load("eventbridge").Settings(to=text).own_event
    except SettingError:
        return  # not a bus
    call = Call(
        account=arn.account,
        region=arn.region,
        service=_EVENTS,
        event_name="PutEvents",
        via="PutEvents",
        bus=arn.resource.removeprefix("event-bus/"),
        source=event.source,
        detail_type=event.detail_type,
    )
    yield LoopCall(text, call)


def _service(name: str) -> dict[str, Any]:
    return {"type": "AWSService", "invokedBy": name}


def _session(role: str) -> dict[str, Any]:
    return {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}}}


def _sts(
    name: str, account: str, region: str, identity: dict[str, Any], request: dict[str, Any] | None
) -> Call:
    return Call(
        account=account,
        region=region,
        service="sts.amazonaws.com",
        event_name=name,
        read_only=True,
        identity=identity,
        request_parameters=request,
        endpoint="regional",
    )
