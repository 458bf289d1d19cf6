"""Computes the wildcard complexity that EventBridge limits.

The complexity of a field is the largest number of positions in its wildcards that can be active at the same
time while a value is read byte by byte. The idea, not the code, comes from Event Ruler's evaluator. The
search stops at the first number above the limit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from string import ascii_letters
from typing import TYPE_CHECKING

from trailforward.patterns.consistency import path_order
from trailforward.patterns.invalid import InvalidPatternError
from trailforward.patterns.operators import ABSENT, Member
from trailforward.patterns.strings import wildcard_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trailforward.patterns.operators import Condition
    from trailforward.patterns.parser import Rule

TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences "
    "after a wildcard character"
)

#: Maximum number of positions to visit; after that, the result is the largest number found so far.
MAX_WORK = 50_000

_QUOTE = ord('"')
_STAR = -1
_LETTERS = frozenset(ascii_letters.encode())


def check_complexity(rules: Iterable[Rule], limit: int) -> None:
    """Rejects rules whose wildcards are too complex.

    Raises:
        InvalidPatternError: with EventBridge's message, which contains no location.
    """
    if complexity(rules, stop=limit) > limit:
        raise InvalidPatternError(TOO_COMPLEX)


def complexity(rules: Iterable[Rule], *, stop: int = 100, thorough: bool = False) -> int:
    """The wildcard complexity of rules.

    Args:
        rules: the combinations of one pattern.
        stop: return as soon as the score is above this.
        thorough: also score paths that sort after a path with only ``exists: false``, which Event Ruler does
            not reach.

    Returns:
        0 if there are no wildcards.
    """
    rows = []
    for rule in rules:
        if any(_wildcards(condition) for condition in rule.values()):
            row = sorted(rule.items(), key=lambda item: path_order(item[0]))
            rows.append(row if thorough else _scored_by_ruler(row))
    return _score_rows(rows, 0, stop)


_Row = list[tuple[str, "Condition"]]


def _wildcards(condition: Condition) -> list[Member]:
    return [member for member in condition.members if member.kind.endswith("wildcard")]


def _scored_by_ruler(row: _Row) -> _Row:
    for at, (_, condition) in enumerate(row):
        if all(member == ABSENT for member in condition.members):
            return row[: at + 1]
    return row


def _score_rows(rows: list[_Row], depth: int, stop: int) -> int:
    """Scores rows that have the same paths before ``depth`` and share members on each of them."""
    by_path: dict[str, list[_Row]] = {}
    for row in rows:
        if depth < len(row):
            by_path.setdefault(row[depth][0], []).append(row)
    best = 0
    for group in by_path.values():
        members = dict.fromkeys(member for row in group for member in _wildcards(row[depth][1]))
        repeated = [member for row in group for member in _repeated(_wildcards(row[depth][1]))]
        best = max(best, score(list(members) + list(dict.fromkeys(repeated)), stop=stop))
        for connected in _connected(group, depth):
            if best > stop:
                return best
            best = max(best, _score_rows(connected, depth + 1, stop))
    return best


def _repeated(members: list[Member]) -> list[Member]:
    return [member for at, member in enumerate(members) if member in members[:at]]


def _connected(group: list[_Row], depth: int) -> list[list[_Row]]:
    """Groups rows that are connected by equal members at ``depth``."""
    parts: list[tuple[set[Member], list[_Row]]] = []
    for row in group:
        members, rows = set(row[depth][1].members), [row]
        apart = []
        for part in parts:
            if part[0].isdisjoint(members):
                apart.append(part)
            else:
                members |= part[0]
                rows = part[1] + rows
        parts = [*apart, (members, rows)]
    return [rows for _, rows in parts]


@dataclass(slots=True)
class _Position:
    """One position in a wildcard, and what may follow it."""

    literals: list[tuple[int, int]] = field(default_factory=list)  # byte, position after it
    star: int | None = None
    is_star: bool = False


class _Automaton:
    """The wildcards of one field as a state machine.

    The texts of one ``anything-but`` list share the positions of their common prefix, up to a letter directly
    after a star, and the closing quote. (Sources: scores recorded from AWS; Event Ruler's state machine.)
    """

    def __init__(self) -> None:
        self.positions: list[_Position] = []
        self.openings: list[int] = []

    def add(self, texts: Sequence[str]) -> None:
        """Adds the texts of one condition."""
        opening, closing = self._new(), self._new()
        self.openings.append(opening)
        for text in texts:
            here, shared = opening, True
            for token in _tokens(text):
                after_star = self.positions[here].is_star and token in _LETTERS
                shared = shared and not after_star
                here, shared = self._step(here, token, shared=shared)
            self.positions[here].literals.append((_QUOTE, closing))

    def _new(self, *, is_star: bool = False) -> int:
        self.positions.append(_Position(is_star=is_star))
        return len(self.positions) - 1

    def _step(self, here: int, token: int, *, shared: bool) -> tuple[int, bool]:
        """The position after a token, and whether it existed already."""
        position = self.positions[here]
        known = position.star if token == _STAR else dict(position.literals).get(token)
        if shared and known is not None:
            return known, True
        new = self._new(is_star=token == _STAR)
        if token == _STAR:
            position.star = new
        else:
            position.literals.append((token, new))
        return new, False

    def follow(self, active: frozenset[int]) -> Iterable[frozenset[int]]:
        """Yields each set of positions that can be active after one more byte."""
        always: set[int] = set()
        by_byte: dict[int, set[int]] = {}
        for here in active:
            position = self.positions[here]
            sources = [position]
            if position.is_star:
                always.add(here)
            if position.star is not None:
                always.add(position.star)
                sources.append(self.positions[position.star])  # a star may match zero characters
            for source in sources:
                for byte, target in source.literals:
                    by_byte.setdefault(byte, set()).add(target)
        yield frozenset(always)
        for reached in by_byte.values():
            yield frozenset(always | reached)

    def score(self, active: frozenset[int]) -> int:
        """The number of active positions, plus those directly before a star that is not active."""
        stars = (self.positions[here].star for here in active)
        return len(active) + sum(star is not None and star not in active for star in stars)


def _tokens(text: str) -> Iterable[int]:
    segments = wildcard_segments(text)
    for at, segment in enumerate(segments):
        if at:
            yield _STAR
        yield from segment.encode("utf-8", "surrogatepass")


def score(members: Sequence[Member], *, stop: int = 100) -> int:
    """The score of the wildcard conditions of one field. A repeated condition counts twice.

    Args:
        members: ``wildcard`` and ``anything-but/wildcard`` members.
        stop: return as soon as the score is above this.
    """
    texts: dict[Member, list[str]] = {}
    for member in members:
        texts.setdefault(member, []).extend(
            [member.operand] if isinstance(member.operand, str) else member.operand
        )
    automaton = _Automaton()
    for group in texts.values():
        automaton.add(group)
    start = frozenset(automaton.openings)
    best, work, seen, queue = 0, 0, {start}, [start]
    while queue and best <= stop and work < MAX_WORK:
        following: list[frozenset[int]] = []
        for active in queue:
            best = max(best, automaton.score(active))
            for found in automaton.follow(active):
                work += len(found) + 1
                if found not in seen:
                    seen.add(found)
                    following.append(found)
        queue = following
    return best
