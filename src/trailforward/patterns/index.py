"""PatternSet: matches many patterns at once, at a cost that hardly depends on their number.

Each combination (rule) of each pattern is one bit of an int. For each field of an event, one lookup gives the
rules that its value may satisfy, and a few bitwise ANDs leave the rules that all fields allow. The index may
return too many rules, but never too few. Where it is known to be exact, its result is final; otherwise the
compiled rule decides.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.patterns.index_keys import IndexKey, requirements
from trailforward.patterns.leaf_index import LeafIndex, PathNode, find_candidates
from trailforward.patterns.leaves import parsed_event
from trailforward.patterns.numbers import Number
from trailforward.patterns.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trailforward.patterns.explain import Explanation
    from trailforward.patterns.joint import JointRules
    from trailforward.patterns.operators import Member
    from trailforward.patterns.parser import Rule


class PatternSet:
    """Patterns by name, matched together.

    Args:
        patterns: name → pattern (text, dict, or compiled). Results keep the order of the names.

    Raises:
        trailforward.errors.PatternError: a pattern is invalid; a note on the error names it.
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
        """The names of all patterns that match, in order.

        Args:
            event: a dict; JSON text or bytes; or a :class:`trailforward.message.Message`, parsed once.

        Raises:
            trailforward.errors.EventError: text or bytes are not JSON, or a message is not an event.
        """
        event = parsed_event(event)
        return (
            [self._names[number] for number in self.matching_positions(event)]
            if isinstance(event, dict)
            else []
        )

    def matching_positions(self, event: dict[str, Any]) -> list[int]:
        """The positions of all matching patterns among the patterns, in order. Do not change the list."""
        certain, possible, bits = self._index.candidates(event)
        if not possible:
            return certain
        if len(possible) > MOST_ALONE:
            matching = self._index.jointly_matching(event, bits)
        else:
            matching = [entry for entry in possible if entry.pattern.checks[entry.number](event)]
        return sorted({*certain, *chain.from_iterable(entry.owners for entry in matching)})

    @property
    def compares_numbers(self) -> bool:
        """Whether any pattern compares numbers. Then the exact text of an event's numbers matters."""
        conditions = (
            condition
            for pattern in self.patterns.values()
            for rule in pattern.rules
            for condition in rule.values()
        )
        return any(_compares_numbers(member) for condition in conditions for member in condition.members)

    def candidates(self, event: Any) -> int:
        """How many patterns and rules the index does not rule out for an event; for tests and benchmarks."""
        event = parsed_event(event)
        if not isinstance(event, dict):
            return 0
        certain, possible, _ = self._index.candidates(event)
        return len(certain) + len(possible)

    def explain(self, event: Any) -> dict[str, Explanation]:
        """For each pattern and field, why it matches or not. Contains values of the event: do not log it.

        Raises:
            trailforward.errors.EventError: as for :meth:`matches`.
        """
        event = parsed_event(event)
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
    """One rule, and the positions of all patterns that contain an equal rule."""

    pattern: Pattern
    number: int
    owners: list[int]


#: Rules that are tested one after the other, which is faster for so few. An event may be large.
MOST_ALONE = 4

#: The positions of patterns that certainly match; the rules that may match, as a list and as bits.
_Candidates = tuple[list[int], list[_Entry], int]

#: Cached results: most events have the same few values in the fields that rules test.
_MAX_CACHED = 1_024


class _Index:
    def __init__(self) -> None:
        self.by_rule: dict[Any, _Entry] = {}
        self.entries: tuple[_Entry, ...] = ()
        self.root = PathNode()
        self.indexes: tuple[LeafIndex, ...] = ()
        self.always = 0  # rules that require no leaf that the index can look up
        self.exact = 0  # rules for which the index is exact
        self._cache: dict[Any, _Candidates] = {}
        self._joint: JointRules | None = None

    def add(self, entry: _Entry, rule: Rule, owner: int) -> None:
        """Adds one rule of a pattern. Equal rules are evaluated once for all patterns that contain them."""
        identity = frozenset((path, condition.members) for path, condition in rule.items())
        self.by_rule.setdefault(identity, entry).owners.append(owner)

    def build(self) -> None:
        """Builds the lookup structures after the last rule has been added."""
        self.entries = tuple(self.by_rule.values())
        required = [dict(requirements(entry.pattern.rules[entry.number])) for entry in self.entries]
        popularity: Counter[tuple[str, IndexKey | None]] = Counter()
        for needs in required:
            popularity.update((path, key) for path, need in needs.items() for key in need.keys or (None,))
        indexes: dict[str, LeafIndex] = {}
        for number, (entry, needs) in enumerate(zip(self.entries, required, strict=True)):
            bit = 1 << number
            for path, need in needs.items():
                if path not in indexes:
                    indexes[path] = self.root.index_at(path)
                indexes[path].add(bit, need.keys)
            if not needs:
                self.always |= bit
                continue
            all_exact = all(need.exact for need in needs.values())
            if all_exact and len(needs) == len(entry.pattern.rules[entry.number]):
                self.exact |= bit
            # Start the search at the path with the fewest other rules.
            anchor = min(
                needs, key=lambda path: sum(popularity[path, key] for key in needs[path].keys or (None,))
            )
            indexes[anchor].anchor_of |= bit
        self.indexes = tuple(indexes.values())

    def candidates(self, event: dict[str, Any]) -> _Candidates:
        """The positions of patterns that certainly match, in order, and the rules that may match."""
        found, independent = find_candidates(self.root, event)
        key = independent, *found.items()
        result = self._cache.get(key)
        if result is None:
            result = self._candidates(found, self.exact if independent else 0)
            if len(self._cache) < _MAX_CACHED:
                self._cache[key] = result
        return result

    def jointly_matching(self, event: dict[str, Any], bits: int) -> list[_Entry]:
        """Those of some rules that match an event."""
        if self._joint is None:
            # Imported here, because few events need it.
            from trailforward.patterns.joint import JointRules

            self._joint = JointRules(entry.pattern.rules[entry.number] for entry in self.entries)
        return [self.entries[number] for number in positions(self._joint.matching(event, bits))]

    def _candidates(self, found: Mapping[LeafIndex, int], exact: int) -> _Candidates:
        bits = self.always
        for index, hits in found.items():
            bits |= hits & index.anchor_of
        for index in self.indexes:
            # Remove the rules that require a leaf here which none of the leaves satisfies.
            bits &= ~index.required_by | found.get(index, 0)
        certain = {owner for number in positions(bits & exact) for owner in self.entries[number].owners}
        bits &= ~exact
        return sorted(certain), [self.entries[number] for number in positions(bits)], bits


def positions(bits: int) -> Iterator[int]:
    """The positions of the bits that are set, in order."""
    while bits:
        lowest = bits & -bits
        bits ^= lowest
        yield lowest.bit_length() - 1


def _compares_numbers(member: Member) -> bool:
    kind, operand = member
    excluded = operand if kind == "anything-but" and isinstance(operand, tuple) else ()
    return kind in {"number", "numeric"} or any(isinstance(one, Number) for one in excluded)
