"""Keys: what a leaf must show for a rule to stay in play, in a form that an index can look up."""

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


class Key(NamedTuple):
    """What every leaf has that satisfies a member.

    Attributes:
        kind: ``exact``, ``prefix``, ``suffix``, ``cidr`` or ``but``.
        value: text, address or literal; the affix; the network; the texts that may not stand there.
        enough: whether no other leaf has it.
    """

    kind: str
    value: Any
    enough: bool = True


class Need(NamedTuple):
    """What a rule needs at a path.

    Attributes:
        keys: of which a leaf there must have one; None if any leaf may do.
        enough: whether a leaf that may do does.
    """

    keys: tuple[Key, ...] | None
    enough: bool


def needs(rule: Rule) -> Iterator[tuple[str, Need]]:
    """The paths where a rule needs a leaf."""
    for path, condition in rule.items():
        if not condition.optional and path.count(".") < MAX_STEPS:
            yield path, _need(condition)


def _need(condition: Condition) -> Need:
    if PRESENT in condition.members:
        return Need(None, enough=True)
    if len(condition.members) == 1 and (excluded := _excluded(condition.members[0])):
        return Need((Key("but", excluded),), enough=True)
    keys = [_key(member) for member in condition.members]
    known = [key for key in keys if key is not None]
    if len(known) < len(keys):
        return Need(None, enough=False)
    return Need(tuple(known), all(key.enough for key in known))


def _excluded(member: Member) -> tuple[str, ...]:
    """The texts that ``anything-but`` names; empty where it names something else."""
    kind, operand = member
    return operand if kind == "anything-but" and all(isinstance(one, str) for one in operand) else ()


def _key(member: Member) -> Key | None:
    """A key that every leaf has that satisfies a member; None if there is none."""
    kind, operand = member
    if kind == "string":
        return Key("exact", address(operand) or operand)
    if kind in {"exactly", "literal"}:
        return Key("exact", operand)
    if kind in {"prefix", "suffix"} and operand:
        return Key(kind, operand)
    if kind == "cidr":
        return Key("cidr", operand)
    if kind == "wildcard":
        return _of_wildcard(*wildcard_segments(operand))
    return None


def _of_wildcard(head: str, *others: str) -> Key | None:
    if not others:
        return Key("exact", head)
    if head:
        return Key("prefix", head, enough=others == ("",))
    return Key("suffix", others[-1], enough=len(others) == 1) if others[-1] else None
