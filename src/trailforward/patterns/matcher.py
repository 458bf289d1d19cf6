"""Compiles a rule to nested functions that test an event dict, visiting only the rule's paths."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trailforward.patterns.consistency import Consistency, Field
from trailforward.patterns.leaves import MISSING, own_leaves
from trailforward.patterns.operators import exact_strings, leaf_test

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trailforward.patterns.operators import Condition

    Check = Callable[[Any], bool]

_DOT = re.compile(r"\.")

#: Paths with more keys are tested without recursion, which is slower.
MAX_STEPS = 32


class _Node:
    """One key in the rule's paths: it has a condition, fields below it, or both."""

    def __init__(self, path: str, start: int) -> None:
        self.path = path
        self.start = start
        self.field: Field | None = None
        self.check: Check | None = None  # for this field only
        self.children: dict[str, _Node] = {}

    def fields(self) -> list[Field]:
        own = [self.field] if self.field else []
        return own + [field for child in self.children.values() for field in child.fields()]


def compile_rule(rule: Mapping[str, Condition]) -> Check:
    """Compiles a rule to a function that takes an event dict and returns whether all conditions hold.

    Args:
        rule: dotted path → condition.
    """
    fields = [
        Field(path, leaf_test(condition.members), condition.optional) for path, condition in rule.items()
    ]
    if any(path.count(".") >= MAX_STEPS for path in rule):
        return Consistency(fields, 0).holds
    root = _Node("", 0)
    for field in fields:
        node = root
        for step in field.path.split("."):
            if step not in node.children:
                full_path = f"{node.path}{step}"
                node.children[step] = _Node(f"{full_path}.", len(full_path) + 1)
            node = node.children[step]
        node.field = field
        node.check = _field_check(rule[field.path], field)
    return _object_check(root, Consistency(fields, 0))


def _field_check(condition: Condition, field: Field) -> Check:
    """The check for a field without fields below it. Any of its leaves may match."""
    test, optional = field.test, field.optional

    def check(value: Any) -> bool:
        if value is MISSING or isinstance(value, dict):
            return optional
        if not isinstance(value, list):
            return test(value)
        empty = True
        for leaf in own_leaves(value):
            if test(leaf):
                return True
            empty = False
        return optional and empty

    strings = exact_strings(condition.members)
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
    """The check for the fields below a path; it takes the value at that path."""
    fields = [field for child in node.children.values() for field in child.fields()]
    optional = [field.optional for field in fields]
    all_optional = all(optional)
    # Without exists:false, an array matches if any single object in it matches.
    independent = not any(optional)
    together = Consistency(fields, node.start)
    holds = _object_check(node, together)

    def check(value: Any) -> bool:
        if isinstance(value, dict):
            return holds(value)
        if not isinstance(value, list):
            return all_optional
        return any(map(holds, _objects(value))) if independent else together.holds(value)

    return check


def _object_check(node: _Node, together: Consistency) -> Check:
    """The check for the fields below an object; tests fields with one key first, because they are cheap."""
    compiled = [(key, _compile(child), bool(child.children)) for key, child in node.children.items()]
    leaves = tuple((key, check) for key, check, has_children in compiled if not has_children)
    branches = tuple((key, check) for key, check, has_children in compiled if has_children)
    aliases = _aliases(node)

    def shallow(value: dict[Any, Any]) -> bool:
        get = value.get
        for key, check in leaves:  # noqa: SIM110  # all() would create a generator
            if not check(get(key, MISSING)):
                return False
        return True

    def deep(value: dict[Any, Any]) -> bool:
        if not shallow(value):
            return False
        if not value.keys().isdisjoint(aliases):
            return together.holds(value)
        get = value.get
        for key, check in branches:  # noqa: SIM110  # all() would create a generator
            if not check(get(key, MISSING)):
                return False
        return True

    return deep if branches else shallow


def _aliases(node: _Node) -> frozenset[str]:
    """Keys with dots that also lead to fields below the object: ``a.b`` besides ``a``."""
    rests = [field.path[node.start :] for field in node.fields()]
    return frozenset(
        rest[:at]
        for rest in rests
        for at in (*(dot.start() for dot in _DOT.finditer(rest)), len(rest))
        if "." in rest[:at]
    )


def _objects(value: list[Any]) -> list[dict[Any, Any]]:
    """The objects in an array and in its nested arrays."""
    found = []
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            found.append(item)
    return found
