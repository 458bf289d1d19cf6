"""Roles: whether EventBridge can assume a target's role, and whether the role allows the delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.delivery_path import Stage
from trailforward.doctor.delivery.policies import Request, role_allows
from trailforward.doctor.world.links import describe, read_arn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.world.index import PlacedRule

EVENTS = "events.amazonaws.com"

#: Condition keys of every request: EventBridge always uses TLS.
_EVERY_REQUEST = {"aws:securetransport": "true"}


def through_role(query: Query, path: DeliveryPath, rule: PlacedRule, request: Request) -> DeliveryPath:
    """Checks that a target's role exists, trusts EventBridge, and allows the request.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """
    link = f"role:{request.principal}"
    path = path.to(link)
    role = query.index.roles.get(request.principal)
    if role is None:
        reason = query.index.unseen("roles", rule.bus.account, "*")
        if reason is not None:
            return path.doubt("NOT_SEEN", link, what="policies", reason=reason)
        return path.broken("ROLE_MISSING", link, Stage.ROLE)
    if EVENTS not in role.trust:
        return path.broken("ROLE_TRUST", link, Stage.ROLE)
    allowed = role_allows(role, request)
    if allowed is None:
        return path.doubt("NOT_UNDERSTOOD", link, what="its policy has conditions that it does not support")
    if not allowed:
        return path.broken("ROLE_POLICY", link, Stage.ROLE, action=request.action, resource=request.resource)
    return path


def request_of(
    query: Query,
    rule: PlacedRule,
    role: str | None,
    action: str,
    resource: str,
    more: Mapping[str, str] | None = None,
) -> Request:
    """The request that a rule's delivery makes.

    With a role, the role makes the request, with its organization's ID; without one, the service makes it,
    with the rule's ARN and account.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    context = {**_EVERY_REQUEST, **(more or {})}
    if role is None:
        context |= {"aws:sourcearn": rule.arn, "aws:sourceaccount": rule.bus.account}
        return Request(EVENTS, action, resource, context)
    arn = read_arn(role)
    account = arn.account if arn else rule.bus.account
    context |= {"aws:principalarn": role, "aws:principalaccount": account}
    if query.index.in_organization(account):
        context["aws:principalorgid"] = query.index.organization_id
    return Request(role, action, resource, context)


def sender(request: Request) -> str:
    """Who makes a request, in plain English."""
    return (
        describe(f"role:{request.principal}") if request.principal.startswith("arn:") else request.principal
    )
