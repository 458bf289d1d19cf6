"""PatternSet: many patterns at once, at a cost that hardly grows with their number.

Every combination of every pattern is one bit. A field of an event names, by one lookup, the combinations
that its value may satisfy; a few ANDs of whole numbers leave the few that are worth running. The index may
let too many through, never too few: the compiled rule has the last word.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.patterns.addresses import address
from trailforward.patterns.event import view
from trailforward.patterns.matcher import MAX_STEPS
from trailforward.patterns.numbers import Number
from trailforward.patterns.pattern import Pattern
from trailforward.patterns.text import wildcard_segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trailforward.patterns.explain import Explanation
    from trailforward.patterns.operators import Condition, Member
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
        """The places of all patterns that match an event, among the patterns, in order."""
        owners: set[int] = set()
        for entry in self._index.candidates(event):
            if entry.pattern.checks[entry.number](event):
                owners.update(entry.owners)
        return sorted(owners)

    @property
    def numeric(self) -> bool:
        """Whether any pattern compares numbers: then it matters how a number is spelt in an event."""
        conditions = (
            asked for pattern in self.patterns.values() for rule in pattern.rules for asked in rule.values()
        )
        return any(_numeric(member) for asked in conditions for member in asked.members)

    def candidates(self, event: Any) -> int:
        """How many rules the index leaves to run for an event; for tests and benchmarks."""
        event = view(event)
        return sum(1 for _ in self._index.candidates(event)) if isinstance(event, dict) else 0

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


class _Key(NamedTuple):
    """What a leaf must show for a rule to stay in play: one of ``exact``, ``prefix``, ``suffix``."""

    kind: str
    value: Any


class _Table:
    """What the leaves of one path say about all rules, as bits."""

    __slots__ = ("affixes", "any", "bearing", "exact", "first", "spelled")

    def __init__(self) -> None:
        self.bearing = 0  # rules that need a leaf here
        self.first = 0  # those of them that are looked for here first
        self.any = 0  # those that any leaf may satisfy, as far as the index knows
        self.exact: dict[Any, int] = {}
        self.affixes: dict[tuple[str, int], dict[str, int]] = {}
        self.spelled = False  # IP addresses among the exact values

    def add(self, bit: int, keys: tuple[_Key, ...] | None) -> None:
        self.bearing |= bit
        if keys is None:
            self.any |= bit
        for kind, value in keys or ():
            if kind == "exact":
                self.exact[value] = self.exact.get(value, 0) | bit
                self.spelled |= isinstance(value, tuple)
            else:
                affixes = self.affixes.setdefault((kind, len(value)), {})
                affixes[value] = affixes.get(value, 0) | bit

    def hits(self, leaf: Any) -> int:
        """The rules that a leaf may satisfy."""
        hits = self.any
        if isinstance(leaf, str):
            hits |= self.exact.get(leaf, 0)
            for (kind, size), affixes in self.affixes.items():
                affix = leaf[:size] if kind == "prefix" else leaf[max(len(leaf) - size, 0) :]
                hits |= affixes.get(affix, 0)
            if self.spelled and (found := address(leaf)) is not None:
                hits |= self.exact.get(found, 0)
        elif leaf is None or leaf is True or leaf is False:
            hits |= self.exact.get(leaf, 0)
        return hits


class _Node:
    """A place in events. Dotted keys are further children, so every split of a path gets here."""

    __slots__ = ("children", "table")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.table: _Table | None = None


class _Index:
    def __init__(self) -> None:
        self.by_rule: dict[Any, _Entry] = {}
        self.entries: tuple[_Entry, ...] = ()
        self.root = _Node()
        self.always = 0  # rules that need no leaf the index could look for

    def add(self, entry: _Entry, rule: Rule, owner: int) -> None:
        """Adds one combination of a pattern; equal ones are run once for all their owners."""
        identity = frozenset((path, condition.members) for path, condition in rule.items())
        self.by_rule.setdefault(identity, entry).owners.append(owner)

    def build(self) -> None:
        self.entries = tuple(self.by_rule.values())
        needs = [dict(_needs(entry.pattern.rules[entry.number])) for entry in self.entries]
        crowd: Counter[tuple[str, _Key | None]] = Counter()
        for need in needs:
            crowd.update((path, key) for path, keys in need.items() for key in keys or (None,))
        tables: dict[str, _Table] = {}
        for number, need in enumerate(needs):
            bit = 1 << number
            for path, keys in need.items():
                if path not in tables:
                    tables[path] = self._place(path)
                tables[path].add(bit, keys)
            if not need:
                self.always |= bit
                continue
            # Looked for first where the fewest others are.
            path = min(need, key=lambda path: sum(crowd[path, key] for key in need[path] or (None,)))
            tables[path].first |= bit

    def _place(self, path: str) -> _Table:
        """The table of a path, reachable by every split of it."""
        steps = path.split(".")
        nodes = [self.root]
        for step in steps:
            nodes.append(nodes[-1].children.setdefault(step, _Node()))
        for start in range(len(steps)):
            for end in range(start + 2, len(steps) + 1):
                nodes[start].children[".".join(steps[start:end])] = nodes[end]
        table = nodes[-1].table = nodes[-1].table or _Table()
        return table

    def candidates(self, event: dict[str, Any]) -> Iterator[_Entry]:
        """The rules that the event may satisfy."""
        bits, seen = self.always, []
        for table, found in self._leaves(event).items():
            hits = 0
            for leaf in found:
                hits |= table.hits(leaf)
            bits |= hits & table.first
            seen.append((table, hits))
        for table, hits in seen:
            if not bits:
                return
            # Of those that need a leaf here, the ones it cannot satisfy are out.
            bits &= ~(table.bearing & ~hits)
        while bits:
            lowest = bits & -bits
            bits ^= lowest
            yield self.entries[lowest.bit_length() - 1]

    def _leaves(self, event: dict[str, Any]) -> dict[_Table, list[Any]]:
        """The leaves of all fields that any rule names."""
        found: dict[_Table, list[Any]] = {}
        stack: list[tuple[_Node, Any]] = [(self.root, event)]
        while stack:
            node, value = stack.pop()
            if isinstance(value, dict):
                children = node.children
                if children:
                    stack += [(children[key], value[key]) for key in children.keys() & value.keys()]
            elif isinstance(value, list):
                stack += [(node, item) for item in value]
            elif node.table is not None:
                found.setdefault(node.table, []).append(value)
        return found


def _numeric(member: Member) -> bool:
    kind, operand = member
    excluded = operand if kind == "anything-but" and isinstance(operand, tuple) else ()
    return kind in {"number", "numeric"} or any(isinstance(one, Number) for one in excluded)


def _needs(rule: Rule) -> Iterator[tuple[str, tuple[_Key, ...] | None]]:
    """The paths where a rule needs a leaf, with the keys of that leaf; None if any may do."""
    for path, condition in rule.items():
        if not condition.optional and path.count(".") < MAX_STEPS:
            yield path, _keys(condition)


def _keys(condition: Condition) -> tuple[_Key, ...] | None:
    keys = tuple(map(_key, condition.members))
    return None if None in keys else keys  # type: ignore[return-value]


def _key(member: Member) -> _Key | None:
    """A key that every leaf has that satisfies a member; None if there is none."""
    kind, operand = member
    if kind == "string":
        return _Key("exact", address(operand) or operand)
    if kind in {"exactly", "literal"}:
        return _Key("exact", operand)
    if kind in {"prefix", "suffix"} and operand:
        return _Key(kind, operand)
    if kind == "wildcard":
        head, *others = wildcard_segments(operand)
        if head or not others:
            return _Key("prefix" if others else "exact", head)
        return _Key("suffix", others[-1]) if others[-1] else None
    return None
