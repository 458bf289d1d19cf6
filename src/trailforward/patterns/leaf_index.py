"""Tables: what the leaves of an event say about all rules at once, as bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.patterns.addresses import address
from trailforward.patterns.leaves import MISSING

if TYPE_CHECKING:
    from trailforward.patterns.index_keys import Key


#: Texts of a table that are remembered, and characters of one: events may hold any number of long ones.
_MOST_KNOWN, _LONGEST_KNOWN = 512, 256


class Table:
    """What the leaves at one path say.

    Attributes:
        bearing: rules that need a leaf here.
        first: those of them that are looked for here first.
        known: what some texts hit: the same few come again and again.
    """

    __slots__ = ("_affixes", "_any", "_but", "_exact", "_networks", "_spelled", "bearing", "first", "known")

    def __init__(self) -> None:
        self.bearing = 0
        self.first = 0
        self._any = 0  # those that any leaf may satisfy, as far as keys tell
        self._but: dict[str, int] = {}  # of these, those that a text does not satisfy
        self._exact: dict[Any, int] = {}
        self._affixes: dict[tuple[str, int], dict[str, int]] = {}
        self._networks: dict[tuple[int, int], dict[int, int]] = {}
        self._spelled = False  # addresses among the exact values, or networks
        self.known: dict[Any, int] = {}

    def add(self, bit: int, keys: tuple[Key, ...] | None) -> None:
        """A rule that needs a leaf with one of the keys here, or any leaf."""
        self.bearing |= bit
        if keys is None:
            self._any |= bit
        for kind, value, _ in keys or ():
            place: dict[Any, int]
            if kind == "but":
                self._any |= bit
                self._but |= {text: self._but.get(text, 0) | bit for text in value}
                continue
            if kind == "exact":
                place, key = self._exact, value
                self._spelled |= isinstance(value, tuple)
            elif kind == "cidr":
                place, key = self._networks.setdefault((value.bits, value.shift), {}), value.prefix
                self._spelled = True
            else:
                place, key = self._affixes.setdefault((kind, len(value)), {}), value
            place[key] = place.get(key, 0) | bit

    def hits(self, leaf: Any) -> int:
        """The rules that a leaf may satisfy. Ask ``known`` first."""
        if isinstance(leaf, str):
            hits = self._hits(leaf)
            if len(self.known) < _MOST_KNOWN and len(leaf) <= _LONGEST_KNOWN:
                self.known[leaf] = hits
            return hits
        if leaf is None or leaf is True or leaf is False:
            return self._any | self._exact.get(leaf, 0)
        return self._any

    def _hits(self, leaf: str) -> int:
        hits = self._any & ~self._but.get(leaf, 0) | self._exact.get(leaf, 0)
        for (kind, size), affixes in self._affixes.items():
            affix = leaf[:size] if kind == "prefix" else leaf[max(len(leaf) - size, 0) :]
            hits |= affixes.get(affix, 0)
        if self._spelled and (found := address(leaf)) is not None:
            hits |= self._exact.get(found, 0)
            for (bits, shift), networks in self._networks.items():
                if bits == found.bits:
                    hits |= networks.get(found.value >> shift, 0)
        return hits


class Node:
    """A place in events.

    Attributes:
        children: by the next step.
        dotted: by several steps in one dotted key, which lead to the same places.
        table: of the leaves here, if any rule asks for them.
    """

    __slots__ = ("children", "dotted", "table")

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.dotted: dict[str, Node] = {}
        self.table: Table | None = None

    def place(self, path: str) -> Table:
        """The table of a path below this node, reachable by every split of it."""
        steps = path.split(".")
        nodes = [self]
        for step in steps:
            nodes.append(nodes[-1].children.setdefault(step, Node()))
        for start in range(len(steps)):
            for end in range(start + 2, len(steps) + 1):
                nodes[start].dotted[".".join(steps[start:end])] = nodes[end]
        table = nodes[-1].table = nodes[-1].table or Table()
        return table


def look(  # noqa: C901  # one loop, since calls would cost more than what they do
    root: Node, event: dict[str, Any]
) -> tuple[dict[Table, int], bool]:
    """What all leaves say that any rule asks for.

    Args:
        root: of all paths.
        event: an object.

    Returns:
        By table the rules that its leaves may satisfy; and whether each field stands alone: without objects
        in arrays, whose fields belong together, and without dotted keys, which may say it twice.
    """
    found: dict[Table, int] = {}
    alone = True
    stack: list[tuple[Node, Any]] = [(root, event)]
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
                elif (table := child.table) is not None:
                    # Here and not in a method: the hottest lines of many routes.
                    if (hits := table.known.get(below)) is None:
                        hits = table.hits(below)
                    found[table] = found[table] | hits if table in found else hits
            if node.dotted and not node.dotted.keys().isdisjoint(value):
                alone = False
                stack += [(child, value[key]) for key, child in node.dotted.items() if key in value]
        elif isinstance(value, list):
            stack += [(node, item) for item in value]
            alone = alone and not any(isinstance(item, dict) for item in value)
        elif node.table is not None:
            found[node.table] = found.get(node.table, 0) | node.table.hits(value)
    return found, alone
