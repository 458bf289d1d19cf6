"""Policies: evaluates policy statements for one delivery, as IAM does. Deny overrides allow.

The result is None (unknown) for everything outside the model, and wherever a part of a statement is not
known.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery.conditions import conditions_hold, strings
from trailforward.doctor.delivery.ternary import every, negate, some
from trailforward.doctor.delivery.wildcards import like
from trailforward.doctor.world.links import read_arn
from trailforward.doctor.world.unknown import is_unknown, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trailforward.doctor.delivery.request import Request
    from trailforward.doctor.delivery.ternary import Ternary
    from trailforward.doctor.world.resources import Permission, Role, Statement

#: A service principal with a Region, or with the domain of another partition.
_SPELLINGS = re.compile(r"\.(?:[a-z0-9-]+\.)?(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu)$")


def policy_allows(policy: Iterable[Statement], request: Request, *, needs_allow: bool) -> Ternary:
    """Whether a resource policy allows a request.

    Args:
        policy: the policy's statements.
        request: the request.
        needs_allow: False if the request needs no Allow statement; an explicit Deny always counts.
    """
    statements = tuple(policy)
    allowed = not needs_allow or has_allow(statements, request)
    return every((negate(has_deny(statements, request)), allowed))


def has_allow(policy: Iterable[Statement], request: Request) -> Ternary:
    """Whether any statement allows the request."""
    return some(_with_effect("Allow", item, request) for item in policy)


def has_deny(policy: Iterable[Statement], request: Request) -> Ternary:
    """Whether any statement denies the request."""
    return some(_with_effect("Deny", item, request) for item in policy)


def trusts(role: Role, request: Request) -> Ternary:
    """Whether a role's trust policy lets a service assume it.

    That ``*`` in a trust policy includes AWS services is not documented: it is unknown.
    """
    statements = tuple(_trust(item) for item in role.trust)
    sure = [item for item in statements if not _everybody(item)]
    allowed = some((has_allow(sure, request), *(_in_doubt(item, request) for item in statements)))
    found = every((negate(has_deny(statements, request)), allowed))
    return found if "trust" not in role.unread or has_deny(statements, request) is True else None


def _trust(item: str | Statement) -> Statement:
    if not isinstance(item, str):
        return item
    return {"Effect": "Allow", "Principal": {"Service": item}, "Action": "sts:AssumeRole"}


def _everybody(statement: Statement) -> bool:
    return statement.get("Effect") == "Allow" and _names_everybody(statement.get("Principal"))


def _names_everybody(principal: Any) -> bool:
    return "*" in (strings(principal.get("AWS") if isinstance(principal, dict) else principal) or ())


def _in_doubt(statement: Statement, request: Request) -> Ternary:
    """Unknown for a statement that allows everybody, and False for others."""
    return None if _everybody(statement) and has_allow([statement], request) is not False else False


def role_allows(role: Role, request: Request) -> Ternary:
    """Whether a role's own policies allow a request; at best unknown if not all of them are known.

    A permissions boundary can only take permissions away.
    """
    within = _within_boundary(role, request)
    denied = some((has_deny(role.statements, request), *(_permission(item, request) for item in role.deny)))
    allowed = some(
        (has_allow(role.statements, request), *(_permission(item, request) for item in role.allow))
    )
    if "policies" in role.unread:
        return None if denied is not True and within is not False else False
    return every((negate(denied), allowed, within))


def _within_boundary(role: Role, request: Request) -> Ternary:
    """Whether a role's permissions boundary allows a request; True without a boundary."""
    if not role.boundary:
        return True
    if role.limits is None:
        return None
    return every((negate(has_deny(role.limits, request)), has_allow(role.limits, request)))


def role_denies(role: Role, request: Request) -> Ternary:
    """Whether a role's own policies deny a request; unknown unless all of them and its boundary are known."""
    denied = some((has_deny(role.statements, request), *(_permission(item, request) for item in role.deny)))
    unsure = "policies" in role.unread or _within_boundary(role, request) is not True
    return None if denied is False and unsure else denied


def _permission(item: Permission, request: Request) -> Ternary:
    if item.unknown:
        return None
    return every(
        (
            _any_action(item.action, request),
            _any_resource(item.resource, request),
            conditions_hold(item.condition, request),
        )
    )


def _with_effect(effect: str, statement: Any, request: Request) -> Ternary:
    """Whether a statement has an effect and applies to the request."""
    if not isinstance(statement, dict) or not isinstance(statement.get("Effect"), str):
        return None
    same_effect = same(statement["Effect"], effect)
    return False if same_effect is False else every((same_effect, _applies(statement, request)))


def _applies(statement: Statement, request: Request) -> Ternary:
    return every(
        (
            _element(statement, "Principal", lambda value: _is_principal(value, request)),
            _element(statement, "Action", lambda value: _any_action(value, request)),
            _element(statement, "Resource", lambda value: _any_resource(value, request)),
            conditions_hold(statement.get("Condition"), request),
        )
    )


def _element(statement: Statement, name: str, holds: Callable[[Any], Ternary]) -> Ternary:
    """Checks ``Principal``, ``Action`` or ``Resource``, or its ``Not`` form; a missing element holds."""
    if name in statement:
        return holds(statement[name])
    negated = f"Not{name}"
    return negated not in statement or negate(holds(statement[negated]))


def _any_action(value: Any, request: Request) -> Ternary:
    names = strings(value)
    return None if names is None else some(like(item.lower(), request.action.lower()) for item in names)


def _any_resource(value: Any, request: Request) -> Ternary:
    names = strings(value)
    if names is None:
        return None
    # A policy variable in a resource is not evaluated.
    return some(None if "${" in item else like(item, request.resource) for item in names)


def _is_principal(value: Any, request: Request) -> Ternary:
    """Whether a Principal element (``"*"``, ``{"AWS": ...}`` or ``{"Service": ...}``) includes the sender.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    if not isinstance(value, dict):
        names = strings(value)
        return None if names is None else some(same(item, "*") for item in names)
    accounts, services = strings(value.get("AWS", ())), strings(value.get("Service", ()))
    if accounts is None or services is None:
        return None
    everybody = some(same(item, "*") for item in accounts)
    if request.by_service:
        return some((everybody, *(_is_service(item, request.principal) for item in services)))
    return some((everybody, *(_is_role(item, request.principal) for item in accounts)))


def _is_service(item: str, service: str) -> Ternary:
    """Whether a name is the service's; unknown for the same service with a Region or another domain."""
    if is_unknown(item):
        return same(item, service)
    if like(item, service):
        return True
    alike = _SPELLINGS.sub("", item) == _SPELLINGS.sub("", service)
    return None if alike else False


def _is_role(item: str, principal: str) -> Ternary:
    """Whether a name is the role's ARN or account; unknown for one of its sessions, or a unique ID."""
    role = read_arn(principal)
    if role is None:
        return False
    names = (principal, role.account, f"arn:{role.partition}:iam::{role.account}:root")
    if item in names and not is_unknown(item):
        return True
    if is_unknown(item) or is_unknown(principal):
        return some(same(item, name) for name in names)
    session = f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}/"
    return None if item.startswith((session, "AROA")) else False
