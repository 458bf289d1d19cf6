"""Tests many rules on one event together, so that the work does not multiply with the number of rules.

It follows the rule in :mod:`trailforward.patterns.consistency`, path by path, for all rules at once: a set of
rules is an int with one bit per rule. Each choice of array elements has the set of rules that it satisfies so
far. A value is tested once for each different condition on its path.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from trailforward.patterns.consistency import (
    Chosen,
    LeafSearch,
    innermost,
    later_prefixes,
    only,
    path_order,
    with_chain,
)
from trailforward.patterns.elements import MANY_VISITS, Elements
from trailforward.patterns.operators import exact_strings, leaf_test

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from trailforward.patterns.elements import ArrayChain
    from trailforward.patterns.operators import Condition, Member
    from trailforward.patterns.parser import Rule


class _Level:
    """What rules require at one path.

    Attributes:
        path: dotted.
        rules: the rules with a condition at the path.
        optional: those of them that hold if the field is missing.
        later: prefixes of paths; elements of arrays at other prefixes do not matter after this path.
    """

    __slots__ = ("_conditions", "_tests", "_texts", "later", "optional", "path", "rules")

    def __init__(self, path: str) -> None:
        self.path = path
        self.rules = 0
        self.optional = 0
        self.later: frozenset[str] = frozenset()
        self._conditions: dict[tuple[Member, ...], int] = {}
        self._texts: dict[str, int] = {}
        self._tests: list[tuple[Callable[[Any], bool], int]] | None = None

    def add(self, bit: int, condition: Condition) -> None:
        """Adds the condition of a rule."""
        self.rules |= bit
        if condition.optional:
            self.optional |= bit
        self._conditions[condition.members] = self._conditions.get(condition.members, 0) | bit

    def hits(self, leaf: Any, rules: int) -> int:
        """Those of some rules whose condition a leaf satisfies."""
        if self._tests is None:
            self._tests = self._compiled()
        found = self._texts.get(leaf, 0) if isinstance(leaf, str) else 0
        for test, bits in self._tests:
            if bits & rules and test(leaf):
                found |= bits
        return found & rules

    def _compiled(self) -> list[tuple[Callable[[Any], bool], int]]:
        """The tests of all conditions, except those of plain texts, which are looked up."""
        tests = []
        for members, bits in self._conditions.items():
            texts = exact_strings(members)
            for text in texts or ():
                self._texts[text] = self._texts.get(text, 0) | bits
            if texts is None:
                tests.append((leaf_test(members), bits))
        return tests


#: What identifies a choice of elements → the choice, and the rules that it satisfies so far.
_Choices = dict["Hashable", tuple[Chosen, int]]


class JointRules(LeafSearch):
    """Rules that are tested together.

    Args:
        rules: each maps dotted paths to conditions; its position is the number of its bit.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        super().__init__()
        self._many = MANY_VISITS
        levels: dict[str, _Level] = {}
        for number, rule in enumerate(rules):
            for path, condition in rule.items():
                if path not in levels:
                    levels[path] = _Level(path)
                levels[path].add(1 << number, condition)
        self._levels = [levels[path] for path in sorted(levels, key=path_order)]
        later, self._blocks = later_prefixes([level.path for level in self._levels])
        for level, prefixes in zip(self._levels, later, strict=True):
            level.later = prefixes

    def matching(self, event: dict[str, Any], rules: int) -> int:
        """Those of some rules that match an event."""
        self._many = self.visits + MANY_VISITS
        inside = _Inside(self._levels, rules, Elements(self._blocks, event, 0))
        # For each level, the choices before it; then those after the last.
        before: list[_Choices] = [{(): ({}, rules)}, *(_Choices() for _ in self._levels)]
        for number, level in enumerate(self._levels):
            choices, before[number] = before[number], {}
            if _union(choices) & level.rules:
                self._choose(number, event, choices, before, inside)
            elif before[number + 1]:
                for chosen, satisfied in choices.values():
                    _add(before[number + 1], chosen, satisfied)
            else:
                before[number + 1] = choices
        self.visits += inside.elements.visits
        return _union(before[-1])

    def _choose(
        self,
        number: int,
        event: dict[str, Any],
        choices: _Choices,
        before: list[_Choices],
        inside: _Inside,
    ) -> None:
        """Adds the choices after one level to those before a later one."""
        level = self._levels[number]
        later, following = level.later, before[number + 1]
        for chosen, rules in choices.values():
            kept = only(chosen, later)
            tested = rules & level.rules
            missing = True
            for leaf, chain in self._leaves(number, event, chosen, inside.elements) if tested else ():
                missing = False
                if not (hits := level.hits(leaf, tested)):
                    continue
                link = innermost(chain, later)
                end = self._blocks.end(number, link.array.prefix) if link else None
                if link is None or end is None or (values := inside.elements.leaves(link)) is None:
                    _add(following, with_chain(kept, chain, later), hits)
                elif hits := hits & inside.satisfied(id(link.value), number, end, values):
                    after = self._levels[end].later
                    _add(before[end + 1], with_chain(only(chosen, after), chain, after), hits)
            if satisfied := rules & ~level.rules | (tested & level.optional if missing else 0):
                _add(following, kept, satisfied)

    def _leaves(
        self, number: int, event: dict[str, Any], chosen: Chosen, elements: Elements
    ) -> Iterable[tuple[Any, ArrayChain | None]]:
        """The leaves of a level that are consistent with the chosen elements."""
        if chosen or self.visits < self._many:
            return self.leaves(self._levels[number].path, event, chosen)
        return elements.everywhere(number)


class _Inside:
    """The rules that single elements satisfy, for the evaluation of one event.

    Args:
        levels: all.
        rules: those that may match.
        elements: of the event.
    """

    def __init__(self, levels: list[_Level], rules: int, elements: Elements) -> None:
        self.elements = elements
        self._levels = levels
        self._active = [number for number, level in enumerate(levels) if rules & level.rules]
        self._satisfied: dict[int, dict[int, int]] = {}

    def satisfied(self, element: int, number: int, end: int, values: dict[int, list[Any]]) -> int:
        """The rules whose conditions after one level, and up to another, hold in an element.

        Args:
            element: its ``id``.
            number: of the level.
            end: number of the last level whose path is in the element.
            values: the leaves of the element, by level.
        """
        if element not in self._satisfied:
            self._satisfied[element] = self._after_each(end, values)
        return self._satisfied[element][number]

    def _after_each(self, end: int, values: dict[int, list[Any]]) -> dict[int, int]:
        found: dict[int, int] = {}
        rules = -1
        for at in range(bisect_right(self._active, end) - 1, bisect_left(self._active, min(values)) - 1, -1):
            self.elements.visits += 1
            number = self._active[at]
            level = self._levels[number]
            if number not in values:
                rules &= ~level.rules | level.optional
                continue
            found[number] = rules
            hits = 0
            for leaf in values[number]:
                hits |= level.hits(leaf, level.rules)
            rules &= ~level.rules | hits
        return found


def _union(choices: _Choices) -> int:
    rules = 0
    for _, satisfied in choices.values():
        rules |= satisfied
    return rules


def _add(choices: _Choices, chosen: Chosen, rules: int) -> None:
    key = frozenset(chosen.items()) if chosen else ()
    known = choices.get(key)
    choices[key] = chosen, rules if known is None else rules | known[1]
