"""Matches fields in arrays of objects: fields in one array must come from the same element.

The rule (source: Event Ruler): for each array that contains it, a leaf has the index of its element, if that
element is an object or an array. One leaf is chosen for each path, and no array may get two different
indexes. Paths are evaluated in the order of their UTF-16 code units. The order matters only for ``exists:
false``, which tests whether any leaf is consistent with the choices for *earlier* paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from trailforward.patterns.elements import MANY_VISITS, ArrayChain, ArrayOfEvent, Blocks, Elements
from trailforward.patterns.leaves import matching_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Field(NamedTuple):
    """One path of a rule, compiled.

    Attributes:
        path: dotted.
        test: the test that a leaf must pass.
        optional: whether the field may be missing.
    """

    path: str
    test: Callable[[Any], bool]
    optional: bool


#: Array → index of the chosen element.
Chosen = dict[ArrayOfEvent, int]


def path_order(path: str) -> bytes:
    """The sort key of a path: its UTF-16 code units."""
    return path.encode("utf-16-be", "surrogatepass")


def _evaluation_order(fields: Sequence[Field]) -> list[Field]:
    """The fields in the order of evaluation.

    The order of the fields between two optional fields does not affect the result. There, fields that are
    close in the event stay together, so that the choice for one array can be dropped before the next one.
    """
    order: list[Field] = []
    waiting: list[Field] = []
    for field in sorted(fields, key=lambda field: path_order(field.path)):
        waiting.append(field)
        if field.optional:
            order += sorted(waiting[:-1], key=_path_parts)
            order.append(field)
            waiting = []
    return order + sorted(waiting, key=_path_parts)


def _path_parts(field: Field) -> list[str]:
    return field.path.split(".")


class LeafSearch:
    """Finds the leaves that can be chosen together with others.

    Attributes:
        visits: number of leaves and containers visited so far, for tests.
    """

    def __init__(self) -> None:
        self.visits = 0

    def leaves(
        self, path: str, root: Any, chosen: Chosen, start: int = 0
    ) -> Iterator[tuple[Any, ArrayChain | None]]:
        """The leaves of a path that are consistent with the chosen elements.

        Args:
            path: dotted.
            root: the event, or the value at the first part of the path.
            chosen: the elements that may not differ.
            start: length of that first part.
        """
        end = len(path) + 1
        stack: list[tuple[Any, int, int, ArrayChain | None]] = [(root, start, 0, None)]
        while stack:
            value, at, parent, chain = stack.pop()
            self.visits += 1
            if isinstance(value, dict):
                stack += [
                    (value[key], after, id(value), chain) for key, after in matching_keys(value, path, at)
                ]
            elif isinstance(value, list):
                array = ArrayOfEvent(f"{path}."[:at], id(value), parent)
                pinned = chosen.get(array)  # never at the end of a path: fields below it are evaluated later
                for index, item in enumerate(value) if pinned is None else ((pinned, value[pinned]),):
                    self.visits += 1
                    if isinstance(item, (dict, list)):
                        stack.append((item, at, id(value), ArrayChain(chain, array, index, item)))
                    elif at == end:
                        yield item, chain
            elif at == end:
                yield value, chain


class Consistency(LeafSearch):
    """Tests all fields of one rule together.

    Choices that later paths do not depend on are dropped, and no state is tried twice. So the work grows with
    the size of the event, not with the number of combinations of its elements.
    """

    def __init__(self, fields: Sequence[Field], start: int) -> None:
        """Takes the fields below one path, and the length of that path within theirs."""
        super().__init__()
        self._fields = _evaluation_order(fields)
        self._start = start
        self._many = MANY_VISITS
        self._compiled: tuple[list[frozenset[str]], Blocks] | None = None

    def holds(self, value: Any) -> bool:
        """Whether leaves below ``value`` can be chosen for all fields."""
        if self._compiled is None:
            self._compiled = later_prefixes([field.path for field in self._fields], self._start)
        elements = Elements(self._compiled[1], value, self._start)
        self._many = self.visits + MANY_VISITS
        seen: set[tuple[int, frozenset[tuple[ArrayOfEvent, int]]]] = set()
        stack = [self._choices(0, value, {}, elements)]
        while stack:
            state = next(stack[-1], None)
            if state is None:
                stack.pop()
                continue
            depth, chosen = state
            if depth == len(self._fields):
                return True
            key = (depth, frozenset(chosen.items()))
            if key not in seen:
                seen.add(key)
                stack.append(self._choices(depth, value, chosen, elements))
        self.visits += elements.visits
        return False

    def _choices(
        self, depth: int, root: Any, chosen: Chosen, elements: Elements
    ) -> Iterator[tuple[int, Chosen]]:
        """Yields the next field and the chosen elements after each possible choice for one field."""
        all_later, blocks = cast("tuple[list[frozenset[str]], Blocks]", self._compiled)
        field, later = self._fields[depth], all_later[depth]
        kept = only(chosen, later)
        found = False
        for leaf, chain in (
            self.leaves(field.path, root, chosen, self._start)
            if chosen or self.visits < self._many
            else elements.everywhere(depth)
        ):
            found = True
            if not field.test(leaf):
                continue
            link = innermost(chain, later)
            end = blocks.end(depth, link.array.prefix) if link else None
            inside = elements.leaves(link) if link and end is not None else None
            if inside is None or end is None:
                yield depth + 1, with_chain(kept, chain, later)
            elif self._hold_inside(depth + 1, end, inside):
                yield end + 1, with_chain(only(chosen, all_later[end]), chain, all_later[end])
        if field.optional and not found:
            yield depth + 1, kept

    def _hold_inside(self, first: int, last: int, inside: dict[int, list[Any]]) -> bool:
        """Whether some fields hold in one element."""
        for number in range(first, last + 1):
            self.visits += 1
            field, values = self._fields[number], inside.get(number)
            if not (field.optional if values is None else any(map(field.test, values))):
                return False
        return True


def later_prefixes(paths: Sequence[str], start: int = 0) -> tuple[list[frozenset[str]], Blocks]:
    """For each path, the prefixes that it or an earlier path shares with a later one; and the blocks.

    Only arrays at these prefixes still matter after the path.
    """
    prefixes = [_prefixes(path, start) for path in paths]
    last = {prefix: at for at, found in enumerate(prefixes) for prefix in found}
    later = []
    shared: set[str] = set()
    for at, found in enumerate(prefixes):
        shared = {prefix for prefix in shared.union(found) if last[prefix] > at}
        later.append(frozenset(shared))
    return later, Blocks(paths, prefixes)


def only(chosen: Chosen, later: frozenset[str]) -> Chosen:
    """The chosen elements of the arrays that still matter."""
    return {array: index for array, index in chosen.items() if array.prefix in later}


def innermost(chain: ArrayChain | None, later: frozenset[str]) -> ArrayChain | None:
    """The innermost array around a leaf that still matters."""
    while chain is not None and chain.array.prefix not in later:
        chain = chain.before
    return chain


def _prefixes(path: str, start: int) -> list[str]:
    whole = f"{path}."
    return [
        whole[:start],
        *(whole[: at + 1] for at, char in enumerate(whole) if char == "." and at >= start - 1),
    ]


def with_chain(kept: Chosen, chain: ArrayChain | None, later: frozenset[str]) -> Chosen:
    """The chosen elements with those that contain a leaf; ``kept`` itself if no array still matters."""
    chosen = kept
    while chain is not None:
        if chain.array.prefix in later:
            if chosen is kept:
                chosen = dict(kept)
            chosen[chain.array] = chain.element
        chain = chain.before
    return chosen
