"""Roles: whether EventBridge may assume a target's role, and the role may deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.path import Stage
from trailforward.doctor.delivery.policies import Request, permits
from trailforward.doctor.links import read_arn, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.doctor.delivery.path import Path
    from trailforward.doctor.delivery.trip import Trip
    from trailforward.doctor.index import PlacedRule

EVENTS = "events.amazonaws.com"

#: Every delivery is over TLS.
_EVERY_REQUEST = {"aws:securetransport": "true"}


def through_role(trip: Trip, path: Path, rule: PlacedRule, request: Request) -> Path:
    """The role of a target: there, trusting EventBridge, and allowed to make the request.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """
    link = f"role:{request.principal}"
    path = path.to(link)
    role = trip.index.roles.get(request.principal)
    if role is None:
        reason = trip.index.unseen("roles", rule.bus.account, "*")
        if reason is not None:
            return path.doubt("NOT_SEEN", link, what="policies", reason=reason)
        return path.broken("ROLE_MISSING", link, Stage.ROLE)
    if EVENTS not in role.trust:
        return path.broken("ROLE_TRUST", link, Stage.ROLE)
    permitted = permits(role, request)
    if permitted is None:
        return path.doubt("NOT_UNDERSTOOD", link, what="its policy has conditions outside the model")
    if not permitted:
        return path.broken("ROLE_POLICY", link, Stage.ROLE, action=request.action, resource=request.resource)
    return path


def request_of(
    trip: Trip,
    rule: PlacedRule,
    role: str | None,
    action: str,
    resource: str,
    more: Mapping[str, str] | None = None,
) -> Request:
    """A rule's delivery, as policies see it.

    With a role it is the role's own request, in its organization's name; without one it is the service's,
    and names the rule and its account.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    context = {**_EVERY_REQUEST, **(more or {})}
    if role is None:
        context |= {"aws:sourcearn": rule.arn, "aws:sourceaccount": rule.bus.account}
        return Request(EVENTS, action, resource, context)
    arn = read_arn(role)
    account = arn.account if arn else rule.bus.account
    context |= {"aws:principalarn": role, "aws:principalaccount": account}
    if trip.index.in_organization(account):
        context["aws:principalorgid"] = trip.index.organization_id
    return Request(role, action, resource, context)


def sender(request: Request) -> str:
    """Who makes a request, in words."""
    return words(f"role:{request.principal}") if request.principal.startswith("arn:") else request.principal
