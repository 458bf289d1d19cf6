"""Tests of a converted route: changes to a sample event that the rule matches, or does not match.

The rule's evaluator decides what to expect, not the pattern, so the tests can fail.
"""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import islice, product
from typing import TYPE_CHECKING, Any, NamedTuple

from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR
from sigma.types import (
    SigmaBool,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
)

from trailforward.sigma.clauses import NotConvertibleError
from trailforward.sigma.evaluate import NotEvaluableError, evaluator
from trailforward.sigma.regexes import wildcards
from trailforward.testing import samples
from trailforward.testing.event_changes import apply_changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.sigma.rule import Rule

#: The event that the tests change: a call of the management plane, without error.
SAMPLE = "trail-stopped"
#: Alternatives that are tried before a rule gets no test.
_TRIES = 64
_ABSENT = object()


class Example(NamedTuple):
    """One test.

    Attributes:
        matches: whether the rule matches the event.
        set: path in the envelope → value.
        unset: paths in the envelope.
    """

    matches: bool
    set: dict[str, Any]
    unset: tuple[str, ...]


def examples(rule: Rule) -> list[Example]:
    """An event that the rule matches, and one that it does not, as far as they are found."""
    try:
        checks = [evaluator(condition) for condition in rule.conditions]
    except NotEvaluableError:
        return []
    envelope = json.loads(samples.load(SAMPLE))
    for wanted in islice(_wishes(rule), _TRIES):
        made = _example(envelope, wanted)
        if made is None or not any(check(_record(envelope, made)) for check in checks):
            continue
        found = [made._replace(matches=True)]
        for path in made.set:
            other = made._replace(set={**made.set, path: "something-else"}, matches=False)
            if not any(check(_record(envelope, other)) for check in checks):
                return [*found, other]
        plain = Example(matches=False, set={}, unset=())
        if not any(check(_record(envelope, plain)) for check in checks):
            return [*found, plain]
        return found
    return []


def _record(envelope: dict[str, Any], example: Example) -> dict[str, Any]:
    changed: dict[str, Any] = apply_changes(envelope, example.set, example.unset)["detail"]
    return changed


def _example(envelope: dict[str, Any], wanted: dict[str, Any]) -> Example | None:
    paths = {f"detail.{field}": value for field, value in wanted.items()}
    if any(one != two and two.startswith(f"{one}.") for one in paths for two in paths):
        return None
    unset = tuple(path for path, value in paths.items() if value is _ABSENT and _has(envelope, path))
    return Example(
        matches=True, set={path: value for path, value in paths.items() if value is not _ABSENT}, unset=unset
    )


def _has(envelope: dict[str, Any], path: str) -> bool:
    value: Any = envelope
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def _wishes(rule: Rule) -> Iterator[dict[str, Any]]:
    """What fields should have so that a condition holds, without a look at what else it forbids."""
    for condition in rule.conditions:
        yield from _of(condition)


def _of(item: Any) -> Iterator[dict[str, Any]]:
    if isinstance(item, ConditionOR):
        for part in item.args:
            yield from _of(part)
    elif isinstance(item, ConditionAND):
        options = [list(islice(_of(part), 4)) for part in item.args]
        for chosen in product(*options):
            merged: dict[str, Any] = {}
            for each in chosen:
                merged |= each
            yield merged
    elif isinstance(item, ConditionNOT):
        yield {}
        for wish in islice(_of(item.args[0]), 2):
            yield dict.fromkeys(wish, _ABSENT)
    elif isinstance(item, ConditionFieldEqualsValueExpression):
        yield from ({item.field: value} for value in _values_of(item.value))


def _values_of(value: Any) -> Iterator[Any]:
    if isinstance(value, SigmaExpansion):
        for each in value.values:
            yield from _values_of(each)
    elif isinstance(value, SigmaString):
        text = "".join(part if isinstance(part, str) else "x" for part in value.s)
        yield text
    elif isinstance(value, (SigmaNull, SigmaExists)):
        present = isinstance(value, SigmaExists) and bool(value)
        yield "x" if present else _ABSENT
    elif isinstance(value, (SigmaBool, SigmaNumber)):
        yield bool(value) if isinstance(value, SigmaBool) else value.number
    else:
        yield from _more_values_of(value)


def _more_values_of(value: Any) -> Iterator[Any]:
    if isinstance(value, SigmaCIDRExpression):
        yield str(value.network.network_address)
    elif isinstance(value, SigmaRegularExpression):
        with suppress(NotConvertibleError):  # a guess: the evaluator decides whether it matches
            for parts in wildcards(str(value.regexp.original), ignore_case=False)[0]:
                yield "".join("x" if part is None else part for part in parts)
    elif isinstance(value, SigmaCompareExpression):
        yield from (value.number.number + step for step in (0, 1, -1))
