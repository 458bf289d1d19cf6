"""Targets: the last link, from a rule to a queue, function, stream or topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trailforward.doctor.delivery.keys import NAMES, key_admits
from trailforward.doctor.delivery.path import Stage
from trailforward.doctor.delivery.policies import Request, admits, granted
from trailforward.doctor.delivery.roles import request_of, sender, through_role
from trailforward.doctor.links import read_arn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.arn import Arn
    from trailforward.doctor.delivery.path import Path
    from trailforward.doctor.delivery.trip import Trip
    from trailforward.doctor.index import PlacedRule, PlacedTarget
    from trailforward.doctor.parts import Resource

SNS = "sns.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of target.

    Attributes:
        action: what the sender must be allowed to do.
        code: the finding when the target's own policy does not let it.
        needs_role: whether EventBridge cannot deliver without a role.
    """

    action: str
    code: str
    needs_role: bool = False


#: Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
KINDS = {
    "sqs": Kind("sqs:SendMessage", "QUEUE_POLICY"),
    "sns": Kind("sns:Publish", "TOPIC_POLICY"),
    "lambda": Kind("lambda:InvokeFunction", "LAMBDA_POLICY_MISSING"),
    "kinesis": Kind("kinesis:PutRecord", "STREAM_POLICY", needs_role=True),
    "firehose": Kind("firehose:PutRecord", "STREAM_POLICY", needs_role=True),
}

#: Services that take events from another account's rule, in the same Region.
#: Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html
CROSS_ACCOUNT = frozenset({"sqs", "sns", "lambda", "kinesis", "execute-api", "apigateway"})


def deliver(trip: Trip, path: Path, rule: PlacedRule, target: PlacedTarget) -> Iterator[Path]:
    """From a rule to a target that is no bus, and behind a topic to its queues."""
    arn = target.arn
    if arn is None:
        yield path.doubt("NOT_UNDERSTOOD", target.link, what=f"{target.target.arn} is no ARN")
        return
    path = _legal(path, rule, target, arn)
    if path.end is None:
        kind = KINDS.get(arn.service)
        if kind is None:
            yield path.doubt("NOT_UNDERSTOOD", target.link, what=f"targets of the kind {arn.service}")
            return
        resource = trip.index.resources.get(target.target.arn)
        if resource is None:
            path = _absent(trip, path, target.link, arn)
        if path.end is None:
            path = _with_role(trip, path, rule, target, kind)
        if path.end is None and resource is not None:
            yield from _admitted(trip, path, rule, target, kind, resource)
            return
    yield path


def _legal(path: Path, rule: PlacedRule, target: PlacedTarget, arn: Arn) -> Path:
    """Only a bus may be elsewhere; some services may be of another account.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html
    """
    here = rule.bus
    if arn.region != here.region:
        return path.broken(
            "TARGET_CROSS_REGION_UNSUPPORTED",
            target.link,
            Stage.TARGET_KIND,
            there=arn.region or "no Region",
            here=here.region,
        )
    if arn.account != here.account and arn.service not in CROSS_ACCOUNT:
        return path.broken(
            "TARGET_CROSS_ACCOUNT_UNSUPPORTED",
            target.link,
            Stage.TARGET_KIND,
            service=arn.service,
            there=arn.account,
            here=here.account,
        )
    return path


def _absent(trip: Trip, path: Path, link: str, arn: Arn) -> Path:
    """Something that is not in the world: missing, or not looked at."""
    if arn.account not in trip.index.accounts:
        return path.doubt("ACCOUNT_NOT_VISIBLE", link, unread=arn.account)
    reason = trip.index.unseen("resources", arn.account, arn.region)
    if reason is not None:
        return path.doubt("NOT_SEEN", link, what="resource", reason=reason)
    return path.broken("TARGET_MISSING", link, Stage.ABSENT, missing=f"{arn} does not exist")


