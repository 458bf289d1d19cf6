"""Topics: follows an event from a topic to its subscribed destinations, in any Region and account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery.delivery_path import Stage
from trailforward.doctor.delivery.encryption import through_key
from trailforward.doctor.delivery.request import SNS, Request
from trailforward.doctor.delivery.resource_policies import absent, kind_of, through_policy
from trailforward.doctor.delivery.roles import by_service
from trailforward.doctor.delivery.ternary import some
from trailforward.doctor.world.links import read_arn
from trailforward.doctor.world.resources import Subscription
from trailforward.doctor.world.unknown import holds_unknown, is_one_value, is_unknown, may_be
from trailforward.errors import PatternError
from trailforward.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.delivery.ternary import Ternary
    from trailforward.doctor.world.resources import Resource, Target


def behind_topic(
    query: Query, path: DeliveryPath, link: str, topic: Resource, target: Target
) -> Iterator[DeliveryPath]:
    """All paths from a topic that the event has reached.

    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-cross-region-delivery.html
    """
    unread = topic.unread.get("subscriptions")
    if topic.subscriptions is None or unread is not None:
        yield path.doubt("NOT_SEEN", link, what="subscriptions", reason=unread or "they were not read")
    listed = [
        item if isinstance(item, Subscription) else Subscription(endpoint=item)
        for item in topic.subscriptions or ()
    ]
    leading = [item for item in listed if any(may_be(item.endpoint, end) for end in query.index.destinations)]
    if not leading and topic.subscriptions is not None and unread is None:
        yield path.broken("TARGET_MISSING", link, Stage.ABSENT, missing="no destination is subscribed to it")
    for subscription in leading:
        yield _to_subscriber(query, path, topic, subscription, target)


def _to_subscriber(
    query: Query, path: DeliveryPath, topic: Resource, subscription: Subscription, target: Target
) -> DeliveryPath:
    endpoint = subscription.endpoint
    link = f"destination:{endpoint}"
    path = _filtered(query, path.to(link), link, subscription, target)
    if path.end is not None:
        return path
    arn = read_arn(endpoint)
    kind = kind_of(arn) if arn else None
    named = endpoint in query.index.resources and is_one_value(endpoint)
    if arn is None or kind is None or (is_unknown(endpoint) and not named):
        return path.doubt("NOT_UNDERSTOOD", link, what="it is not a kind of subscriber that it supports")
    if kind.needs_role:
        return path.doubt("NOT_UNDERSTOOD", link, what="the role of its subscription is not checked")
    resource = query.index.resources.get(endpoint)
    if resource is None:
        return absent(query, path, link, arn, kind)
    source = read_arn(topic.arn)
    account = source.account if source else ""
    context = by_service(query, SNS, account, topic.arn, endpoint)
    request = Request(SNS, kind.action, endpoint, context)
    path = through_policy(path, link, resource, kind, request, needs_allow=True)
    if path.end is None and "encryption" in resource.unread:
        path = path.doubt("NOT_SEEN", link, what="encryption", reason=resource.unread["encryption"])
    return path if path.end else through_key(query, path, link, resource.encryption, request)


def _filtered(
    query: Query, path: DeliveryPath, link: str, subscription: Subscription, target: Target
) -> DeliveryPath:
    """Checks the subscription's filter policy. EventBridge publishes without message attributes.

    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
    """
    unread = subscription.unread.get("filterPolicy")
    if unread is not None:
        return path.doubt("NOT_SEEN", link, what="filter policy", reason=unread)
    passes = _passes(subscription, query.event, target)
    if passes is None:
        return path.doubt("NOT_UNDERSTOOD", link, what="the filter policy of its subscription")
    if passes:
        return path
    about = (
        "the message's attributes, but EventBridge sends none"
        if subscription.filter_policy_scope == "MessageAttributes"
        else "the message's body, which does not match"
    )
    return path.broken("SUBSCRIPTION_FILTER", link, Stage.POLICY, about=about)


def _passes(  # noqa: PLR0911  # one for each form of a policy
    subscription: Subscription, event: dict[str, Any], target: Target
) -> Ternary:
    """Whether a message with the event as its body and without attributes passes a filter policy."""
    policy: Any = subscription.filter_policy
    if isinstance(policy, str):
        try:
            policy = json.loads(policy) if policy.strip() else {}
        except (ValueError, RecursionError):
            return None
    if not policy:
        return policy in (None, {}) or None
    if not isinstance(policy, dict) or holds_unknown(policy):
        return None
    if subscription.filter_policy_scope == "MessageAttributes":
        return _without_attributes(policy)
    changed = target.input or target.input_path or target.input_transformer
    if subscription.filter_policy_scope != "MessageBody" or changed:
        return None
    try:
        return Pattern(policy).matches(event)
    except PatternError:
        return None


def _without_attributes(policy: dict[str, Any]) -> Ternary:
    """Whether a message without attributes passes: only ``{"exists": false}`` matches an absent attribute."""
    results: list[Ternary] = []
    for name, values in policy.items():
        if name == "$or":
            branches = values if isinstance(values, list) else []
            results.append(
                some(_without_attributes(one) if isinstance(one, dict) else None for one in branches)
            )
        else:
            listed = values if isinstance(values, list) else []
            results.append(any(isinstance(one, dict) and one.get("exists") is False for one in listed))
    if False in results:
        return False
    return None if None in results else True
