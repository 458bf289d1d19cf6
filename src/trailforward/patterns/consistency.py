"""Arrays of objects: fields found inside one array must come from the same element of it.

The rule (Event Ruler): every leaf carries, for each array around it, the index of the element it lies in,
if that element is an object or an array. One leaf is chosen for each path, and no array may be left with two
different indexes. Paths are judged in the order of their UTF-16 units, which shows only in ``exists: false``:
it asks whether a leaf is left that agrees with what *earlier* paths chose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.patterns.leaves import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Field(NamedTuple):
    """One path of a rule, compiled.

    Attributes:
        path: dotted.
        test: what a leaf must pass.
        optional: whether having no leaf is fine as well.
    """

    path: str
    test: Callable[[Any], bool]
    optional: bool


class _Array(NamedTuple):
    """An array of the event. The same list object may hang below two parents: those are two arrays."""

    head: str
    list_id: int
    parent_id: int


class _Trail(NamedTuple):
    """The way to a leaf: linked, so that deep nesting costs no copies."""

    before: _Trail | None
    array: _Array
    element: int


_Bound = dict[_Array, int]


def path_order(path: str) -> bytes:
    """Sort key: the UTF-16 code units of a path."""
    return path.encode("utf-16-be", "surrogatepass")


def _in_turn(fields: Sequence[Field]) -> list[Field]:
    """Fields in the order of evaluation.

    Between two optional fields the order cannot be observed. There neighbours in the event are kept together,
    so that an array's choice is forgotten before the next array's is made.
    """
    turns: list[Field] = []
    waiting: list[Field] = []
    for field in sorted(fields, key=lambda field: path_order(field.path)):
        waiting.append(field)
        if field.optional:
            turns += sorted(waiting[:-1], key=_steps)
            turns.append(field)
            waiting = []
    return turns + sorted(waiting, key=_steps)


def _steps(field: Field) -> list[str]:
    return field.path.split(".")


class Consistency:
    """Judges the fields of one rule together.

    What later paths cannot see is forgotten, and no state is tried twice. So the work grows with the
    places of the event, not with the combinations of its elements.

    Attributes:
        visits: leaves and containers looked at so far, for tests.
    """

    def __init__(self, fields: Sequence[Field], start: int) -> None:
        """Args are the fields below one place, and the position of that place in their paths."""
        self._fields = _in_turn(fields)
        self._start = start
        self._later: list[frozenset[str]] | None = None
        self.visits = 0

    def holds(self, value: Any) -> bool:
        """Whether leaves below ``value`` can be chosen for all fields."""
        seen: set[tuple[int, frozenset[tuple[_Array, int]]]] = set()
        turns = [self._choices(0, value, {})]
        while turns:
            bound = next(turns[-1], None)
            if bound is None:
                turns.pop()
                continue
            turn = len(turns)
            if turn == len(self._fields):
                return True
            state = (turn, frozenset(bound.items()))
            if state not in seen:
                seen.add(state)
                turns.append(self._choices(turn, value, bound))
        return False

    def _choices(self, turn: int, root: Any, bound: _Bound) -> Iterator[_Bound]:
        """What is bound after each possible choice for one field."""
        field, later = self._fields[turn], self._heads()[turn]
        kept = {array: index for array, index in bound.items() if array.head in later}
        found = False
        for leaf, trail in self._leaves(field.path, root, bound):
            found = True
            if field.test(leaf):
                yield _bind(kept, trail, later)
        if field.optional and not found:
            yield kept

    def _leaves(self, path: str, root: Any, bound: _Bound) -> Iterator[tuple[Any, _Trail | None]]:
        """The leaves of a path that agree with what is bound."""
        end = len(path) + 1
        stack: list[tuple[Any, int, int, _Trail | None]] = [(root, self._start, 0, None)]
        while stack:
            value, at, parent, trail = stack.pop()
            self.visits += 1
            if isinstance(value, dict):
                stack += [(value[key], after, id(value), trail) for key, after in steps(value, path, at)]
            elif isinstance(value, list):
                array = _Array(f"{path}."[:at], id(value), parent)
                pinned = bound.get(array)  # never at the end of a path: whatever lies below has a later turn
                for index, item in enumerate(value) if pinned is None else ((pinned, value[pinned]),):
                    self.visits += 1
                    if isinstance(item, (dict, list)):
                        stack.append((item, at, id(value), _Trail(trail, array, index)))
                    elif at == end:
                        yield item, trail
            elif at == end:
                yield value, trail

    def _heads(self) -> list[frozenset[str]]:
        """For each turn, the places on the way of later fields: only arrays there still matter."""
        if self._later is None:
            later: list[frozenset[str]] = []
            heads: frozenset[str] = frozenset()
            for field in reversed(self._fields):
                later.append(heads)
                whole = f"{field.path}."
                dots = [at + 1 for at, char in enumerate(whole) if char == "." and at >= self._start - 1]
                heads |= {whole[:at] for at in (self._start, *dots)}
            self._later = later[::-1]
        return self._later


def _bind(kept: _Bound, trail: _Trail | None, later: frozenset[str]) -> _Bound:
    bound = kept
    while trail is not None:
        if trail.array.head in later:
            if bound is kept:
                bound = dict(kept)
            bound[trail.array] = trail.element
        trail = trail.before
    return bound