def _with_role(trip: Trip, path: Path, rule: PlacedRule, target: PlacedTarget, kind: Kind) -> Path:
    role = target.target.role
    if role is not None:
        return through_role(trip, path, rule, request_of(trip, rule, role, kind.action, target.target.arn))
    foreign = target.arn is not None and target.arn.account != rule.bus.account
    if not foreign and not kind.needs_role:
        return path
    reason = "it is in another account" if foreign else "EventBridge writes to streams through one only"
    return path.broken("TARGET_NO_ROLE", target.link, Stage.ROLE, reason=reason, action=kind.action)


def _admitted(
    trip: Trip, path: Path, rule: PlacedRule, target: PlacedTarget, kind: Kind, resource: Resource
) -> Iterator[Path]:
    """The target's own policy and key; then it is a destination, or a topic that goes on."""
    topic = kind.action == "sns:Publish"
    link = f"{'topic' if topic else 'destination'}:{resource.arn}"
    role = target.target.role
    arn = target.arn
    request = request_of(trip, rule, role, kind.action, resource.arn)
    needs_allow = role is None or (arn is not None and arn.account != rule.bus.account)
    path = _policy(path.to(link), link, resource, kind, request, needs_allow=needs_allow)
    if path.end is None and role is None:
        path = _key(path, link, resource, request.principal)
    elif path.end is None and resource.encryption and resource.encryption.type != "sqs-managed":
        path = path.note("KMS_WITH_ROLE", link)
    if path.end is None and resource.arn not in trip.index.destinations:
        yield from _behind_topic(trip, path, link, resource)
        return
    yield path


def _policy(
    path: Path, link: str, resource: Resource, kind: Kind, request: Request, *, needs_allow: bool
) -> Path:
    """The resource policy. A function's sees no account of the sender, whatever its condition asks.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    code, seen = kind.code, request
    if kind.action == "lambda:InvokeFunction":
        seen = request.without("aws:sourceaccount")
    admitted = admits(resource.policy, seen, needs_allow=needs_allow)
    if admitted is None:
        return path.doubt("NOT_UNDERSTOOD", link, what="its policy has conditions outside the model")
    if not admitted:
        if seen is not request and admits(resource.policy, request, needs_allow=needs_allow):
            code = "LAMBDA_SOURCE_ACCOUNT"
        source = request.context.get("aws:sourcearn")
        condition = f" with aws:SourceArn = {source}" if source else ""
        return path.broken(code, link, Stage.POLICY, sender=sender(request), condition=condition)
    if not needs_allow and kind.code != "STREAM_POLICY" and granted(resource.policy, request) is False:
        return path.note("ROLE_REPLACES_POLICY", link)
    return path


def _key(path: Path, link: str, resource: Resource, service: str) -> Path:
    encryption = resource.encryption
    answer = key_admits(encryption, service)
    if answer or encryption is None:
        return path
    if answer is None:
        return path.doubt("NOT_UNDERSTOOD", link, what=f"its encryption ({encryption.type})")
    key = NAMES[encryption.type]
    return path.broken("KMS_KEY_POLICY", link, Stage.POLICY, sender=service, key=key)


def _behind_topic(trip: Trip, path: Path, link: str, topic: Resource) -> Iterator[Path]:
    """From a topic to the destinations that are subscribed, in any Region and account.

    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-cross-region-delivery.html
    """
    subscribed = [arn for arn in topic.subscriptions or () if arn in trip.index.destinations]
    if not subscribed:
        yield path.broken("TARGET_MISSING", link, Stage.ABSENT, missing="no destination is subscribed to it")
    for subscriber in subscribed:
        yield _subscriber(trip, path, topic, subscriber)


def _subscriber(trip: Trip, path: Path, topic: Resource, subscriber: str) -> Path:
    link = f"destination:{subscriber}"
    path = path.to(link)
    arn = read_arn(subscriber)
    kind = KINDS.get(arn.service) if arn else None
    if arn is None or kind is None:
        return path.doubt("NOT_UNDERSTOOD", link, what="subscribers of this kind")
    resource = trip.index.resources.get(subscriber)
    if resource is None:
        return _absent(trip, path, link, arn)
    context = {"aws:sourcearn": topic.arn, "aws:securetransport": "true"}
    request = Request(SNS, kind.action, subscriber, context)
    path = _policy(path, link, resource, kind, request, needs_allow=True)
    return path if path.end else _key(path, link, resource, SNS)
