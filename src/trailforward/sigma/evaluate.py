"""Evaluates a rule on a CloudTrail record, as a check of the conversion: it shares no code with it.

A field has the values at its dotted path, through lists; any of them may satisfy a condition. Texts are
compared without case. Objects are not values. A regular expression may match any part of a value.

A rule that counts is evaluated over all events, by their time, in windows that slide.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import re2
from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trailforward.sigma.rule import Counting


class NotEvaluableError(Exception):
    """The evaluator does not know a kind of condition."""


def evaluator(condition: Any) -> Callable[[dict[str, Any]], bool]:
    """A function that takes a CloudTrail record, and returns whether a condition holds.

    Raises:
        NotEvaluableError: the condition has a part that this module does not know.
    """
    if isinstance(condition, (ConditionAND, ConditionOR)):
        parts = [evaluator(part) for part in condition.args]
        every = all if isinstance(condition, ConditionAND) else any
        return lambda record: every(part(record) for part in parts)
    if isinstance(condition, ConditionNOT):
        inner = evaluator(condition.args[0])
        return lambda record: not inner(record)
    if isinstance(condition, ConditionFieldEqualsValueExpression):
        return _field(condition.field.split("."), condition.value)
    raise NotEvaluableError(type(condition).__name__)


def _field(steps: list[str], value: Any) -> Callable[[dict[str, Any]], bool]:
    if isinstance(value, SigmaExpansion):
        parts = [_field(steps, each) for each in value.values]
        return lambda record: any(part(record) for part in parts)
    if isinstance(value, SigmaExists):
        return lambda record: bool(list(_values(record, steps))) == bool(value)
    if isinstance(value, SigmaNull):
        return lambda record: not (found := list(_values(record, steps))) or None in found
    if isinstance(value, SigmaFieldReference):
        other = value.field.split(".")

        def same(record: dict[str, Any]) -> bool:
            texts = {_text(found).lower() for found in _values(record, other) if found is not None}
            return any(_text(found).lower() in texts for found in _values(record, steps) if found is not None)

        return same
    test = _test(value)
    return lambda record: any(found is not None and test(found) for found in _values(record, steps))


def _values(value: Any, steps: list[str]) -> Iterator[Any]:
    """The values at a path; names with dots in the record count as several steps."""
    if isinstance(value, list):
        for each in value:
            yield from _values(each, steps)
    elif isinstance(value, dict):
        for size in range(1, len(steps) + 1):
            name = ".".join(steps[:size])
            if name in value:
                yield from _values(value[name], steps[size:])
    elif not steps:
        yield value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else repr(value)


def _searchable(found: Any) -> str:
    """The text of a value for RE2, which accepts no half of a surrogate pair."""
    text = _text(found)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _test(value: Any) -> Callable[[Any], bool]:
    if isinstance(value, SigmaString):
        cased = isinstance(value, SigmaCasedString)
        if len(value.s) == 1 and isinstance(plain := value.s[0], str) and plain.isascii() and not cased:
            low = plain.lower()
            return lambda found: _text(found).lower() == low
        search = re2.compile(
            ("(?s)" if cased else "(?si)") + _expression(value)
        )  # linear in the value's length
        return lambda found: search.fullmatch(_searchable(found)) is not None
    if isinstance(value, SigmaBool):
        wanted = str(value).lower()
        return lambda found: _text(found).lower() == wanted
    return _other_test(value)


def _other_test(value: Any) -> Callable[[Any], bool]:
    if type(value) is SigmaNumber:
        return lambda found: _same_number(found, value.number)
    if isinstance(value, SigmaCompareExpression):
        compare = _COMPARE[value.op.name]
        number = value.number.number
        return lambda found: (read := _number(found)) is not None and compare(read, number)
    if isinstance(value, SigmaCIDRExpression):
        return lambda found: _inside(found, value.network)
    if isinstance(value, SigmaRegularExpression):
        flags = "".join(
            sorted({"IGNORECASE": "i", "MULTILINE": "m"}.get(flag.name, "s") for flag in value.flags)
        )
        pattern = re2.compile(
            f"(?{flags or 's'})" + str(value.regexp.original)
        )  # linear in the value's length
        return lambda found: pattern.search(_searchable(found)) is not None
    raise NotEvaluableError(type(value).__name__)


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "LT": lambda one, two: one < two,
    "LTE": lambda one, two: one <= two,
    "GT": lambda one, two: one > two,
    "GTE": lambda one, two: one >= two,
}


def _expression(value: SigmaString) -> str:
    known = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    parts = []
    for part in value.s:
        if not isinstance(part, str) and part not in known:
            raise NotEvaluableError("a placeholder")
        parts.append(re.escape(part) if isinstance(part, str) else known[part])
    return "".join(parts)


def _number(found: Any) -> float | None:
    if isinstance(found, bool):
        return None
    try:
        return float(found)
    except (TypeError, ValueError, OverflowError):
        return None


def _same_number(found: Any, wanted: float) -> bool:
    return _number(found) == wanted


def _inside(found: Any, network: Any) -> bool:
    try:
        return ip_address(str(found)) in network
    except ValueError:
        return False


class Windows:
    """Counts the events that a rule matches.

    The events of a window have the same values of some fields, and happened within the time of the rule. An
    event that arrives again does not count again.

    Args:
        counting: what the rule counts.
    """

    def __init__(self, counting: Counting) -> None:
        self._steps = [field.split(".") for field in counting.fields]
        self._seconds = int(counting.timespan[:-1]) * _SECONDS[counting.timespan[-1]]
        self._more_than = counting.operator == "gt"
        self._number = counting.number
        self._groups: dict[tuple[str, ...], list[tuple[float, str]]] = defaultdict(list)
        self._known: dict[str, str] = {}
        self._repeats: dict[str, str] = {}

    def add(self, record: dict[str, Any], name: str) -> None:
        """Adds a CloudTrail record that the rule matches.

        Args:
            record: with ``eventTime``; without it, the record is not in any window.
            name: stands for the event in the results.
        """
        known = str(record.get("eventID") or name)
        moment = _moment(record.get("eventTime"))
        if known in self._known:
            self._repeats[name] = self._known[known]
        if moment is None or known in self._known:
            return
        self._known[known] = name
        key = tuple(repr(list(_values(record, steps))) for steps in self._steps)
        self._groups[key].append((moment, name))

    def compare(self, messages: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """Yields the events about which the rule disagrees with messages, and whether there was a message.

        A message is wrong if its event is not in any window with enough events. A message is missing at the
        event that completes such a window if there is none about an event of it, nor within the time of the
        rule before or after it: events may arrive late, and events with a message do not count again.

        Args:
            messages: names of the events that became messages.
        """
        sent = {self._repeats.get(name, name): name for name in messages}
        right: set[str] = set()
        for group in self._groups.values():
            events = sorted(group, key=lambda one: one[0])
            moments = [moment for moment, name in events if name in sent]
            start, marked = 0, 0
            for at, (moment, name) in enumerate(events):
                while events[start][0] < moment - self._seconds:
                    start += 1
                within = at - start + 1
                if not (within > self._number if self._more_than else within >= self._number):
                    continue
                right.update(one for _, one in events[max(start, marked) : at + 1])
                marked = at + 1
                near = bisect_left(moments, events[start][0] - self._seconds)
                if near == len(moments) or moments[near] > moment + self._seconds:
                    yield name, False
        yield from ((sent[name], True) for name in sent if name not in right)


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}


def _moment(text: Any) -> float | None:
    """Seconds since 1970; None if the text is not a time."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
