"""PatternSet: many patterns at once, at a cost that hardly grows with their number.

Every combination of every pattern is one bit. A field of an event names, by one lookup, the combinations
that its value may satisfy; a few ANDs of whole numbers leave those that all fields allow. The index may let
too many through, never too few; where it cannot be wrong about a combination that is the answer, and else
the compiled rule has the last word.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.patterns.index_keys import Key, needs
from trailforward.patterns.leaf_index import Node, Table, look
from trailforward.patterns.leaves import view
from trailforward.patterns.numbers import Number
from trailforward.patterns.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.patterns.explain import Explanation
    from trailforward.patterns.operators import Member
    from trailforward.patterns.parser import Rule


class PatternSet:
    """Patterns by name, judged together.

    Args:
        patterns: name to pattern: text, dict or compiled. Names keep their order in answers.

    Raises:
        trailforward.errors.PatternError: one is invalid; a note on the error names it.
    """

    def __init__(self, patterns: Mapping[str, Pattern | str | Mapping[str, Any]]) -> None:
        self.patterns: dict[str, Pattern] = {
            name: source if isinstance(source, Pattern) else _compiled(name, source)
            for name, source in patterns.items()
        }
        self._names = tuple(self.patterns)
        self._index = _Index()
        for owner, pattern in enumerate(self.patterns.values()):
            for number, rule in enumerate(pattern.rules):
                self._index.add(_Entry(pattern, number, []), rule, owner)
        self._index.build()

    def matches(self, event: Any) -> list[str]:
        """The names of all patterns that match, in their order.

        Args:
            event: a dict; JSON text or bytes; or a :class:`trailforward.message.Message`, parsed once.

        Raises:
            trailforward.errors.EventError: text or bytes that are not JSON; a message that is no event.
        """
        event = view(event)
        return [self._names[number] for number in self.numbers(event)] if isinstance(event, dict) else []

    def numbers(self, event: dict[str, Any]) -> list[int]:
        """The places of all patterns that match an event, among the patterns, in order. Not to be changed."""
        sure, unsure = self._index.candidates(event)
        if not unsure:
            return sure
        holding = (entry.owners for entry in unsure if entry.pattern.checks[entry.number](event))
        return sorted({*sure, *chain.from_iterable(holding)})

    @property
    def numeric(self) -> bool:
        """Whether any pattern compares numbers: then it matters how a number is spelt in an event."""
        conditions = (
            asked for pattern in self.patterns.values() for rule in pattern.rules for asked in rule.values()
        )
        return any(_numeric(member) for asked in conditions for member in asked.members)

    def candidates(self, event: Any) -> int:
        """How many patterns the index leaves in play for an event; for tests and benchmarks."""
        event = view(event)
        if not isinstance(event, dict):
            return 0
        sure, unsure = self._index.candidates(event)
        return len(sure) + len(unsure)

    def explain(self, event: Any) -> dict[str, Explanation]:
        """For each pattern and field why it matches or not. Holds values of the event: not for logs.

        Raises:
            trailforward.errors.EventError: as for :meth:`matches`.
        """
        event = view(event)
        return {name: pattern.explain(event) for name, pattern in self.patterns.items()}

    def __len__(self) -> int:
        return len(self.patterns)


def _compiled(name: str, source: str | Mapping[str, Any]) -> Pattern:
    try:
        return Pattern(source)
    except Exception as error:
        error.add_note(f"in the pattern named {name!r}")
        raise


class _Entry(NamedTuple):
    """One combination of a pattern, and all patterns that have an equal one."""

    pattern: Pattern
    number: int
    owners: list[int]


#: Answers that are remembered: most events show the same few values where rules look.
_REMEMBERED = 1_024


class _Index:
    def __init__(self) -> None:
        self.by_rule: dict[Any, _Entry] = {}
        self.entries: tuple[_Entry, ...] = ()
        self.root = Node()
        self.tables: tuple[Table, ...] = ()
        self.always = 0  # rules that need no leaf the index could look for
        self.decided = 0  # rules of which the leaves tell everything
        self._answers: dict[Any, tuple[list[int], list[_Entry]]] = {}

    def add(self, entry: _Entry, rule: Rule, owner: int) -> None:
        """Adds one combination of a pattern; equal ones are run once for all their owners."""
        identity = frozenset((path, condition.members) for path, condition in rule.items())
        self.by_rule.setdefault(identity, entry).owners.append(owner)

    def build(self) -> None:
        self.entries = tuple(self.by_rule.values())
        wanted = [dict(needs(entry.pattern.rules[entry.number])) for entry in self.entries]
        crowd: Counter[tuple[str, Key | None]] = Counter()
        for need in wanted:
            crowd.update((path, key) for path, asked in need.items() for key in asked.keys or (None,))
        tables: dict[str, Table] = {}
        for number, (entry, need) in enumerate(zip(self.entries, wanted, strict=True)):
            bit = 1 << number
            for path, asked in need.items():
                if path not in tables:
                    tables[path] = self.root.place(path)
                tables[path].add(bit, asked.keys)
            if not need:
                self.always |= bit
                continue
            if len(need) == len(entry.pattern.rules[entry.number]) and all(
                one.enough for one in need.values()
            ):
                self.decided |= bit
            # Looked for first where the fewest others are.
            path = min(need, key=lambda path: sum(crowd[path, key] for key in need[path].keys or (None,)))
            tables[path].first |= bit
        self.tables = tuple(tables.values())

    def candidates(self, event: dict[str, Any]) -> tuple[list[int], list[_Entry]]:
        """The patterns that an event surely satisfies, in order, and the rules that it may satisfy."""
        found, alone = look(self.root, event)
        seen = alone, *found.items()
        answer = self._answers.get(seen)
        if answer is None:
            answer = self._candidates(found, self.decided if alone else 0)
            if len(self._answers) < _REMEMBERED:
                self._answers[seen] = answer
        return answer

    def _candidates(self, found: Mapping[Table, int], decided: int) -> tuple[list[int], list[_Entry]]:
        bits = self.always
        for table, hits in found.items():
            bits |= hits & table.first
        for table in self.tables:
            # Of those that need a leaf here, the ones that it cannot satisfy are out.
            bits &= ~table.bearing | found.get(table, 0)
        sure: set[int] = set()
        unsure = []
        while bits:
            lowest = bits & -bits
            bits ^= lowest
            entry = self.entries[lowest.bit_length() - 1]
            if lowest & decided:
                sure.update(entry.owners)
            else:
                unsure.append(entry)
        return sorted(sure), unsure


def _numeric(member: Member) -> bool:
    kind, operand = member
    excluded = operand if kind == "anything-but" and isinstance(operand, tuple) else ()
    return kind in {"number", "numeric"} or any(isinstance(one, Number) for one in excluded)
