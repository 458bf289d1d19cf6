"""Policies: evaluates policy statements for one delivery, as IAM does. Deny overrides allow.

The result is None (unknown) for everything outside the model: dates, IP addresses, policy variables, and
condition keys that AWS may or may not send.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery.ternary import every, negate, some
from trailforward.doctor.world.links import read_arn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trailforward.doctor.delivery.ternary import Ternary
    from trailforward.doctor.world.resources import Permission, Role, Statement


@dataclass(frozen=True, slots=True)
class Request:
    """The request of one delivery, as IAM evaluates it.

    Attributes:
        principal: a role's ARN, or a service's name.
        action: ``sqs:SendMessage``.
        resource: the target's ARN.
        context: condition keys in lower case.
    """

    principal: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    def without(self, key: str) -> Request:
        """The same request without one condition key."""
        context = {name: value for name, value in self.context.items() if name != key}
        return Request(self.principal, self.action, self.resource, context)


def policy_allows(policy: Iterable[Statement], request: Request, *, needs_allow: bool) -> Ternary:
    """Whether a resource policy allows a request.

    Args:
        policy: the policy's statements.
        request: the request.
        needs_allow: False if the request needs no Allow statement; an explicit Deny always counts.
    """
    statements = tuple(policy)
    denied = some(_applies(item, request) for item in statements if item.get("Effect") == "Deny")
    allowed = not needs_allow or has_allow(statements, request)
    return every((negate(denied), allowed))


def has_allow(policy: Iterable[Statement], request: Request) -> Ternary:
    """Whether any statement allows the request."""
    return some(_applies(item, request) for item in policy if item.get("Effect") == "Allow")


def role_allows(role: Role, request: Request) -> Ternary:
    """Whether a role's own policies allow a request."""
    denied = some(_permission(item, request) for item in role.deny)
    return every((negate(denied), some(_permission(item, request) for item in role.allow)))


def like(pattern: str, text: str) -> bool:
    """Whether a text matches IAM's wildcards: ``*`` for any text, ``?`` for one character."""
    return _glob(pattern).fullmatch(text) is not None


def _permission(item: Permission, request: Request) -> Ternary:
    if item.unknown:
        return None
    return every(
        (
            _any_action(item.action, request),
            any(like(value, request.resource) for value in _strings(item.resource)),
            _conditions(item.condition, request),
        )
    )


def _applies(statement: Statement, request: Request) -> Ternary:
    return every(
        (
            _element(statement, "Principal", lambda value: _is_principal(value, request.principal)),
            _element(statement, "Action", lambda value: _any_action(value, request)),
            _element(
                statement,
                "Resource",
                lambda value: any(like(item, request.resource) for item in _strings(value)),
            ),
            _conditions(statement.get("Condition"), request),
        )
    )


def _element(statement: Statement, name: str, holds: Any) -> bool:
    """Checks ``Principal``, ``Action`` or ``Resource``, or its ``Not`` form; a missing element holds."""
    if name in statement:
        return bool(holds(statement[name]))
    negated = f"Not{name}"
    return negated not in statement or not holds(statement[negated])


def _any_action(value: Any, request: Request) -> bool:
    return any(like(item.lower(), request.action.lower()) for item in _strings(value))


def _is_principal(value: Any, principal: str) -> bool:
    """Whether a Principal element (``"*"``, ``{"AWS": ...}`` or ``{"Service": ...}``) includes a principal.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    if not isinstance(value, dict):
        return "*" in _strings(value)
    accounts = _strings(value.get("AWS"))
    if "*" in accounts:
        return True
    if not principal.startswith("arn:"):
        return any(like(item, principal) for item in _strings(value.get("Service")))
    role = read_arn(principal)
    if role is None:
        return False
    return bool({principal, role.account, f"arn:{role.partition}:iam::{role.account}:root"} & set(accounts))


#: Condition keys that AWS may send with a delivery, with values that the doctor cannot know.
_UNKNOWN_KEYS = frozenset(
    {"aws:currenttime", "aws:epochtime", "aws:principalorgpaths", "aws:sourceorgid", "aws:sourceorgpaths"}
)
_POSITIVE = frozenset(
    {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "bool"}
)
_NEGATIVE = frozenset(
    {"stringnotequals", "stringnotequalsignorecase", "stringnotlike", "arnnotequals", "arnnotlike"}
)
_FOLDING = frozenset({"stringequalsignorecase", "stringnotequalsignorecase", "bool"})


def _conditions(conditions: Any, request: Request) -> Ternary:
    """Whether all conditions hold.

    A condition on a key that the request does not carry fails, unless it is negated.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    if not conditions:
        return True
    if not isinstance(conditions, dict):
        return None
    return every(
        _condition(operator, key.lower(), _strings(values), request.context)
        if isinstance(keys, dict)
        else None
        for operator, keys in conditions.items()
        for key, values in (keys.items() if isinstance(keys, dict) else [("", "")])
    )


def _condition(operator: str, key: str, values: tuple[str, ...], context: Mapping[str, str]) -> Ternary:
    quantifier, _, plain = operator.lower().rpartition(":")
    name = plain.removesuffix("ifexists")
    if key in _UNKNOWN_KEYS or key.startswith("aws:principaltag/"):
        return None
    if name == "null":
        return (values == ("true",)) == (key not in context)
    if key not in context:
        return name in _NEGATIVE or name.startswith("not") or plain != name or quantifier == "forallvalues"
    if (name not in _POSITIVE and name not in _NEGATIVE) or any("${" in value for value in values):
        return None
    if name in _FOLDING:
        hit = any(like(value.lower(), context[key].lower()) for value in values)
    else:
        hit = any(like(value, context[key]) for value in values)
    return hit is (name in _POSITIVE)


def _strings(value: Any) -> tuple[str, ...]:
    """One or more values, as policies write them; booleans as in JSON."""
    if value is None:
        return ()
    items = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
