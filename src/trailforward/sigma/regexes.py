"""Regular expressions as wildcards: everything but literal text and alternatives becomes ``*``."""

from __future__ import annotations

import re
from re import _constants as constants  # type: ignore[attr-defined]  # typeshed does not know these
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from trailforward.sigma.clauses import NotConvertibleError

#: More alternatives than this are not written out.
MOST = 50

#: A set of at most this many characters is written out.
FEW = 4

#: One text with ``None`` for each ``*``.
Parts = tuple[str | None, ...]


def wildcards(expression: str, *, ignore_case: bool) -> tuple[list[Parts], bool]:
    """The texts that a regular expression finds in a value, at least, and whether these are exactly they.

    Args:
        expression: a regular expression; it may match any part of a value.
        ignore_case: whether it has the flag ``i``.

    Raises:
        NotConvertibleError: it is invalid, has too many alternatives, or has no text to look for.
    """
    try:
        tree = parser.parse(expression, re.DOTALL)
    except (re.error, RecursionError, OverflowError) as error:
        raise NotConvertibleError(f"the regular expression is invalid: {error}") from None
    items = list(tree)
    head: list[str | None] = [None]
    tail: list[str | None] = [None]
    if items and items[0] == (constants.AT, constants.AT_BEGINNING):
        head, items = [], items[1:]
    if items and items[-1] == (constants.AT, constants.AT_END):
        tail, items = [], items[:-1]
    texts, exact = _sequence(items)
    found = [_joined([*head, *parts, *tail]) for parts in texts]
    if any(not any(parts) for parts in found):
        raise NotConvertibleError("the regular expression has no text that a wildcard could look for")
    return found, exact and not ignore_case


def _sequence(items: list[tuple[Any, Any]]) -> tuple[list[list[str | None]], bool]:
    found: list[list[str | None]] = [[]]
    exact = True
    for item in items:
        options, same = _one(*item)
        exact = exact and same
        found = [[*before, *option] for before in found for option in options]
        if len(found) > MOST:
            raise NotConvertibleError(f"the regular expression has more than {MOST} alternatives")
    return found, exact


def _one(code: Any, operand: Any) -> tuple[list[list[str | None]], bool]:
    found: list[list[str | None]] = [[None]]
    exact = False
    if code is constants.LITERAL:
        found, exact = [[chr(operand)]], True
    elif code is constants.SUBPATTERN:
        found, exact = _sequence(list(operand[3]))
    elif (
        code is constants.IN and len(operand) <= FEW and all(kind is constants.LITERAL for kind, _ in operand)
    ):
        found, exact = [[chr(letter)] for _, letter in operand], True
    elif code is constants.BRANCH:
        every = [_sequence(list(branch)) for branch in operand[1]]
        found, exact = [option for options, _ in every for option in options], all(same for _, same in every)
    elif code in {constants.MAX_REPEAT, constants.MIN_REPEAT}:
        low, high, what = operand
        exact = list(what) == [(constants.ANY, None)] and low == 0 and high is constants.MAXREPEAT
    elif code is constants.AT:
        found = [[]]  # an anchor in the middle: without it, more matches
    return found, exact


def _joined(parts: list[str | None]) -> Parts:
    joined: list[str | None] = []
    for part in parts:
        if part is None or not joined or joined[-1] is None:
            if not (part is None and joined and joined[-1] is None):
                joined.append(part)
        else:
            joined[-1] += part
    return tuple(joined)
