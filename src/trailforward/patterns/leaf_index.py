"""Finds the rules that the leaves of an event may satisfy. A set of rules is an int with one bit per rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.patterns.addresses import address
from trailforward.patterns.leaves import MISSING

if TYPE_CHECKING:
    from trailforward.patterns.index_keys import IndexKey


#: Limits of a cache: the number of texts, and the characters of a text. Events may contain many long texts.
_MAX_CACHED, _MAX_CACHED_LENGTH = 512, 256


class LeafIndex:
    """The rules that each possible leaf at one path may satisfy.

    Attributes:
        required_by: the rules that require a leaf at this path.
        anchor_of: the rules for which this path is the most selective one, where the search starts.
        cache: text → the rules that it may satisfy. Most events contain the same few texts.
    """

    __slots__ = (
        "_affixes",
        "_any",
        "_equals",
        "_excluded",
        "_has_addresses",
        "_networks",
        "anchor_of",
        "cache",
        "required_by",
    )

    def __init__(self) -> None:
        self.required_by = 0
        self.anchor_of = 0
        self._any = 0  # rules that any leaf may satisfy
        self._excluded: dict[str, int] = {}  # text → rules in _any that it does not satisfy
        self._equals: dict[Any, int] = {}
        self._affixes: dict[tuple[str, int], dict[str, int]] = {}
        self._networks: dict[tuple[int, int], dict[int, int]] = {}
        self._has_addresses = False  # whether any key is an address or a network
        self.cache: dict[Any, int] = {}

    def add(self, bit: int, keys: tuple[IndexKey, ...] | None) -> None:
        """Adds a rule that requires a leaf with one of these keys, or any leaf if None."""
        self.required_by |= bit
        if keys is None:
            self._any |= bit
        for kind, value, _ in keys or ():
            bucket: dict[Any, int]
            if kind == "anything-but":
                self._any |= bit
                self._excluded |= {text: self._excluded.get(text, 0) | bit for text in value}
                continue
            if kind == "equals":
                bucket, key = self._equals, value
                self._has_addresses |= isinstance(value, tuple)
            elif kind == "cidr":
                bucket, key = self._networks.setdefault((value.bits, value.shift), {}), value.prefix
                self._has_addresses = True
            else:
                bucket, key = self._affixes.setdefault((kind, len(value)), {}), value
            bucket[key] = bucket.get(key, 0) | bit

    def hits(self, leaf: Any) -> int:
        """The rules that a leaf may satisfy. Look it up in ``cache`` first."""
        if isinstance(leaf, str):
            hits = self._hits(leaf)
            if len(self.cache) < _MAX_CACHED and len(leaf) <= _MAX_CACHED_LENGTH:
                self.cache[leaf] = hits
            return hits
        if leaf is None or leaf is True or leaf is False:
            return self._any | self._equals.get(leaf, 0)
        return self._any

    def _hits(self, leaf: str) -> int:
        hits = self._any & ~self._excluded.get(leaf, 0) | self._equals.get(leaf, 0)
        for (kind, size), affixes in self._affixes.items():
            affix = leaf[:size] if kind == "prefix" else leaf[max(len(leaf) - size, 0) :]
            hits |= affixes.get(affix, 0)
        if self._has_addresses and (found := address(leaf)) is not None:
            hits |= self._equals.get(found, 0)
            for (bits, shift), networks in self._networks.items():
                if bits == found.bits:
                    hits |= networks.get(found.value >> shift, 0)
        return hits


class PathNode:
    """One path in events.

    Attributes:
        children: next key → the path with that key.
        dotted: key with dots → the path that it leads to.
        index: the index of the leaves at this path, if any rule requires one.
    """

    __slots__ = ("children", "dotted", "index")

    def __init__(self) -> None:
        self.children: dict[str, PathNode] = {}
        self.dotted: dict[str, PathNode] = {}
        self.index: LeafIndex | None = None

    def index_at(self, path: str) -> LeafIndex:
        """The index for a path below this node, reachable through every split of the path into keys."""
        steps = path.split(".")
        nodes = [self]
        for step in steps:
            nodes.append(nodes[-1].children.setdefault(step, PathNode()))
        for start in range(len(steps)):
            for end in range(start + 2, len(steps) + 1):
                nodes[start].dotted[".".join(steps[start:end])] = nodes[end]
        index = nodes[-1].index = nodes[-1].index or LeafIndex()
        return index


def find_candidates(  # noqa: C901  # one loop, because function calls would cost more than their work
    root: PathNode, event: dict[str, Any]
) -> tuple[dict[LeafIndex, int], bool]:
    """The rules that the leaves of an event may satisfy.

    Args:
        root: the root of all paths.
        event: a JSON object.

    Returns:
        For each index the rules that leaves at its path may satisfy; and whether fields can be judged
        independently. They cannot if there are objects in arrays, whose fields belong together, or dotted
        keys, which may define a path twice.
    """
    found: dict[LeafIndex, int] = {}
    independent = True
    stack: list[tuple[PathNode, Any]] = [(root, event)]
    while stack:
        node, value = stack.pop()
        if isinstance(value, dict):
            get = value.get
            for key, child in node.children.items():
                below = get(key, MISSING)
                if below is MISSING:
                    continue
                if isinstance(below, (dict, list)):
                    stack.append((child, below))
                elif (index := child.index) is not None:
                    # Inlined, because these lines run most often with many routes.
                    if (hits := index.cache.get(below)) is None:
                        hits = index.hits(below)
                    found[index] = found[index] | hits if index in found else hits
            if node.dotted and not node.dotted.keys().isdisjoint(value):
                independent = False
                stack += [(child, value[key]) for key, child in node.dotted.items() if key in value]
        elif isinstance(value, list):
            stack += [(node, item) for item in value]
            independent = independent and not any(isinstance(item, dict) for item in value)
        elif node.index is not None:
            found[node.index] = found.get(node.index, 0) | node.index.hits(value)
    return found, independent
