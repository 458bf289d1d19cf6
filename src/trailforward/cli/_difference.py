"""The difference between a pattern and an event, as a diff: what the pattern wants, what the event has."""

from __future__ import annotations

import json
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.text import Text

from trailforward.patterns.leaves import leaves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.patterns import Pattern
    from trailforward.patterns.explain import Mismatch

_SHOWN = 5
_WANTED_CHARACTERS = 600
_FOUND_CHARACTERS = 160
_STYLES = {"-": "red", "+": "green", " ": "dim", "!": "bold"}


class Line(NamedTuple):
    """One line of a diff.

    Attributes:
        sign: ``-`` what the pattern wants, ``+`` what the event has instead, a space where they agree, ``!``
            a remark on the whole difference.
        text: the line without the sign.
    """

    sign: str
    text: str

    def __str__(self) -> str:
        return self.text if self.sign == "!" else f"{self.sign} {self.text}"


def difference(pattern: Pattern, event: Any) -> list[Line]:
    """Returns how an event differs from a pattern; with ``$or``, from the closest combination."""
    explanation = pattern.explain(event)
    branches = explanation.branches
    best = min(range(len(branches)), key=lambda number: len(branches[number]))
    lines = []
    if len(branches) > 1:
        which = "met" if explanation.matched else "closest"
        lines.append(Line("!", f"$or makes {len(branches)} combinations; {which}: number {best + 1}"))
    unmet = {mismatch.path: mismatch for mismatch in branches[best]}
    for path, condition in pattern.rules[best].items():
        if path in unmet:
            lines += _unmet(path, condition.text, event)
        else:
            lines.append(Line(" ", _met(path, _flat(condition.text), _found(event, path))))
    return [*lines, *_overall(unmet)]


def colored(lines: list[Line], indent: str = "") -> Text:
    """Returns the lines with colors for a terminal; the text is the same without colors."""
    text = Text()
    for number, line in enumerate(lines):
        text.append("\n" * bool(number) + indent)
        text.append(str(line), _STYLES[line.sign])
    return text


def _overall(unmet: dict[str, Mismatch]) -> Iterator[Line]:
    """Yields the mismatch that does not belong to one field."""
    if "" in unmet:
        yield Line("!", unmet[""].reason)


def _met(path: str, wanted: str, found: str) -> str:
    """Describes a field that matches, and its value unless the pattern already shows it."""
    return f"{path}: {wanted}" + (f", has {found}" if found and wanted != f"[{found}]" else "")


def _unmet(path: str, wanted: str, event: Any) -> Iterator[Line]:
    yield Line("-", f"{path}: {_flat(wanted)}")
    found = _found(event, path)
    yield Line("+", f"{path}: {found}" if found else _nothing(event, path))


def _found(event: Any, path: str) -> str:
    """Returns the first values at a path as JSON; empty if there are none."""
    values = [_json(leaf) for leaf in islice(leaves(event, path), _SHOWN + 1)]
    shown = [_cut(value) for value in values[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(values) > _SHOWN else "")


def _nothing(event: Any, path: str) -> str:
    """Says how far a path without a value leads, and names a similar key."""
    value, done = event, ""
    for step in path.split("."):
        while isinstance(value, list) and value:
            value = value[0]
        if not isinstance(value, dict):
            return f"{path}: no value, because {done} is {_cut(_json(value))}"
        if step not in value:
            similar = get_close_matches(step, value, 1, 0.7) or [
                key for key in value if key.lower() == step.lower()
            ]
            hint = f"; it has {_json(similar[0])[1:-1]}" if similar else ""
            return f"{path}: no value, because {done or 'the event'} has no {step}{hint}"
        value, done = value[step], f"{done}.{step}".lstrip(".")
    return f"{path}: not a scalar value, but {_cut(_json(value))}"


def _json(value: Any) -> str:
    """Returns JSON that is safe for a terminal: control characters stay escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _flat(text: str) -> str:
    """Puts the array of a pattern on one line. A line break in JSON is never part of a string."""
    line, *rest = (part.strip() for part in text.split("\n"))
    for part in rest:
        line += ("" if line.endswith(("[", "{")) or part.startswith(("]", "}")) else " ") + part
    return _cut(line, _WANTED_CHARACTERS)


def _cut(text: str, most: int = _FOUND_CHARACTERS) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
