"""The layer has the source of our modules without docstrings and comments, on the same lines."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from layer.build import LEFT_OUT
from layer.prose import without_prose

ROOT = Path(__file__).resolve().parents[2] / "src"
MODULES = [
    path
    for path in sorted(ROOT.rglob("*.py"))
    if not any(str(path.relative_to(ROOT)).startswith(left_out) for left_out in LEFT_OUT)
]


def statements(source: str) -> str:
    """The syntax tree with line numbers, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        while isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if not (isinstance(value, ast.Constant) and (isinstance(value.value, str) or value.value is ...)):
                break
            del body[0]
    return ast.dump(tree, include_attributes=False) + str(
        [getattr(node, "lineno", 0) for node in ast.walk(tree)]
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_only_prose_is_removed(path: Path) -> None:
    """Every statement is on its line, so a traceback of the layer fits the source in the repository."""
    source = path.read_text()
    short = without_prose(source)
    assert statements(short) == statements(source)
    assert len(short) < len(source)
    assert ast.get_docstring(ast.parse(short)) is None


def test_a_hash_in_a_string_is_not_a_comment() -> None:
    """Strings, comments after code, and bodies that are only a docstring."""
    source = (
        'x = "# no"  # yes\n\nclass A:\n    """Doc."""\n\ndef f():\n    """Doc\n    more."""\n    return 1\n'
    )
    expected = 'x = "# no"\n\nclass A:\n    ...\n\ndef f():\n\n\n    return 1\n'
    assert without_prose(source) == expected
