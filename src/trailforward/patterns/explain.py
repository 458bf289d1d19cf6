"""Explains why an event matched a pattern or not, for each field of each ``$or`` combination."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from trailforward.patterns.leaves import leaves
from trailforward.patterns.operators import leaf_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trailforward.patterns.operators import Condition
    from trailforward.patterns.parser import Rule

#: Maximum number of leaves shown for a field.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One field that does not match.

    Attributes:
        path: dotted; empty if the reason concerns the whole event.
        wanted: the pattern's array as written.
        found: the first leaves of the event at this path.
        reason: one sentence.
    """

    path: str
    wanted: str
    found: tuple[Any, ...]
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an event matched a pattern or not.

    Attributes:
        matched: the result of ``matches``.
        branches: for each combination of ``$or``, in document order, its mismatches; empty if it holds.
    """

    matched: bool
    branches: tuple[tuple[Mismatch, ...], ...]

    def __str__(self) -> str:
        if self.matched:
            return "matches"
        many = len(self.branches) > 1
        lines = ["does not match"]
        for number, branch in enumerate(self.branches, 1):
            lines += [f"  $or combination {number}:"] * many
            lines += [f"{'    ' if many else '  '}{mismatch}" for mismatch in branch]
        return "\n".join(lines)


def explain_rules(rules: Iterable[Rule], checks: Iterable[Callable[[Any], bool]], event: Any) -> Explanation:
    """Explains compiled rules on a parsed event."""
    if not isinstance(event, dict):
        not_an_object = Mismatch("", "", (), "the event is not a JSON object")
        return Explanation(matched=False, branches=((not_an_object,),))
    branches = tuple(
        () if check(event) else _mismatches(rule, event) for rule, check in zip(rules, checks, strict=True)
    )
    return Explanation(matched=not all(branches), branches=branches)


def _mismatches(rule: Rule, event: dict[str, Any]) -> tuple[Mismatch, ...]:
    found = [
        mismatch
        for path, condition in rule.items()
        if (mismatch := _mismatch(path, condition, event)) is not None
    ]
    if found:
        return tuple(found)
    paths = ", ".join(sorted(rule))
    return (Mismatch("", "", (), f"{paths} match, but not in the same element of an array"),)


def _mismatch(path: str, condition: Condition, event: dict[str, Any]) -> Mismatch | None:
    test = leaf_test(condition.members)
    shown = tuple(islice(leaves(event, path), SHOWN))
    if not shown:
        if condition.optional:
            return None
        return Mismatch(path, condition.text, (), f"missing, expected {condition.text}")
    if any(test(leaf) for leaf in leaves(event, path)):
        return None
    values = ", ".join(map(repr, shown))
    return Mismatch(path, condition.text, shown, f"{values} is not in {condition.text}")
