"""Conditions: evaluates the Condition element of a policy statement for one request.

The result is None (unknown) for everything outside the model: dates, numbers, IP addresses, policy variables
without a known value, and condition keys that AWS may or may not send.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery.request import Holds, Maybe, Unsure
from trailforward.doctor.delivery.ternary import every, negate, some
from trailforward.doctor.delivery.wildcards import like, like_arn
from trailforward.doctor.world.unknown import same

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.doctor.delivery.request import Known, Request
    from trailforward.doctor.delivery.ternary import Ternary

#: Operators in lower case, without ``Not`` and ``IfExists``, to how they compare.
_COMPARE: dict[str, Callable[[str, str], Ternary]] = {
    "stringequals": same,
    "stringequalsignorecase": lambda pattern, text: same(pattern.lower(), text.lower()),
    "stringlike": like,
    "arnequals": like_arn,
    "arnlike": like_arn,
    "bool": lambda pattern, text: same(pattern.lower(), text.lower()),
}
#: All operators of IAM in lower case, without ``IfExists``.
_OPERATORS = re.compile(
    "(string(not)?(equals|equalsignorecase|like)|arn(not)?(equals|like)|bool|null|binaryequals|(not)?ipaddress"
    "|(numeric|date)((not)?equals|lessthan(equals)?|greaterthan(equals)?))"
)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_QUANTIFIERS = {"", "foranyvalue", "forallvalues"}
_LITERALS = {"*", "?", "$"}
#: Everything is in these ranges.
_ALL_ADDRESSES = frozenset({"0.0.0.0/0", "::/0"})


def conditions_hold(conditions: Any, request: Request) -> Ternary:
    """Whether all conditions of a statement hold.

    A condition on a key that the request does not carry fails, unless it is negated.
    """
    if conditions is None or conditions == {}:
        return True
    if not isinstance(conditions, dict):
        return None
    return every(_operator(operator, keys, request) for operator, keys in conditions.items())


def _operator(operator: str, keys: Any, request: Request) -> Ternary:
    if not isinstance(keys, dict):
        return None
    return every(
        _condition(operator.lower(), key.lower(), strings(values), request) for key, values in keys.items()
    )


def _condition(operator: str, key: str, values: tuple[str, ...] | None, request: Request) -> Ternary:
    quantifier, _, name = operator.rpartition(":")
    base = name.removesuffix("ifexists")
    if_exists = base != name
    known = request.known(key)
    values = None if values is None else _resolved(values, request)
    understood = _OPERATORS.fullmatch(base) and quantifier in _QUANTIFIERS and values is not None
    if isinstance(known, Unsure) or not understood or values is None:
        return None
    if base == "null":
        absent = known is None
        return (
            None if isinstance(known, Maybe) or len(values) != 1 else (values[0].lower() == "true") is absent
        )
    if isinstance(known, Maybe):
        absent_too = _absent(base, quantifier, values, if_exists=if_exists)
        present = _present(base, quantifier, values, known.value)
        return present if present == absent_too else None
    if known is None:
        return _absent(base, quantifier, values, if_exists=if_exists)
    return _present(base, quantifier, values, known)


def _absent(base: str, quantifier: str, values: tuple[str, ...], *, if_exists: bool) -> Ternary:
    """The result for a key that the request does not carry.

    AWS's own addresses are in no range that a policy names, except in one that holds every address.
    """
    if base in {"ipaddress", "notipaddress"} and _ALL_ADDRESSES & set(values):
        return None
    if quantifier == "forallvalues" or if_exists:
        return True
    return "not" in base if not quantifier else False


def _present(base: str, quantifier: str, values: tuple[str, ...], known: Known) -> Ternary:
    negated = "not" in base
    compare = _COMPARE.get(base.replace("not", ""))
    if compare is None:
        return None
    text = known.value if isinstance(known, Holds) else str(known)
    hit = some(compare(value, text) for value in values)
    if isinstance(known, Holds):
        return True if quantifier == "foranyvalue" and not negated and hit else None
    return negate(hit) if negated else hit


def _resolved(values: tuple[str, ...], request: Request) -> tuple[str, ...] | None:
    """The values with their policy variables replaced; None if the value of one is not known."""
    found = []
    for value in values:
        for name in _VARIABLE.findall(value):
            if name not in _LITERALS and not isinstance(request.known(name.lower()), str):
                return None
        found.append(_VARIABLE.sub(lambda at: _value(at[1], request), value))
    return tuple(found)


def _value(name: str, request: Request) -> str:
    return name if name in _LITERALS else str(request.known(name.lower()))


def strings(value: Any) -> tuple[str, ...] | None:
    """One or more values, as policies write them, booleans as in JSON; None for anything else."""
    items = value if isinstance(value, (list, tuple)) else (value,)
    if not all(isinstance(item, (str, int, float)) for item in items):
        return None
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)
