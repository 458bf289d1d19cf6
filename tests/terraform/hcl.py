"""The part of HCL that the modules in ``terraform/`` use, evaluated. Anything else is an error."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import hcl2
from lark import Token, Tree

from tests.terraform.functions import FUNCTIONS, NoMatch, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Names:
    """What expressions can refer to: overridden by :class:`tests.terraform.module.Module`."""

    def name(self, name: str) -> Any:
        """Returns the value of a first name, such as ``var``."""
        raise NotImplementedError(name)

    def file(self, path: str) -> str:
        """Returns the text of a file."""
        raise NotImplementedError(path)


class Scope(Names):
    """More names around others: the variables of ``for``, ``each``, ``count``."""

    def __init__(self, outer: Names, **names: Any) -> None:
        self._outer = outer
        self._names = names

    def name(self, name: str) -> Any:
        """Returns the value of a first name."""
        return self._names[name] if name in self._names else self._outer.name(name)

    def file(self, path: str) -> str:
        """Returns the text of a file."""
        return self._outer.file(path)


def parse(path: Path) -> Tree[Any]:
    """The body of a file."""
    return _parsed(path.read_text())


@cache
def _parsed(text: str) -> Tree[Any]:
    (body,) = parts(hcl2.parses_to_tree(text))
    return cast("Tree[Any]", body)


def parts(node: Any) -> list[Any]:
    """The children that mean something."""
    return [one for one in node.children if isinstance(one, Tree) and one.data != "new_line_or_comment"]


def word(node: Tree[Any]) -> str:
    """An identifier, or a string without interpolation."""
    if node.data == "string":
        return str(evaluate(node, Names()))
    (token,) = node.children
    return str(token)


def attributes(body: Tree[Any]) -> dict[str, Any]:
    """Name → expression."""
    found: dict[str, Any] = {}
    for one in parts(body):
        if one.data == "attribute":
            name, expression = parts(one)
            assert word(name) not in found, f"{word(name)} is set twice"
            found[word(name)] = expression
    return found


def blocks(body: Tree[Any]) -> list[tuple[str, list[str], Tree[Any]]]:
    """Type, labels, and body of each block."""
    found = []
    for one in parts(body):
        if one.data == "block":
            kind, *labels, inner = parts(one)
            found.append((word(kind), [word(label) for label in labels], inner))
    return found


def evaluate(node: Any, names: Names) -> Any:
    """The value of an expression.

    Raises:
        NotImplementedError: the expression has something that the modules do not use so far.
    """
    return RULES[str(node.data)](node, names)


def _term(node: Any, names: Names) -> Any:
    (inner,) = parts(node)
    return evaluate(inner, names)


def _literal(node: Any, _names: Names) -> Any:
    return {"true": True, "false": False, "null": None}[str(node.children[0])]


def _string(node: Any, names: Names) -> str:
    out = []
    for part in parts(node):
        for one in part.children:
            if isinstance(one, Token):
                text = re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), str(one))
                assert "${" not in text.replace("$${", ""), f"not understood: {one}"
                out.append(text.replace("$${", "${"))
            else:
                out.append(text_of(evaluate(parts(one)[0], names)))
    return "".join(out)


def _conditional(node: Any, names: Names) -> Any:
    condition, then, otherwise = parts(node)
    value = evaluate(condition, names)
    assert isinstance(value, bool), "a condition must be true or false"
    return evaluate(then if value else otherwise, names)


def _binary(node: Any, names: Names) -> Any:
    left, term = parts(node)
    operator, right = parts(term)
    sign = word(operator)
    first = evaluate(left, names)
    if sign in {"&&", "||"}:
        # Terraform evaluates both sides, too, but short circuits since 1.12 only.
        second = evaluate(right, names)
        assert isinstance(first, bool)
        assert isinstance(second, bool)
        return (first and second) if sign == "&&" else (first or second)
    return OPERATORS[sign](first, evaluate(right, names))


def _unary(node: Any, names: Names) -> Any:
    value = evaluate(parts(node)[0], names)
    if str(node.children[0]) == "!":
        assert isinstance(value, bool)
        return not value
    return -value


def _equal(first: Any, second: Any) -> bool:
    # Terraform does not take 1 for "1" or true here.
    return (
        type(first) is type(second) and bool(first == second)
        if isinstance(first, bool | str)
        else first == second
    )


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": _equal,
    "!=": lambda a, b: not _equal(a, b),
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _object(node: Any, names: Names) -> dict[str, Any]:
    found = {}
    for element in parts(node):
        key, value = parts(element)
        (inner,) = parts(key)
        literal = parts(inner)[0] if inner.data == "expr_term" and parts(inner) else inner
        name = word(literal) if literal.data == "identifier" else str(evaluate(inner, names))
        assert name not in found, f"{name} is set twice"
        found[name] = evaluate(value, names)
    return found


def _pairs(collection: Any) -> list[tuple[Any, Any]]:
    if isinstance(collection, dict):
        return sorted(collection.items())
    if isinstance(collection, set | frozenset):
        return [(one, one) for one in sorted(collection)]
    return list(enumerate(collection))


def _scopes(node: Any, names: Names) -> list[Scope]:
    intro = parts(node)[0]
    *variables, collection = parts(intro)
    variables = [one for one in variables if one.data == "identifier"]
    found = []
    for key, value in _pairs(evaluate(collection, names)):
        given = {word(variables[-1]): value}
        if len(variables) == 2:
            given[word(variables[0])] = key
        found.append(Scope(names, **given))
    return found


def _for_tuple(node: Any, names: Names) -> list[Any]:
    _, value, *condition = parts(node)
    assert not condition
    return [evaluate(value, scope) for scope in _scopes(node, names)]


def _for_object(node: Any, names: Names) -> dict[str, Any]:
    _, key, value, *condition = parts(node)
    assert not condition
    return {str(evaluate(key, scope)): evaluate(value, scope) for scope in _scopes(node, names)}


def _attribute(value: Any, name: str) -> Any:
    return value.attribute(name) if hasattr(value, "attribute") else value[name]


def _get_attribute(node: Any, names: Names) -> Any:
    inner, get = parts(node)
    return _attribute(evaluate(inner, names), word(parts(get)[0]))


def _index(node: Any, names: Names) -> Any:
    inner, index = parts(node)
    return evaluate(inner, names)[evaluate(parts(index)[0], names)]


def _splat(node: Any, names: Names) -> list[Any]:
    inner, splat = parts(node)
    values = evaluate(inner, names)
    for get in parts(splat):
        values = [_attribute(one, word(parts(get)[0])) for one in values]
    return list(values)


def _call(node: Any, names: Names) -> Any:
    function, *arguments = parts(node)
    name = word(function)
    given = parts(arguments[0]) if arguments else []
    if name == "can":
        try:
            evaluate(given[0], names)
        except NoMatch:
            return False
        return True
    values = [evaluate(one, names) for one in given]
    if name == "file":
        return names.file(*values)
    if name == "filebase64sha256":
        return f"digest of {values[0]}"
    return FUNCTIONS[name](*values)


RULES: dict[str, Callable[[Any, Names], Any]] = {
    "expr_term": _term,
    "literal_value": _literal,
    "int_lit": lambda node, _: int(node.children[0]),
    "identifier": lambda node, names: names.name(word(node)),
    "string": _string,
    "conditional": _conditional,
    "binary_op": _binary,
    "unary_op": _unary,
    "tuple": lambda node, names: [evaluate(one, names) for one in parts(node)],
    "object": _object,
    "for_tuple_expr": _for_tuple,
    "for_object_expr": _for_object,
    "get_attr_expr_term": _get_attribute,
    "index_expr_term": _index,
    "full_splat_expr_term": _splat,
    "function_call": _call,
}
