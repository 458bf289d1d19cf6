"""Derives the keys by which an index finds the rules that a leaf may satisfy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.patterns.addresses import address
from trailforward.patterns.matcher import MAX_STEPS
from trailforward.patterns.operators import PRESENT
from trailforward.patterns.strings import wildcard_segments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.patterns.operators import Condition, Member
    from trailforward.patterns.parser import Rule


class IndexKey(NamedTuple):
    """A property of every leaf that satisfies a member of a condition.

    Attributes:
        kind: ``equals``, ``prefix``, ``suffix``, ``cidr``, or ``anything-but``.
        value: for ``equals`` a text, address, or literal; else the prefix, the suffix, the network, or the
            excluded texts.
        exact: whether every leaf with this property satisfies the member.
    """

    kind: str
    value: Any
    exact: bool = True


class Requirement(NamedTuple):
    """What a rule requires of the leaves at a path.

    Attributes:
        keys: a leaf must have at least one of them; None if any leaf may satisfy the condition.
        exact: whether every such leaf satisfies the condition.
    """

    keys: tuple[IndexKey, ...] | None
    exact: bool


def requirements(rule: Rule) -> Iterator[tuple[str, Requirement]]:
    """The paths where a rule requires a leaf, each with its requirement."""
    for path, condition in rule.items():
        if not condition.optional and path.count(".") < MAX_STEPS:
            yield path, _requirement(condition)


def _requirement(condition: Condition) -> Requirement:
    if PRESENT in condition.members:
        return Requirement(None, exact=True)
    if len(condition.members) == 1 and (excluded := _excluded_texts(condition.members[0])):
        return Requirement((IndexKey("anything-but", excluded),), exact=True)
    keys = [_key(member) for member in condition.members]
    known = [key for key in keys if key is not None]
    if len(known) < len(keys):
        return Requirement(None, exact=False)
    return Requirement(tuple(known), all(key.exact for key in known))


def _excluded_texts(member: Member) -> tuple[str, ...]:
    """The texts that ``anything-but`` excludes; empty if it excludes anything else."""
    kind, operand = member
    return operand if kind == "anything-but" and all(isinstance(one, str) for one in operand) else ()


def _key(member: Member) -> IndexKey | None:
    """A key that every leaf that satisfies a member has; None if no such key exists."""
    kind, operand = member
    if kind == "string":
        return IndexKey("equals", address(operand) or operand)
    if kind in {"exactly", "literal"}:
        return IndexKey("equals", operand)
    if kind in {"prefix", "suffix"} and operand:
        return IndexKey(kind, operand)
    if kind == "cidr":
        return IndexKey("cidr", operand)
    if kind == "wildcard":
        return _wildcard_key(*wildcard_segments(operand))
    return None


def _wildcard_key(head: str, *others: str) -> IndexKey | None:
    if not others:
        return IndexKey("equals", head)
    if head:
        return IndexKey("prefix", head, exact=others == ("",))
    return IndexKey("suffix", others[-1], exact=len(others) == 1) if others[-1] else None
