"""The leaves of large arrays by path, so that the work does not grow with leaves times paths.

Once a leaf in an element is chosen, every later path through the array is limited to that element. If the
element has no arrays of objects, its leaves are looked up by path, instead of searched from the root for each
path. If nothing is chosen yet, and the event is large, one search finds the leaves of all paths.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.patterns.leaves import own_leaves

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Visits of one evaluation after which one search for all paths is cheaper than more searches for each.
MANY_VISITS = 500


class ArrayOfEvent(NamedTuple):
    """An array of the event. One list object in two parents counts as two arrays."""

    prefix: str
    list_id: int
    parent_id: int


class ArrayChain(NamedTuple):
    """The arrays that contain a leaf, as a linked list, so that deep nesting needs no copies.

    Attributes:
        before: the array around this one.
        array: which.
        element: index of the element.
        value: the element.
    """

    before: ArrayChain | None
    array: ArrayOfEvent
    element: int
    value: Any


class Blocks:
    """Which paths of an evaluation follow each other below the same prefix.

    Args:
        paths: dotted, in the order of evaluation.
        prefixes: for each path, its prefixes.
    """

    def __init__(self, paths: Sequence[str], prefixes: Sequence[Sequence[str]]) -> None:
        self.numbers = {path: number for number, path in enumerate(paths)}
        self.positions: dict[str, list[int]] = {}
        for number, found in enumerate(prefixes):
            for prefix in set(found):
                self.positions.setdefault(prefix, []).append(number)

    def end(self, number: int, prefix: str) -> int | None:
        """The number of the last path below a prefix, if all paths after ``number`` and up to it are."""
        below = self.positions[prefix]
        last = below[-1]
        return last if len(below) - bisect_right(below, number) == last - number else None


class Elements:
    """The leaves of array elements, by path, for the evaluation of one event.

    Attributes:
        visits: number of fields visited so far, for tests.

    Args:
        blocks: of the paths.
        root: the event, or the value at the first part of the paths.
        start: length of that first part.
    """

    def __init__(self, blocks: Blocks, root: Any, start: int) -> None:
        self.visits = 0
        self._blocks = blocks
        self._root = root
        self._start = start
        self._found: dict[int, dict[int, list[Any]] | None] = {}
        self._only_route: dict[Any, bool] = {}
        self._plain: dict[int, bool] = {}
        self._everything: dict[int, list[tuple[Any, ArrayChain | None]]] | None = None

    def everywhere(self, number: int) -> Sequence[tuple[Any, ArrayChain | None]]:
        """All leaves of a path, each with the arrays that contain it."""
        if self._everything is None:
            self._everything = self._all()
        return self._everything.get(number, ())

    def _all(self) -> dict[int, list[tuple[Any, ArrayChain | None]]]:
        found: dict[int, list[tuple[Any, ArrayChain | None]]] = {}
        numbers, prefixes = self._blocks.numbers, self._blocks.positions
        first = next(iter(numbers))[: self._start]
        stack: list[tuple[Any, str, int, ArrayChain | None]] = [(self._root, first, 0, None)]
        while stack:
            value, prefix, parent, chain = stack.pop()
            self.visits += 1
            if isinstance(value, dict):
                for key, item in value.items():
                    self.visits += 1
                    if isinstance(key, str) and ((path := prefix + key) in numbers or f"{path}." in prefixes):
                        stack.append((item, f"{path}.", id(value), chain))
            elif isinstance(value, list):
                array = ArrayOfEvent(prefix, id(value), parent)
                for index, item in enumerate(value):
                    inner = ArrayChain(chain, array, index, item) if isinstance(item, (dict, list)) else chain
                    stack.append((item, prefix, id(value), inner))
            elif (number := numbers.get(prefix[:-1])) is not None:
                found.setdefault(number, []).append((value, chain))
        return found

    def leaves(self, link: ArrayChain) -> dict[int, list[Any]] | None:
        """The leaves of a chosen element: number of the path → values.

        None if the element has arrays of objects, or if the paths may also lead past it, because of keys
        that contain dots.
        """
        if not isinstance(link.value, dict):
            return None
        array = link.array
        if array not in self._only_route:
            self._only_route[array] = self._is_only_route(link)
        if not self._only_route[array]:
            return None
        key = id(link.value)
        if key not in self._found:
            self._found[key] = self._flat(link.value, array.prefix)
        return self._found[key]

    def _flat(self, element: dict[Any, Any], start: str) -> dict[int, list[Any]] | None:
        found: dict[int, list[Any]] = {}
        numbers, prefixes = self._blocks.numbers, self._blocks.positions
        stack = [(element, start)]
        while stack:
            value, prefix = stack.pop()
            for key, item in value.items():
                self.visits += 1
                if not isinstance(key, str):
                    continue
                path = prefix + key
                if isinstance(item, dict):
                    if (below := f"{path}.") in prefixes:
                        stack.append((item, below))
                    continue
                if isinstance(item, list) and f"{path}." in prefixes:
                    return None
                number = numbers.get(path)
                if number is not None and (values := [*own_leaves(item)]):
                    found.setdefault(number, []).extend(values)
        return found

    def _is_only_route(self, link: ArrayChain) -> bool:
        """Whether no key with a dot lies on the way to an array: another way would need one."""
        prefix, arrays = link.array.prefix, []
        above: ArrayChain | None = link
        while above is not None:
            arrays.append(above)
            above = above.before
        value, at = self._root, self._start
        for step in reversed(arrays):
            while not isinstance(value, list):
                if not isinstance(value, dict) or not self._is_plain(value):
                    return False
                dot = prefix.index(".", at)
                value, at = value.get(prefix[at:dot]), dot + 1
            if id(value) != step.array.list_id:
                return False
            value = step.value
        return True

    def _is_plain(self, value: dict[Any, Any]) -> bool:
        key = id(value)
        if key not in self._plain:
            self.visits += len(value)
            self._plain[key] = not any("." in name for name in value if isinstance(name, str))
        return self._plain[key]
