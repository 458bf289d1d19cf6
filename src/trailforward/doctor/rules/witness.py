"""Witness: an example event that one combination of a pattern matches, made from a given event."""

from __future__ import annotations

import copy
import re
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from trailforward.patterns.cloudtrail import leaves_at, member_test, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trailforward.patterns.operators import Condition, Member

#: Fields that the call decides. An event that needs another value in them is another call's.
_FIXED = frozenset(
    {
        *("source", "detail-type", "account", "region", "detail.eventSource", "detail.eventName"),
        *("detail.awsRegion", "detail.recipientAccountId", "detail.readOnly", "detail.eventCategory"),
        *("detail.managementEvent", "detail.eventType"),
    }
)
_IPV4_BITS = 32


def witness(rule: Mapping[str, Condition], event: dict[str, Any]) -> dict[str, Any] | None:
    """The event with the values that a combination of conditions asks for.

    Args:
        rule: dotted path to condition.
        event: an envelope; it is not changed.

    Returns:
        A new event, or None if a condition contradicts a field that the call decides. The caller still has
        to check that the pattern matches: conditions on arrays may exclude each other.
    """
    made = copy.deepcopy(event)
    for path, condition in rule.items():
        test = member_test(condition)
        present = list(leaves_at(made, path))
        if any(map(test, present)) or (not present and condition.optional):
            continue
        if path in _FIXED or path.partition(".")[0] == "resources":
            return None
        value = next(filter(test, _values(path, condition)), _NOTHING)
        if value is _NOTHING:
            return None
        _put(made, path.split("."), value)
    return made


_NOTHING: Any = object()


def _values(path: str, condition: Condition) -> Iterator[Any]:
    """Values that may satisfy a condition, the most natural first."""
    if shape_of(path) == "boolean":
        yield from (True, False)
    for member in condition.members:
        yield from _of_member(member)
    yield from ("example", "-", 0, 1.5, True, None)


def _of_member(member: Member) -> Iterator[Any]:
    kind, operand = member
    if kind in {"string", "exactly", "prefix", "suffix", "literal"} or kind.endswith("/equals-ignore-case"):
        if not kind.startswith("anything-but"):
            yield operand
    elif kind == "equals-ignore-case":
        yield from (operand, operand.lower(), operand.upper())
    elif kind == "wildcard":
        yield re.sub(r"\\(.)|\*", lambda at: at[1] or "", operand)
    elif kind == "number":
        yield operand.value
    elif kind == "numeric":
        low, high = operand.low, operand.high
        yield from (end for end in (low, high) if end is not None)
        yield (low + high) / 2 if low is not None and high is not None else (high or 0) - 1
        yield (low or 0) + 1
    elif kind == "cidr":
        first = operand.prefix << operand.shift
        yield str(IPv4Address(first) if operand.bits == _IPV4_BITS else IPv6Address(first))


def _put(event: dict[str, Any], steps: list[str], value: Any) -> None:
    """Writes a value at a path, through the first object of arrays; what is in the way is replaced."""
    node = event
    for step, after in pairwise(steps):
        inner = node.get(step)
        if isinstance(inner, list):
            inner = next((item for item in inner if isinstance(item, dict)), None)
        if not isinstance(inner, dict):
            inner = {}
            node[step] = [inner] if step == "resources" and after in {"ARN", "type", "accountId"} else inner
        node = inner
    node[steps[-1]] = value
