"""The operators of event patterns: turns the array of a pattern's field into one test of a leaf.

Strings, numbers, ``true``, ``false``, and ``null`` are five separate types: ``"true"`` does not equal
``true``, and ``1`` does not equal ``true`` (as it does in Python).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.patterns.addresses import Network, address
from trailforward.patterns.numbers import Number, comparable, number_text
from trailforward.patterns.strings import ignoring_case, prefix_ignoring_case, suffix_ignoring_case, wildcard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Test = "Callable[[Any], bool]"


class Member(NamedTuple):
    """One member of a pattern's array.

    Attributes:
        kind: ``string``, ``number``, ``literal`` (true, false, null), or the operator's name; nested
            operators are joined: ``prefix/equals-ignore-case``, ``anything-but/wildcard``.
        operand: a string; :class:`Number`; True, False or None; :class:`Range`; :class:`Network`; a tuple
            of strings or of numbers below ``anything-but``.
    """

    kind: str
    operand: Any


class Range(NamedTuple):
    """The range of a ``numeric`` operator.

    Attributes:
        low: lower bound; None if unbounded.
        low_included: whether the lower bound is in the range.
        high: upper bound; None if unbounded.
        high_included: whether the upper bound is in the range.
    """

    low: float | None
    low_included: bool
    high: float | None
    high_included: bool

    def contains(self, value: float) -> bool:
        """Whether a value is in the range."""
        if self.low is not None and not (value > self.low or (self.low_included and value == self.low)):
            return False
        return self.high is None or value < self.high or (self.high_included and value == self.high)


class Condition(NamedTuple):
    """The condition that a pattern puts on one path.

    Attributes:
        members: the alternatives; a leaf must match one of them.
        text: the array as written in the pattern.
    """

    members: tuple[Member, ...]
    text: str

    @property
    def optional(self) -> bool:
        """Whether a missing field satisfies the condition, because ``exists: false`` is a member."""
        return ABSENT in self.members


ABSENT = Member("exists", False)  # noqa: FBT003
PRESENT = Member("exists", True)  # noqa: FBT003


def exact_strings(members: Iterable[Member]) -> frozenset[str] | None:
    """The strings, if the members only test for equal strings; else None."""
    strings = set()
    for kind, operand in members:
        if kind not in {"string", "exactly"} or (kind == "string" and address(operand)):
            return None
        strings.add(operand)
    return frozenset(strings)


def leaf_test(members: tuple[Member, ...]) -> Callable[[Any], bool]:
    """The test that a leaf must pass; ``exists: false`` does not affect it."""
    if PRESENT in members:
        return _anything
    on_string = _either(_string_tests(members))
    on_number = _either(_number_tests(members))
    on_other = any(kind.startswith("anything-but") for kind, _ in members)
    literals = [operand for kind, operand in members if kind == "literal"]
    null, true, false = (
        on_other or any(literal is kind for literal in literals) for kind in (None, True, False)
    )

    def test(leaf: Any) -> bool:
        if isinstance(leaf, str):
            return on_string(leaf)
        if leaf is None:
            return null
        if leaf is True:
            return true
        if leaf is False:
            return false
        return on_number(leaf) if isinstance(leaf, (int, float)) else on_other

    return test


def member_test(condition: Condition) -> Callable[[Any], bool]:
    """The test that a leaf must pass to satisfy a condition."""
    return leaf_test(condition.members)


def _anything(_: Any) -> bool:
    return True


def _nothing(_: Any) -> bool:
    return False


def _either(tests: Iterator[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    found = tuple(tests)
    if not found:
        return _nothing
    if len(found) == 1:
        return found[0]
    return lambda leaf: any(test(leaf) for test in found)


def _string_tests(members: tuple[Member, ...]) -> Iterator[Callable[[str], bool]]:
    exact = frozenset(operand for kind, operand in members if kind in {"string", "exactly"})
    if exact:
        yield exact.__contains__
    spelled = (address(operand) for kind, operand in members if kind == "string")
    addresses = frozenset(found for found in spelled if found is not None)
    if addresses:
        yield lambda leaf: address(leaf) in addresses
    for kind, build in _STRING_TESTS.items():
        operands = tuple(operand for name, operand in members if name == kind)
        if operands:
            yield build(operands)
    for kind, operand in members:
        if kind.startswith("anything-but"):
            yield _anything_but_string(kind, operand)


def _anything_but_string(kind: str, operand: tuple[Any, ...]) -> Callable[[str], bool]:
    """The ``anything-but`` test of strings. It compares IP addresses as text, too."""
    if kind == "anything-but":
        excluded = frozenset(value for value in operand if isinstance(value, str))
        return lambda leaf: leaf not in excluded
    hit = _STRING_TESTS[kind.removeprefix("anything-but/")](operand)
    return lambda leaf: not hit(leaf)


def _cidr(networks: tuple[Network, ...]) -> Callable[[str], bool]:
    return _either(block.contains for block in networks)


def _prefix(heads: tuple[str, ...]) -> Callable[[str], bool]:
    return lambda leaf: leaf.startswith(heads)


def _suffix(tails: tuple[str, ...]) -> Callable[[str], bool]:
    return lambda leaf: leaf.endswith(tails)


def _each(
    build: Callable[[str], Callable[[str], bool]],
) -> Callable[[tuple[str, ...]], Callable[[str], bool]]:
    return lambda operands: _either(build(operand) for operand in operands)


_STRING_TESTS: dict[str, Callable[[tuple[Any, ...]], Callable[[str], bool]]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _each(ignoring_case),
    "prefix/equals-ignore-case": _each(prefix_ignoring_case),
    "suffix/equals-ignore-case": _each(suffix_ignoring_case),
    "wildcard": _each(wildcard),
    "cidr": _cidr,
}


def _number_tests(members: tuple[Member, ...]) -> Iterator[Callable[[float], bool]]:
    numbers = [operand for kind, operand in members if kind == "number"]
    if numbers:
        yield _equal_to(numbers)
    for kind, operand in members:
        if kind == "numeric":
            yield _inside(operand)
        elif kind == "anything-but" and isinstance(operand[0], Number):
            equal = _equal_to(operand)
            yield lambda leaf, equal=equal: not equal(leaf)  # type: ignore[misc]
        elif kind.startswith("anything-but"):
            yield _anything


def _equal_to(numbers: Iterable[Number]) -> Callable[[float], bool]:
    values = frozenset(number.value for number in numbers if number.value is not None)
    texts = frozenset(number.text for number in numbers if number.value is None)

    def test(leaf: float) -> bool:
        value = comparable(leaf)
        return number_text(leaf) in texts if value is None else value in values

    return test


def _inside(interval: Range) -> Callable[[float], bool]:
    def test(leaf: float) -> bool:
        value = comparable(leaf)
        return value is not None and interval.contains(value)

    return test
