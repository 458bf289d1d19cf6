"""Tests many rules on one event together, so that the work does not multiply with the number of rules.

It follows the rule in :mod:`trailforward.patterns.consistency`, path by path, for all rules at once: a set of
rules is an int with one bit per rule. Each choice of array elements has the set of rules that it satisfies so
far. A value is tested once for each different condition on its path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.patterns.consistency import Chosen, LeafSearch, later_prefixes, path_order, with_chain
from trailforward.patterns.operators import exact_strings, leaf_test

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

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
        levels: dict[str, _Level] = {}
        for number, rule in enumerate(rules):
            for path, condition in rule.items():
                if path not in levels:
                    levels[path] = _Level(path)
                levels[path].add(1 << number, condition)
        self._levels = [levels[path] for path in sorted(levels, key=path_order)]
        for level, later in zip(self._levels, later_prefixes([*map(_path, self._levels)]), strict=True):
            level.later = later

    def matching(self, event: dict[str, Any], rules: int) -> int:
        """Those of some rules that match an event."""
        choices: _Choices = {(): ({}, rules)}
        for level in self._levels:
            if rules & level.rules:
                choices = self._after(level, event, choices)
                rules = 0
                for _, satisfied in choices.values():
                    rules |= satisfied
        return rules

    def _after(self, level: _Level, event: dict[str, Any], choices: _Choices) -> _Choices:
        """The choices after one more path."""
        later, following = level.later, _Choices()
        for chosen, rules in choices.values():
            kept = {array: index for array, index in chosen.items() if array.prefix in later}
            tested = rules & level.rules
            missing = True
            for leaf, chain in self.leaves(level.path, event, chosen) if tested else ():
                missing = False
                if hits := level.hits(leaf, tested):
                    _add(following, kept if chain is None else with_chain(kept, chain, later), hits)
            if satisfied := rules & ~level.rules | (tested & level.optional if missing else 0):
                _add(following, kept, satisfied)
        return following


def _path(level: _Level) -> str:
    return level.path


def _add(choices: _Choices, chosen: Chosen, rules: int) -> None:
    key = frozenset(chosen.items()) if chosen else ()
    known = choices.get(key)
    choices[key] = chosen, rules if known is None else rules | known[1]
