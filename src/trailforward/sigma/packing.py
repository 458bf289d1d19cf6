"""Packs clauses into a pattern, or into two patterns of one route (``pattern`` and ``only``).

A pattern has one condition per field, and its alternatives are in ``$or``. Two conditions on one field merge
if the result is the same; else the second goes into ``only``, which an event must match, too.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

from trailforward.patterns import OF_ROUTES, Pattern
from trailforward.sigma.clauses import All, Clause, Node, NotConvertibleError, Some, but, unique

if TYPE_CHECKING:
    from collections.abc import Callable

#: Path to its clause: conditions that must all hold.
Branch = dict[str, Clause]
#: EventBridge's limit.
MOST_COMBINATIONS = 1_000
#: Order of this many texts can be written out.
_MOST_ORDERED = 3


class _ConflictError(Exception):
    """Two conditions on one field do not merge."""


def pack(node: Node, note: Callable[[str], None]) -> list[dict[str, Any]]:
    """The patterns that an event must match: none if no event can, one, or two.

    Args:
        node: all clauses of a rule.
        note: takes each way in which the patterns differ from the clauses.

    Raises:
        NotConvertibleError: one pattern, or two, cannot express the clauses.
    """
    sides: list[list[Branch]] = [[{}]]
    flat = _flat(node)
    for item in flat.parts if isinstance(flat, All) else (flat,):
        branches = _branches(item, note)
        for at, side in enumerate(sides):
            try:
                sides[at] = _product(side, branches, None)
                break
            except _ConflictError:
                continue
        else:
            if len(sides) < 2:  # noqa: PLR2004  # `pattern` and `only`
                sides.append(branches)
            else:
                sides[0] = _lossy(sides[0], branches, note)
    if not all(sides):
        return []
    return [_pattern(side) for side in sides]


def _flat(node: Node) -> Node:
    """The node without ``All`` in ``All`` or ``Some`` in ``Some``; those on one field are one clause."""
    if isinstance(node, Clause):
        return node
    parts: list[Node] = []
    for part in map(_flat, node.parts):
        if isinstance(part, Clause) or type(part) is not type(node):
            parts.append(part)
        else:
            parts += part.parts
    if isinstance(node, Some):
        parts = _joined(parts)
    return parts[0] if len(parts) == 1 else type(node)(tuple(parts))


def _joined(parts: list[Node]) -> list[Node]:
    """Alternatives on one field as one clause."""
    found: dict[str, Clause] = {}
    rest: list[Node] = []
    for part in parts:
        if not isinstance(part, Clause):
            rest.append(part)
            continue
        before = found.get(part.path)
        if before is None:
            found[part.path] = part
            continue
        same = before.kind == part.kind == "literal"
        members = unique([*before.members, *part.members])
        values = tuple(dict.fromkeys(before.values + part.values)) if same else ()
        found[part.path] = Clause(part.path, members, "literal" if same else "other", values)
    return [*found.values(), *rest]


def _branches(node: Node, note: Callable[[str], None]) -> list[Branch]:
    if isinstance(node, Clause):
        return [{node.path: node}]
    if isinstance(node, Some):
        every = [branch for part in node.parts for branch in _branches(part, note)]
        _check(len(every))
        return every
    found: list[Branch] = [{}]
    for part in node.parts:
        found = _lossy(found, _branches(part, note), note)
    return found


def _lossy(left: list[Branch], right: list[Branch], note: Callable[[str], None]) -> list[Branch]:
    try:
        return _product(left, right, note)
    except _ConflictError as error:
        text = f"a pattern has one condition per field, and those on {error} do not merge into one"
        raise NotConvertibleError(text) from None


def _check(count: int) -> None:
    if count > MOST_COMBINATIONS:
        raise NotConvertibleError(f"it needs more than {MOST_COMBINATIONS:,} combinations of alternatives")


def _product(left: list[Branch], right: list[Branch], note: Callable[[str], None] | None) -> list[Branch]:
    _check(len(left) * len(right))
    found = [_both(first, second, note) for first in left for second in right]
    return [branch for branch in found if branch is not None]


def _both(first: Branch, second: Branch, note: Callable[[str], None] | None) -> Branch | None:
    """The conditions of both branches; None if no event can satisfy them."""
    merged = dict(first)
    for path, clause in second.items():
        if path not in merged:
            if any(_nested(path, other) for other in merged):
                raise _ConflictError(path.removeprefix("detail."))
            merged[path] = clause
            continue
        one = _merged(merged[path], clause, note)
        if not one.members:
            return None
        merged[path] = one
    return merged


def _nested(path: str, other: str) -> bool:
    return path.startswith(f"{other}.") or other.startswith(f"{path}.")


def _merged(first: Clause, second: Clause, note: Callable[[str], None] | None) -> Clause:
    """One clause that is satisfied if both are. Without members, nothing satisfies it."""
    if first.members == second.members:
        return first
    if first.kind == second.kind and first.kind.startswith("but"):
        values = tuple(dict.fromkeys(first.values + second.values))
        if values:
            return Clause(first.path, but(first.kind, values), first.kind, values)
    for one, other in ((first, second), (second, first)):
        if one.kind == "literal":
            return _filtered(one, other)
    for one, other in ((first, second), (second, first)):
        if one.kind == "not-null" and other.kind == "contains":
            return other
        if one.kind == "present" and other.kind in {"contains", "not-null", *_BUTS}:
            members = tuple(member for member in other.members if member != {"exists": False})
            return Clause(other.path, members)
    if note is not None:
        return _approximate(first, second, note)
    raise _ConflictError(first.path.removeprefix("detail."))


_BUTS = ("but", "but-wildcard", "but-ignoring-case")


def _filtered(literal: Clause, other: Clause) -> Clause:
    """The texts of a clause that another one accepts."""
    accepts = Pattern({"value": list(other.members)}, limits=OF_ROUTES)
    kept = tuple(
        (member, value)
        for member, value in zip(literal.members, literal.values, strict=True)
        if accepts.matches({"value": value})
    )
    members, values = tuple(member for member, _ in kept), tuple(value for _, value in kept)
    return Clause(literal.path, members, "literal", values)


def _approximate(first: Clause, second: Clause, note: Callable[[str], None]) -> Clause:
    field = first.path.removeprefix("detail.")
    if first.kind == second.kind == "contains":
        note(f"the texts that {field} must contain may not overlap")
        pairs = [pair for one in first.values for two in second.values for pair in permutations((one, two))]
        texts = [(one + two).replace("**", "*") for one, two in pairs]
        members = tuple({"wildcard": text} for text in dict.fromkeys(texts))
        return Clause(first.path, members, "other")
    if {first.kind, second.kind} == {"but-ignoring-case", "but-wildcard"}:
        note(f"the texts that {field} may not be match as written, in small, or in capital letters")
        values = [text for clause in (first, second) for text in _as_wildcards(clause)]
        return Clause(
            first.path, but("but-wildcard", tuple(dict.fromkeys(values))), "but-wildcard", tuple(values)
        )
    raise _ConflictError(field)


def _as_wildcards(clause: Clause) -> list[str]:
    if clause.kind == "but-wildcard":
        return list(clause.values)
    escaped = [value.replace("\\", "\\\\").replace("*", "\\*") for value in clause.values]
    return [spelled for text in escaped for spelled in (text, text.lower(), text.upper())]


def _pattern(branches: list[Branch]) -> dict[str, Any]:
    """The pattern of some branches: what they share, and an ``$or`` with the rest."""
    branches = _without_repetitions(branches)
    shared = {
        path: clause
        for path, clause in branches[0].items()
        if all(
            other.get(path) is not None and other[path].members == clause.members for other in branches[1:]
        )
    }
    rest = [{path: one for path, one in branch.items() if path not in shared} for branch in branches]
    if len(rest) > 1 and all(rest):
        paths = {path for branch in rest for path in branch}
        if len(paths) == 1:
            (path,) = paths
            shared[path] = Clause(path, unique([member for one in rest for member in one[path].members]))
            rest = []
    elif not all(rest):
        rest = []  # a branch without more conditions makes the others superfluous
    pattern: dict[str, Any] = {"source": [{"prefix": "aws."}], "detail-type": [{"suffix": " via CloudTrail"}]}
    for path, clause in shared.items():
        _put(pattern, path, list(clause.members))
    if rest:
        pattern.setdefault("detail", {})["$or"] = [_detail(branch) for branch in rest]
    return pattern


def _without_repetitions(branches: list[Branch]) -> list[Branch]:
    found: dict[str, Branch] = {}
    for branch in branches:
        found.setdefault(repr(sorted((path, one.members) for path, one in branch.items())), branch)
    return list(found.values())


def _detail(branch: Branch) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path, clause in branch.items():
        _put(made, path.removeprefix("detail."), list(clause.members))
    return made


def _put(table: dict[str, Any], path: str, members: list[Any]) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
    table[last] = members
