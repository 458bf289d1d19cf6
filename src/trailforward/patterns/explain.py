"""Why an event matched or not: every field of every combination, in words."""

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

#: Leaves of one field shown at most.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One field that stood in the way.

    Attributes:
        path: dotted; empty where the event as a whole is at fault.
        wanted: the pattern's array as written.
        found: the first leaves the event has there.
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
        matched: the answer of ``matches``.
        branches: for each combination of ``$or``, in document order, what stood in its way; an empty one
            holds.
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
        nothing = Mismatch("", "", (), "the event is not a JSON object")
        return Explanation(matched=False, branches=((nothing,),))
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
    return (
        Mismatch("", "", (), f"each of {paths} holds somewhere, but not in the same element of an array"),
    )


def _mismatch(path: str, condition: Condition, event: dict[str, Any]) -> Mismatch | None:
    test = leaf_test(condition.members)
    shown = tuple(islice(leaves(event, path), SHOWN))
    if not shown:
        if condition.optional:
            return None
        return Mismatch(path, condition.text, (), f"no value there, wanted {condition.text}")
    if any(test(leaf) for leaf in leaves(event, path)):
        return None
    values = ", ".join(map(repr, shown))
    return Mismatch(path, condition.text, shown, f"{values} is not in {condition.text}")
