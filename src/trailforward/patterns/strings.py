"""Compares strings as event patterns do: without case, and with wildcards."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def ignoring_case(operand: str) -> Callable[[str], bool]:
    """The ``equals-ignore-case`` test.

    Each character of the *operand* matches its lower-case and its upper-case form, but not itself if it is
    neither. The rule is not symmetric, so case-folding both sides would be wrong (source: Event Ruler).
    """
    if operand.isascii():
        low = operand.lower()
        return lambda leaf: leaf.isascii() and leaf.lower() == low
    forms = case_forms(operand)
    return lambda leaf: _read_forward(leaf, forms) == len(leaf)


def prefix_ignoring_case(operand: str) -> Callable[[str], bool]:
    """The ``prefix`` test with ``equals-ignore-case``."""
    if operand.isascii():
        low, size = operand.lower(), len(operand)
        return lambda leaf: (head := leaf[:size]).isascii() and head.lower() == low
    forms = case_forms(operand)
    return lambda leaf: _read_forward(leaf, forms) >= 0


def suffix_ignoring_case(operand: str) -> Callable[[str], bool]:
    """The ``suffix`` test with ``equals-ignore-case``."""
    if operand.isascii():
        low, size = operand.lower(), len(operand)
        return lambda leaf: (tail := leaf[max(len(leaf) - size, 0) :]).isascii() and tail.lower() == low
    forms = case_forms(operand)[::-1]
    return lambda leaf: _read_backward(leaf, forms)


def case_forms(operand: str) -> Sequence[tuple[str, str]]:
    """The lower-case and upper-case form of each character; a form may have several characters."""
    return [(char.lower(), char.upper()) for char in operand]


def _read_forward(leaf: str, forms: Sequence[tuple[str, str]]) -> int:
    """The position in the leaf after all forms, or -1.

    The two forms of a character are equal or differ in their first and last characters. So at most one of
    them matches, and no backtracking is needed.
    """
    at = 0
    for low, high in forms:
        if leaf.startswith(low, at):
            at += len(low)
        elif leaf.startswith(high, at):
            at += len(high)
        else:
            return -1
    return at


def _read_backward(leaf: str, forms: Sequence[tuple[str, str]]) -> bool:
    end = len(leaf)
    for low, high in forms:
        if leaf.endswith(low, 0, end):
            end -= len(low)
        elif leaf.endswith(high, 0, end):
            end -= len(high)
        else:
            return False
    return True


def wildcard(operand: str) -> Callable[[str], bool]:
    """The ``wildcard`` test: ``*`` matches any number of characters, and the whole leaf must match.

    It searches segment by segment instead of with a regular expression, so that the time is linear in the
    length of the leaf for each segment.
    """
    head, *middle = wildcard_segments(operand)
    if not middle:
        return lambda leaf: leaf == head
    tail = middle.pop()
    shortest = len(head) + len(tail)
    if not middle:
        return lambda leaf: len(leaf) >= shortest and leaf.startswith(head) and leaf.endswith(tail)

    def test(leaf: str) -> bool:
        if len(leaf) < shortest or not leaf.startswith(head) or not leaf.endswith(tail):
            return False
        at, end = len(head), len(leaf) - len(tail)
        for segment in middle:
            at = leaf.find(segment, at, end)
            if at < 0:
                return False
            at += len(segment)
        return True

    return test


def wildcard_segments(operand: str) -> list[str]:
    """The unescaped literals between the wildcards; one more than there are wildcards.

    Raises:
        ValueError: with EventBridge's message; positions count UTF-8 bytes from 1.
    """
    segments = [""]
    at, star_before = 0, False
    while at < len(operand):
        char = operand[at]
        if char == "\\":
            if operand[at + 1 : at + 2] not in {"*", "\\"}:
                raise ValueError(f"Invalid escape character at pos {_byte(operand, at)}")
            at += 1
            segments[-1] += operand[at]
        elif char == "*":
            if star_before:
                raise ValueError(f"Consecutive wildcard characters at pos {_byte(operand, at - 1)}")
            segments.append("")
        else:
            segments[-1] += char
        star_before = char == "*"
        at += 1
    return segments


def _byte(operand: str, at: int) -> int:
    return len(operand[:at].encode("utf-8", "surrogatepass")) + 1
