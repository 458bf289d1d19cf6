"""What a mutant changes: cosmic-ray's operators, and two more for texts and for statements."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.python.tree import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A line and a column.
Position = tuple[int, int]


class ChangeText(Operator):  # type: ignore[misc]  # has no types
    """Puts a character before a text."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Position, Position]]:
        """The texts, except docstrings and formatted ones."""
        if node.type == "string" and node.parent.type not in {"simple_stmt", "strings"}:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, _: int) -> Any:
        """The changed text."""
        start = min(at for at in map(node.value.find, "\"'") if at >= 0) + 1
        node.value = f"{node.value[:start]}~{node.value[start:]}"
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        """Has none."""
        return ()


class RemoveStatement(Operator):  # type: ignore[misc]  # has no types
    """Replaces a call or an assignment by ``pass``."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Position, Position]]:
        """Calls whose result nobody uses, and augmented assignments."""
        if node.type == "simple_stmt" and node.children[0].type in {"atom_expr", "expr_stmt"}:
            statement = node.children[0]
            augmented = (
                statement.type == "expr_stmt" and "=" in statement.get_code() and _augmented(statement)
            )
            if statement.type == "atom_expr" or augmented:
                yield statement.start_pos, statement.end_pos

    def mutate(self, node: Any, _: int) -> Any:
        """A statement that does nothing."""
        first = node.children[0]
        node.children[0] = Name("pass", first.start_pos, prefix=first.get_first_leaf().prefix)
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        """Has none."""
        return ()


def _augmented(statement: Any) -> bool:
    return any(child.get_code().strip() in {"+=", "-=", "|=", "&="} for child in statement.children)


class Mutant(NamedTuple):
    """One change of one module.

    Attributes:
        module: path of the file.
        operator: name of the operator.
        line: from 1.
        source: the changed source.
    """

    module: str
    operator: str
    line: int
    source: str


class Place(NamedTuple):
    """A place that an operator can change, in one or several ways.

    Attributes:
        module: path of the file.
        kind: the operator's name without its alternatives.
        text: the line where the change starts.
        start: where the change starts.
        ways: operators, each with the number of its occurrence.
    """

    module: str
    kind: str
    text: str
    start: Position
    ways: list[tuple[str, int]]


_OWN = {"ChangeText": ChangeText, "RemoveStatement": RemoveStatement}


def _wanted(name: str) -> bool:
    """Whether an operator needs no arguments, and makes mistakes that people make.

    Nobody compares values by identity by mistake, and for small integers it makes no difference.
    """
    identity = name.endswith(("_Is", "_IsNot")) and "_Is_" not in name and "_IsNot_" not in name
    return not identity and not get_operator(name).arguments()


def _operator(name: str) -> Any:
    return _OWN[name]() if name in _OWN else get_operator(name)()


def places(module: str, source: str) -> list[Place]:
    """Every place of a module that can change, in the order of the file.

    A place counts once, however many ways there are to change it: otherwise most mutants would replace one
    arithmetic operator by each of the others.
    """
    tree, lines = get_ast(source), source.splitlines()
    spans = list(_types(ast.parse(source)))
    found: dict[tuple[Position, str], Place] = {}
    names = [*_OWN, *filter(_wanted, operator_names())]
    for name in names:
        operator, kind = _operator(name), name.partition("Operator_")[0]
        positions = (start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node))
        for occurrence, start in enumerate(positions):
            if not any(first <= start < end for first, end in spans):
                place = found.setdefault((start, kind), Place(module, kind, lines[start[0] - 1], start, []))
                place.ways.append((name, occurrence))
    return sorted(found.values(), key=lambda place: (place.start, place.kind))


def _types(tree: ast.AST) -> Iterator[tuple[Position, Position]]:
    """The spans of annotations and of imports for type checkers, which have no effect at run time."""
    for node in ast.walk(tree):
        found: list[Any] = []
        if isinstance(node, ast.AnnAssign | ast.arg):
            found = [node.annotation]
        elif isinstance(node, ast.FunctionDef):
            found = [node.returns]
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found = [node, *node.body]
        for one in found:
            if one is not None:
                yield (one.lineno, one.col_offset), (one.end_lineno, one.end_col_offset)


def mutant(place: Place, way: tuple[str, int], source: str) -> Mutant | None:
    """The module with one change; None if the operator cannot make it or the result is not Python."""
    name, occurrence = way
    try:
        changed = mutate_code(source, _operator(name), occurrence)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # comparing a literal by identity is not a likely mistake
            compile(changed or "", place.module, "exec")
    except (AttributeError, SyntaxError):  # the exception replacer knows only plain names
        return None
    return Mutant(place.module, name, place.start[0], changed) if changed not in {None, source} else None
