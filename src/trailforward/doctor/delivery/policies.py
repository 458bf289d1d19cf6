"""Policies: whether statements let a delivery pass, as IAM decides. Deny beats allow.

What stands outside the model (dates, addresses, policy variables, keys that AWS may or may not send) gives
None: nobody can say.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery.ternary import every, negate, some
from trailforward.doctor.links import read_arn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trailforward.doctor.delivery.ternary import Answer
    from trailforward.doctor.parts import Permission, Role, Statement


@dataclass(frozen=True, slots=True)
class Request:
    """One delivery, as a policy sees it.

    Attributes:
        principal: the ARN of a role, or the name of a service.
        action: ``sqs:SendMessage``.
        resource: the ARN.
        context: condition keys in lower case.
    """

    principal: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    def without(self, key: str) -> Request:
        """The same request, not carrying one key."""
        context = {name: value for name, value in self.context.items() if name != key}
        return Request(self.principal, self.action, self.resource, context)


def admits(policy: Iterable[Statement], request: Request, *, needs_allow: bool) -> Answer:
    """Whether a resource policy lets a request pass.

    Args:
        policy: its statements.
        request: the request.
        needs_allow: False where silence is enough; an explicit deny always counts.
    """
    statements = tuple(policy)
    denied = some(_applies(item, request) for item in statements if item.get("Effect") == "Deny")
    allowed = not needs_allow or granted(statements, request)
    return every((negate(denied), allowed))


def granted(policy: Iterable[Statement], request: Request) -> Answer:
    """Whether any statement allows the request."""
    return some(_applies(item, request) for item in policy if item.get("Effect") == "Allow")


def permits(role: Role, request: Request) -> Answer:
    """Whether a role's own policies allow a request."""
    denied = some(_permission(item, request) for item in role.deny)
    return every((negate(denied), some(_permission(item, request) for item in role.allow)))


def like(pattern: str, text: str) -> bool:
    """IAM's wildcards: ``*`` for any text, ``?`` for one character."""
    return _glob(pattern).fullmatch(text) is not None


def _permission(item: Permission, request: Request) -> Answer:
    if item.unknown:
        return None
    return every(
        (
            _any_action(item.action, request),
            any(like(value, request.resource) for value in _strings(item.resource)),
            _conditions(item.condition, request),
        )
    )


def _applies(statement: Statement, request: Request) -> Answer:
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
    """``Principal``, ``Action`` or ``Resource``, or its ``Not`` form; an element that is absent holds."""
    if name in statement:
        return bool(holds(statement[name]))
    negated = f"Not{name}"
    return negated not in statement or not holds(statement[negated])


def _any_action(value: Any, request: Request) -> bool:
    return any(like(item.lower(), request.action.lower()) for item in _strings(value))


def _is_principal(value: Any, principal: str) -> bool:
    """``"*"``, ``{"AWS": ...}`` or ``{"Service": ...}``.

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


#: Keys that AWS may send with a delivery, with values the doctor cannot know.
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


def _conditions(conditions: Any, request: Request) -> Answer:
    """Whether all conditions hold.

    A key that the request does not carry fails a condition, and holds one that asks for no match.

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


def _condition(operator: str, key: str, values: tuple[str, ...], context: Mapping[str, str]) -> Answer:
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
    """One or many, as policies write them; booleans as JSON spells them."""
    if value is None:
        return ()
    items = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
