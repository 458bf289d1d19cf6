"""Roles: whether EventBridge can assume a target's role, and whether the role allows the delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.delivery_path import Stage
from trailforward.doctor.delivery.policies import role_allows, trusts
from trailforward.doctor.delivery.request import EVENTS, UNSURE, Holds, Known, Maybe, Request
from trailforward.doctor.world.links import read_arn
from trailforward.doctor.world.regions import partition_of
from trailforward.doctor.world.unknown import is_one_value, is_unknown, why_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.world.index import PlacedRule


def through_role(query: Query, path: DeliveryPath, rule: PlacedRule, request: Request) -> DeliveryPath:
    """Checks that a target's role exists, trusts EventBridge, and allows the request.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """
    arn = request.principal
    link = f"role:{arn}"
    path = path.to(link)
    named = arn in query.index.roles and is_one_value(arn)
    if is_unknown(arn) and not named:
        return path.doubt("VALUE_UNKNOWN", link, what="the role's ARN", value=why_unknown(arn))
    role = query.index.roles.get(arn)
    if role is None:
        return _absent(query, path, rule, arn)
    trusted = trusts(role, _assumption(query, rule, arn))
    if trusted is False:
        return path.broken("ROLE_TRUST", link, Stage.ROLE)
    allowed = role_allows(role, request)
    if allowed is False:
        return path.broken("ROLE_POLICY", link, Stage.ROLE, action=request.action, resource=request.resource)
    for part, result in (("trust", trusted), ("policies", allowed)):
        if result is None:
            path = _unsure(path, link, part, role.unread.get(part), boundary=role.boundary)
    return path


def _unsure(
    path: DeliveryPath, link: str, part: str, unread: str | None, *, boundary: str | None
) -> DeliveryPath:
    """A role whose trust policy or policies leave the result open, with the reason."""
    what = "trust policy" if part == "trust" else "policies"
    if unread is not None:
        return path.doubt("NOT_SEEN", link, what=what, reason=unread)
    why = f"whether its {what} allow{'s' if part == 'trust' else ''} the delivery"
    if part == "policies" and boundary:
        why += f", because of its permissions boundary ({boundary})"
    return path.doubt("NOT_UNDERSTOOD", link, what=why)


def _absent(query: Query, path: DeliveryPath, rule: PlacedRule, arn: str) -> DeliveryPath:
    """A role that is not in the world: it is missing, or it was not read."""
    link = f"role:{arn}"
    parsed = read_arn(arn)
    account = parsed.account if parsed else rule.bus.account
    reason = query.index.unseen("roles", account, "*", arn)
    if reason is None and account not in query.index.accounts:
        reason = f"account {account} was not read"
    if reason is not None:
        return path.doubt("NOT_SEEN", link, what="policies", reason=reason)
    return path.broken("ROLE_MISSING", link, Stage.ROLE)


def _assumption(query: Query, rule: PlacedRule, role: str) -> Request:
    """The request with which EventBridge assumes a role: it carries the rule's ARN and account.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
    """
    return Request(
        EVENTS, "sts:AssumeRole", role, by_service(query, EVENTS, rule.bus.account, rule.arn, role)
    )


def request_of(
    query: Query,
    rule: PlacedRule,
    role: str | None,
    action: str,
    resource: str,
    more: Mapping[str, Known] | None = None,
) -> Request:
    """The request that a rule's delivery makes.

    With a role, the role makes the request, with its organization's ID; without one, the service makes it,
    with the rule's ARN and account.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    if role is None:
        sent = by_service(query, EVENTS, rule.bus.account, rule.arn, resource)
        return Request(EVENTS, action, resource, {**sent, **(more or {})})
    arn = read_arn(role)
    account = arn.account if arn else rule.bus.account
    context: dict[str, Known | None] = {
        **_every_request(resource),
        "aws:principalarn": role,
        "aws:principalaccount": account,
        "aws:principaltype": "AssumedRole",
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
    }
    organization = query.index.organization_of(account)
    if organization is None:
        context |= {"aws:principalorgid": UNSURE, "aws:principalorgpaths": UNSURE}
    elif organization:
        context |= {"aws:principalorgid": organization, "aws:principalorgpaths": UNSURE}
    else:
        context |= {"aws:principalorgid": None, "aws:principalorgpaths": UNSURE}
    return Request(role, action, resource, {**context, **(more or {})})


def by_service(query: Query, service: str, account: str, source: str, resource: str) -> dict[str, Known]:
    """The condition keys of a request that a service makes itself.

    Args:
        query: the call.
        service: the service principal.
        account: the account of the rule or topic behind the request.
        source: the ARN of that rule or topic.
        resource: the ARN of what the request is for.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    context = {
        **_every_request(resource),
        "aws:sourcearn": source,
        "aws:sourceaccount": account,
        "aws:principalisawsservice": "true",
        "aws:principalservicename": service,
        "aws:principalservicenameslist": Holds(service),
    }
    organization = query.index.organization_of(account)
    if organization is None:
        context |= {"aws:sourceorgid": UNSURE, "aws:sourceorgpaths": UNSURE}
    elif organization:
        context |= {"aws:sourceorgid": Maybe(organization), "aws:sourceorgpaths": UNSURE}
    return context


def _every_request(resource: str) -> dict[str, Known]:
    """The condition keys of every delivery: EventBridge always uses TLS."""
    arn = read_arn(resource)
    found: dict[str, Known] = {"aws:securetransport": "true"}
    if arn is not None and arn.account:
        found["aws:resourceaccount"] = Maybe(arn.account)
    if arn is not None and arn.region and partition_of(arn.region) == arn.partition:
        found["aws:requestedregion"] = arn.region
    return found
