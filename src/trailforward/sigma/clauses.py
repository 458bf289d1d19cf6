"""Clauses: what a rule requires of one field, as members of an event pattern's array."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

#: ``exists: false`` as a member.
ABSENT: dict[str, Any] = {"exists": False}
#: Every value that is not null, where a field may have values of every type.
NOT_NULL: list[Any] = [{"wildcard": "*"}, True, False, {"numeric": [">=", -5_000_000_000]}]

#: How clauses on one field merge: ``literal`` has strings that can be tested one by one, ``present`` only
#: requires a value, ``not-null`` one that is not null, ``but-…`` are lists of ``anything-but`` that can be
#: joined, and ``other`` never merges.
Kind = Literal[
    "literal", "contains", "present", "not-null", "but-ignoring-case", "but-wildcard", "but", "other"
]


@dataclass(frozen=True, slots=True)
class Clause:
    """What a rule requires of one field.

    Attributes:
        path: dotted path in the envelope.
        members: the members of the array, any of which must match.
        kind: how it merges with another clause on the field.
        values: what ``members`` was made of: the texts of ``literal``, ``contains``, and ``but-…``.
    """

    path: str
    members: tuple[Any, ...]
    kind: Kind = "other"
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class All:
    """Parts that must all hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Parts of which at least one must hold. Without parts, it never holds."""

    parts: tuple[Node, ...]


Node = Clause | All | Some


class NotConvertibleError(Exception):
    """The pattern language cannot express a rule; the text says which part, and why."""


def unique(members: list[Any]) -> tuple[Any, ...]:
    """The members without repetitions. ``True`` and ``1`` are different."""
    return tuple({json.dumps(member, sort_keys=True): member for member in members}.values())


def but(kind: Kind, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The members of a clause that no value may be one of *values*; a missing field satisfies it."""
    if kind == "but-ignoring-case":
        return ({"anything-but": {"equals-ignore-case": list(values)}}, ABSENT)
    if kind == "but-wildcard":
        return ({"anything-but": {"wildcard": list(values)}}, ABSENT)
    return ({"anything-but": list(values)}, ABSENT)
