"""Targets: checks the last link, from a rule to a queue, function, stream or topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trailforward.doctor.delivery.delivery_path import Stage
from trailforward.doctor.delivery.encryption import NAMES, key_allows
from trailforward.doctor.delivery.policies import Request, has_allow, policy_allows
from trailforward.doctor.delivery.roles import request_of, sender, through_role
from trailforward.doctor.world.links import read_arn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.arn import Arn
    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.world.index import PlacedRule, PlacedTarget
    from trailforward.doctor.world.resources import Resource

SNS = "sns.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of a target.

    Attributes:
        action: the action that the sender must be allowed.
        code: the finding if the target's own policy does not allow it.
        needs_role: whether EventBridge needs a role to deliver.
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

#: Services that can be a target in another account, in the same Region.
#: Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html
CROSS_ACCOUNT = frozenset({"sqs", "sns", "lambda", "kinesis", "execute-api", "apigateway"})


def deliver(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget
) -> Iterator[DeliveryPath]:
    """Follows an event from a rule to a target other than a bus, and through a topic to its queues."""
    arn = target.arn
    if arn is None:
        yield path.doubt("NOT_UNDERSTOOD", target.link, what=f"{target.target.arn} is not an ARN")
        return
    path = _is_supported(path, rule, target, arn)
    if path.end is None:
        kind = KINDS.get(arn.service)
        if kind is None:
            yield path.doubt(
                "NOT_UNDERSTOOD", target.link, what=f"{arn.service} is not a target service that it supports"
            )
            return
        resource = query.index.resources.get(target.target.arn)
        if resource is None:
            path = _absent(query, path, target.link, arn)
        if path.end is None:
            path = _with_role(query, path, rule, target, kind)
        if path.end is None and resource is not None:
            yield from _through_resource(query, path, rule, target, kind, resource)
            return
    yield path


def _is_supported(path: DeliveryPath, rule: PlacedRule, target: PlacedTarget, arn: Arn) -> DeliveryPath:
    """Checks that EventBridge supports a target in another Region or account.

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


def _absent(query: Query, path: DeliveryPath, link: str, arn: Arn) -> DeliveryPath:
    """A resource that is not in the world: it is missing, or it was not read."""
    if arn.account not in query.index.accounts:
        return path.doubt("ACCOUNT_NOT_VISIBLE", link, unread=arn.account)
    reason = query.index.unseen("resources", arn.account, arn.region)
    if reason is not None:
        return path.doubt("NOT_SEEN", link, what="resource", reason=reason)
    return path.broken("TARGET_MISSING", link, Stage.ABSENT, missing=f"{arn} does not exist")


def _with_role(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget, kind: Kind
) -> DeliveryPath:
    role = target.target.role
    if role is not None:
        return through_role(query, path, rule, request_of(query, rule, role, kind.action, target.target.arn))
    foreign = target.arn is not None and target.arn.account != rule.bus.account
    if not foreign and not kind.needs_role:
        return path
    reason = "it is in another account" if foreign else "EventBridge writes to streams only with a role"
    return path.broken("TARGET_NO_ROLE", target.link, Stage.ROLE, reason=reason, action=kind.action)


def _through_resource(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget, kind: Kind, resource: Resource
) -> Iterator[DeliveryPath]:
    """Checks the target's policy and key; then it is a destination, or a topic that leads to one."""
    topic = kind.action == "sns:Publish"
    link = f"{'topic' if topic else 'destination'}:{resource.arn}"
    role = target.target.role
    arn = target.arn
    request = request_of(query, rule, role, kind.action, resource.arn)
    needs_allow = role is None or (arn is not None and arn.account != rule.bus.account)
    path = _policy(path.to(link), link, resource, kind, request, needs_allow=needs_allow)
    if path.end is None and role is None:
        path = _key(path, link, resource, request.principal)
    elif path.end is None and resource.encryption and resource.encryption.type != "sqs-managed":
        path = path.note("KMS_WITH_ROLE", link)
    if path.end is None and resource.arn not in query.index.destinations:
        yield from _behind_topic(query, path, link, resource)
        return
    yield path


def _policy(
    path: DeliveryPath, link: str, resource: Resource, kind: Kind, request: Request, *, needs_allow: bool
) -> DeliveryPath:
    """Checks the resource policy. EventBridge sends no source account to Lambda, so such conditions fail.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    code, sent = kind.code, request
    if kind.action == "lambda:InvokeFunction":
        sent = request.without("aws:sourceaccount")
    allowed = policy_allows(resource.policy, sent, needs_allow=needs_allow)
    if allowed is None:
        return path.doubt("NOT_UNDERSTOOD", link, what="its policy has conditions that it does not support")
    if not allowed:
        if sent is not request and policy_allows(resource.policy, request, needs_allow=needs_allow):
            code = "LAMBDA_SOURCE_ACCOUNT"
        source = request.context.get("aws:sourcearn")
        condition = f" with aws:SourceArn = {source}" if source else ""
        return path.broken(code, link, Stage.POLICY, sender=sender(request), condition=condition)
    if not needs_allow and kind.code != "STREAM_POLICY" and has_allow(resource.policy, request) is False:
        return path.note("ROLE_REPLACES_POLICY", link)
    return path


def _key(path: DeliveryPath, link: str, resource: Resource, service: str) -> DeliveryPath:
    encryption = resource.encryption
    allowed = key_allows(encryption, service)
    if allowed or encryption is None:
        return path
    if allowed is None:
        return path.doubt("NOT_UNDERSTOOD", link, what=f"its encryption ({encryption.type})")
    key = NAMES[encryption.type]
    return path.broken("KMS_KEY_POLICY", link, Stage.POLICY, sender=service, key=key)


def _behind_topic(query: Query, path: DeliveryPath, link: str, topic: Resource) -> Iterator[DeliveryPath]:
    """Follows an event from a topic to its subscribed destinations, in any Region and account.

    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-cross-region-delivery.html
    """
    subscribed = [arn for arn in topic.subscriptions or () if arn in query.index.destinations]
    if not subscribed:
        yield path.broken("TARGET_MISSING", link, Stage.ABSENT, missing="no destination is subscribed to it")
    for subscriber in subscribed:
        yield _subscriber(query, path, topic, subscriber)


def _subscriber(query: Query, path: DeliveryPath, topic: Resource, subscriber: str) -> DeliveryPath:
    link = f"destination:{subscriber}"
    path = path.to(link)
    arn = read_arn(subscriber)
    kind = KINDS.get(arn.service) if arn else None
    if arn is None or kind is None:
        return path.doubt("NOT_UNDERSTOOD", link, what="it is not a kind of subscriber that it supports")
    resource = query.index.resources.get(subscriber)
    if resource is None:
        return _absent(query, path, link, arn)
    context = {"aws:sourcearn": topic.arn, "aws:securetransport": "true"}
    request = Request(SNS, kind.action, subscriber, context)
    path = _policy(path, link, resource, kind, request, needs_allow=True)
    return path if path.end else _key(path, link, resource, SNS)
