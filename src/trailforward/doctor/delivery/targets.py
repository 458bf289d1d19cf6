"""Targets: checks the last link, from a rule to a queue, function, stream or topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.api_destinations import through_connection
from trailforward.doctor.delivery.delivery_path import Stage
from trailforward.doctor.delivery.encryption import through_key
from trailforward.doctor.delivery.known_steps import from_target
from trailforward.doctor.delivery.resource_policies import absent, kind_of, through_policy
from trailforward.doctor.delivery.roles import request_of, through_role
from trailforward.doctor.delivery.topics import behind_topic
from trailforward.doctor.world.unknown import is_one_value, is_unknown, why_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.arn import Arn
    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.delivery.resource_policies import Kind
    from trailforward.doctor.world.index import PlacedRule, PlacedTarget
    from trailforward.doctor.world.resources import Resource

#: Services that can be a target in another account, in the same Region.
#: Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html
CROSS_ACCOUNT = frozenset({"sqs", "sns", "lambda", "kinesis", "execute-api", "apigateway"})


def deliver(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget
) -> Iterator[DeliveryPath]:
    """Follows an event from a rule to a target other than a bus, and through a topic to its queues."""
    text, arn = target.target.arn, target.arn
    named = arn is not None and text in query.index.resources and is_one_value(text)
    if is_unknown(text) and not named:
        yield path.doubt("VALUE_UNKNOWN", target.link, what="the target's ARN", value=why_unknown(text))
        return
    if arn is None:
        yield path.doubt("NOT_UNDERSTOOD", target.link, what=f"{text} is not an ARN")
        return
    path = _is_supported(path, rule, target, arn)
    if path.end is not None:
        yield path
        return
    kind = kind_of(arn)
    if kind is None:
        what = f"{arn.service} is not a target service that it supports"
        yield path.doubt("NOT_UNDERSTOOD", target.link, what=what)
        return
    if target.qualifies is not None:
        yield path.doubt("FUNCTION_QUALIFIER", target.link, target=text, destination=target.qualifies)
        return
    if arn.service == "sns":  # the filter policies of its subscriptions depend on the event
        yield from _by_each_sender(query, path, rule, target, kind)
        return
    yield from from_target(
        query, path, target, lambda start: _by_each_sender(query, start, rule, target, kind)
    )


def _by_each_sender(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget, kind: Kind
) -> Iterator[DeliveryPath]:
    """With the target's role, or without one, or with the rule's role.

    The SDK says that the rule's role is used to invoke targets. Where a target needs no role, whether
    EventBridge then uses it is not documented: unless both ways lead to the same result, it is unknown.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Rule.html
    """
    own, shared = target.target.role, rule.rule.role
    if own is not None or shared is None or kind.needs_role:
        yield from _deliver(query, path, rule, target, kind, own or shared)
        return
    with_role = list(_deliver(query, path, rule, target, kind, shared))
    without = list(_deliver(query, path, rule, target, kind, None))
    doubtful = _arrive(with_role) is not _arrive(without)
    for found in with_role:
        yield found.doubt("RULE_ROLE", target.link, role=shared) if doubtful and found.end is None else found
    if doubtful:
        yield from (
            found.doubt("RULE_ROLE", target.link, role=shared) for found in without if found.end is None
        )


def _arrive(paths: list[DeliveryPath]) -> bool:
    return any(path.end is None for path in paths)


def _deliver(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget, kind: Kind, role: str | None
) -> Iterator[DeliveryPath]:
    arn = target.arn
    if arn is None:
        return
    resource = query.index.resources.get(target.target.arn)
    if resource is None:
        path = absent(query, path, target.link, arn, kind)
    if path.end is None:
        path = _with_role(query, path, rule, target, kind, role)
    if path.end is None and resource is not None:
        yield from _through_resource(query, path, rule, target, kind, resource, role)
        return
    yield path


def _is_supported(path: DeliveryPath, rule: PlacedRule, target: PlacedTarget, arn: Arn) -> DeliveryPath:
    """Checks that EventBridge supports a target in another Region or account.

    A resource without an account, such as an AWS-owned SSM document, belongs to every account.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html
    """
    here = rule.bus
    if arn.region and arn.region != here.region:
        return path.broken(
            "TARGET_CROSS_REGION_UNSUPPORTED",
            target.link,
            Stage.TARGET_KIND,
            there=arn.region,
            here=here.region,
        )
    if arn.account and arn.account != here.account and arn.service not in CROSS_ACCOUNT:
        return path.broken(
            "TARGET_CROSS_ACCOUNT_UNSUPPORTED",
            target.link,
            Stage.TARGET_KIND,
            service=arn.service,
            there=arn.account,
            here=here.account,
        )
    return path


def _with_role(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget, kind: Kind, role: str | None
) -> DeliveryPath:
    if role is not None:
        return through_role(query, path, rule, request_of(query, rule, role, kind.action, target.target.arn))
    foreign = target.arn is not None and target.arn.account != rule.bus.account
    if not foreign and not kind.needs_role:
        return path
    reason = "it is in another account" if foreign else "EventBridge needs a role for targets of this kind"
    return path.broken("TARGET_NO_ROLE", target.link, Stage.ROLE, reason=reason, action=kind.action)


def _through_resource(  # noqa: PLR0913, PLR0917  # each is a part of the delivery
    query: Query,
    path: DeliveryPath,
    rule: PlacedRule,
    target: PlacedTarget,
    kind: Kind,
    resource: Resource,
    role: str | None,
) -> Iterator[DeliveryPath]:
    """Checks the target's policy and key; then it is a destination, or a topic that leads to one."""
    topic = kind.action == "sns:Publish"
    link = f"{'topic' if topic else 'destination'}:{resource.arn}"
    arn = target.arn
    request = request_of(query, rule, role, kind.action, resource.arn)
    needs_allow = role is None or (arn is not None and arn.account != rule.bus.account)
    path = through_policy(path.to(link), link, resource, kind, request, needs_allow=needs_allow)
    if path.end is None:
        path = through_connection(path, link, resource)
    if path.end is None and "encryption" in resource.unread:
        path = path.doubt("NOT_SEEN", link, what="encryption", reason=resource.unread["encryption"])
    if path.end is None:
        path = through_key(query, path, link, resource.encryption, request)
    if path.end is None:
        path = _in_groups(path, link, resource, target)
    if path.end is None and topic and resource.arn not in query.index.destinations:
        yield from behind_topic(query, path, link, resource, target.target)
        return
    yield path


def _in_groups(path: DeliveryPath, link: str, resource: Resource, target: PlacedTarget) -> DeliveryPath:
    """Checks what EventBridge needs to write to a FIFO queue.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html
    """
    if not resource.arn.endswith(".fifo") and not resource.fifo:
        return path
    if ":sqs:" not in resource.arn:
        return path.doubt("NOT_UNDERSTOOD", link, what="whether a rule can publish to a FIFO topic")
    if resource.content_based_deduplication is not True:
        known = resource.content_based_deduplication is False
        lacks = "has no" if known else "may have no"
        path = path.doubt("FIFO_DEDUPLICATION", link, lacks=lacks)
    if target.target.message_group_id is None:
        path = path.doubt("FIFO_GROUP", target.link)
    return path
