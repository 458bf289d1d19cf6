"""Compiles a rule to closures over plain dicts. They follow the rule's paths only, cheapest checks first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trailforward.patterns.consistency import Consistency, Field
from trailforward.patterns.leaves import MISSING, scalars
from trailforward.patterns.operators import leaf_test, plain_strings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trailforward.patterns.operators import Condition

    Check = Callable[[Any], bool]

_DOT = re.compile(r"\.")

#: Deeper paths are judged without recursion, a bit slower. Nobody writes them but fuzzers.
MAX_STEPS = 32


class _Node:
    """One step of the rule's paths: a condition of its own, fields below it, or both."""

    def __init__(self, path: str, start: int) -> None:
        self.path = path
        self.start = start
        self.field: Field | None = None
        self.check: Check | None = None  # for the field alone
        self.children: dict[str, _Node] = {}

    def fields(self) -> list[Field]:
        own = [self.field] if self.field else []
        return own + [field for child in self.children.values() for field in child.fields()]


def compile_rule(rule: Mapping[str, Condition]) -> Check:
    """Makes one function of a rule: event dict in, whether all conditions hold out.

    Args:
        rule: dotted path to condition.
    """
    fields = [Field(path, leaf_test(asked.members), asked.optional) for path, asked in rule.items()]
    if any(path.count(".") >= MAX_STEPS for path in rule):
        return Consistency(fields, 0).holds
    root = _Node("", 0)
    for field in fields:
        node = root
        for step in field.path.split("."):
            if step not in node.children:
                whole = f"{node.path}{step}"
                node.children[step] = _Node(f"{whole}.", len(whole) + 1)
            node = node.children[step]
        node.field = field
        node.check = _field_check(rule[field.path], field)
    return _object_check(root, Consistency(fields, 0))


def _field_check(condition: Condition, field: Field) -> Check:
    """A check for a field with nothing below it. All its leaves are alternatives: no consistency to keep."""
    test, optional = field.test, field.optional

    def check(value: Any) -> bool:
        if value is MISSING or isinstance(value, dict):
            return optional
        if not isinstance(value, list):
            return test(value)
        empty = True
        for leaf in scalars(value):
            if test(leaf):
                return True
            empty = False
        return optional and empty

    strings = plain_strings(condition.members)
    if strings is None:
        return check

    def quick(value: Any) -> bool:
        return value in strings if type(value) is str else check(value)

    return quick


def _compile(node: _Node) -> Check:
    if not node.children and node.check:
        return node.check
    below = _below(node)
    if not node.field:
        return below
    own, together = node.check, Consistency(node.fields(), node.start)

    def check(value: Any) -> bool:
        if isinstance(value, list):
            return together.holds(value)
        return own(value) and below(value)  # type: ignore[misc]  # a field has a check

    return check


def _below(node: _Node) -> Check:
    """A check for the fields below a place, given what stands there."""
    fields = [field for child in node.children.values() for field in child.fields()]
    optional = [field.optional for field in fields]
    none_needed = all(optional)
    apart = not any(optional)  # without exists:false an array holds if one object in it holds by itself
    together = Consistency(fields, node.start)
    holds = _object_check(node, together)

    def check(value: Any) -> bool:
        if isinstance(value, dict):
            return holds(value)
        if not isinstance(value, list):
            return none_needed
        return any(map(holds, _objects(value))) if apart else together.holds(value)

    return check


def _object_check(node: _Node, together: Consistency) -> Check:
    """A check for the fields below a place where an object stands; single steps first, they are cheap."""
    compiled = [(key, _compile(child), bool(child.children)) for key, child in node.children.items()]
    leaves = tuple((key, check) for key, check, has_more in compiled if not has_more)
    branches = tuple((key, check) for key, check, has_more in compiled if has_more)
    aliases = _aliases(node)

    def shallow(value: dict[Any, Any]) -> bool:
        get = value.get
        for key, check in leaves:  # noqa: SIM110  # all() costs a generator
            if not check(get(key, MISSING)):
                return False
        return True

    def deep(value: dict[Any, Any]) -> bool:
        if not shallow(value):
            return False
        if not value.keys().isdisjoint(aliases):
            return together.holds(value)
        get = value.get
        for key, check in branches:  # noqa: SIM110  # all() costs a generator
            if not check(get(key, MISSING)):
                return False
        return True

    return deep if branches else shallow


def _aliases(node: _Node) -> frozenset[str]:
    """The dotted keys of an object that lead to fields below it as well: ``a.b`` beside ``a``."""
    rests = [field.path[node.start :] for field in node.fields()]
    return frozenset(
        rest[:at]
        for rest in rests
        for at in (*(dot.start() for dot in _DOT.finditer(rest)), len(rest))
        if "." in rest[:at]
    )


def _objects(value: list[Any]) -> list[dict[Any, Any]]:
    """The objects of an array and of the arrays in it."""
    found = []
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            found.append(item)
    return found
