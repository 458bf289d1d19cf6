"""Intended calls: the calls that a rule's pattern is meant for, by the names in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from trailforward.patterns.cloudtrail import (
    Context,
    Problem,
    combinations,
    exact_strings,
    is_known_service,
    member_test,
    operations,
    services_with,
    text_problem,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trailforward.patterns import Pattern
    from trailforward.patterns.cloudtrail import Combination, EventKind

#: The most combinations of a pattern, and the most calls of one pattern, that are looked at.
MOST_COMBINATIONS, MOST_CALLS = 50, 100
#: The most operations that stand for calls that the pattern does not name.
_SAMPLES = 6
#: Services whose operations stand for those of any service.
_TYPICAL = ("ec2", "iam", "kms", "s3")
_NAME = "detail.eventName"


@dataclass(frozen=True, slots=True)
class Intended:
    """One call that a pattern is meant for, or a group of calls that it does not name.

    Attributes:
        label: the call in words: ``iam:CreateUser``, ``any call of iam``.
        named: whether the pattern names the call. Otherwise one of ``operations`` is enough.
        operations: service and event name of the calls to try.
        kinds: the kinds of events to try.
        combination: the combination of the pattern that asks for it.
        number: its number in the pattern.
        problem: why no event can match, or None.
        doubts: conditions that perhaps no event satisfies.
    """

    label: str
    named: bool
    operations: tuple[tuple[str, str], ...]
    kinds: tuple[EventKind, ...]
    combination: Combination
    number: int
    problem: Problem | None = None
    doubts: tuple[Problem, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is every call of its services, perhaps with some left out."""
        condition = self.combination.rule.get(_NAME)
        return condition is None or all(
            member.kind.startswith(("anything-but", "exists")) for member in condition.members
        )


@lru_cache(maxsize=1024)
def intended(pattern: Pattern) -> tuple[tuple[Intended, ...], bool]:
    """The calls that a pattern is meant for, each once, and whether there are more than those.

    Several combinations may ask for the same call: the first that can match counts.
    """
    found: dict[str, Intended] = {}
    many = len(pattern.rules) > MOST_COMBINATIONS
    for number, combination in enumerate(islice(combinations(pattern), MOST_COMBINATIONS)):
        if not combination.about:
            continue
        for call in _of(combination, number):
            before = found.get(call.label)
            if before is None or (before.problem is not None and call.problem is None):
                found[call.label] = call
    calls = _without_exceptions(list(found.values()))
    return tuple(calls[:MOST_CALLS]), many or len(calls) > MOST_CALLS


def _without_exceptions(calls: list[Intended]) -> list[Intended]:
    """The calls without those that a pattern names only to leave some of their events out.

    Where one combination accepts every call of a service, or every call but some, a name in another one is
    an exception, not what the rule is meant for.
    """
    whole = {
        service
        for call in calls
        if call.problem is None and not call.named and call.whole
        for service in call.combination.services or ("",)
    }
    if not whole:
        return calls
    kept = [
        call
        for call in calls
        if not call.named
        or not ("" in whole or (set(call.combination.services or ()) <= whole and call.combination.services))
    ]
    return kept or calls


def _of(combination: Combination, number: int) -> Iterator[Intended]:
    reasons = combination.reasons
    if reasons:
        definite = next((one for one in reasons if one.definite), None)
        doubts = () if definite else reasons
        yield Intended(_words(combination), False, (), (), combination, number, definite, doubts)  # noqa: FBT003
        return
    rule = combination.rule
    names = exact_strings(rule[_NAME].members) if _NAME in rule else None
    if names:
        for name in sorted(names):
            yield from _named(combination, number, name)
    else:
        yield from _unnamed(combination, number)


def _named(combination: Combination, number: int, name: str) -> Iterator[Intended]:
    services = combination.services
    kinds, dead, doubt = [], None, None
    for kind in combination.possible:
        problem = text_problem(_NAME, name, Context(kind, services))
        if problem is None or not problem.definite:
            kinds.append(kind)
            doubt = doubt or problem
        else:
            dead = problem
    if kinds and services is None:
        found = services_with(name)[:_SAMPLES] or ("signin" if name == "ConsoleLogin" else "example",)
        pairs = tuple((service, name) for service in found)
        yield _call(name, pairs, tuple(kinds), combination, number, doubt)
        return
    knowing = [service for service in services or () if name in operations(service)]
    for service in knowing or services or ():
        label = f"{service}:{name}"
        if kinds:
            yield _call(label, ((service, name),), tuple(kinds), combination, number, doubt)
        else:
            yield Intended(label, True, (), (), combination, number, dead)  # noqa: FBT003
    if not kinds and not services:
        yield Intended(name, True, (), (), combination, number, dead)  # noqa: FBT003


def _call(
    label: str,
    pairs: tuple[tuple[str, str], ...],
    kinds: tuple[EventKind, ...],
    combination: Combination,
    number: int,
    doubt: Problem | None,
) -> Intended:
    """A named call. The operation of an API is an API call, or a network activity event."""
    if any(name in operations(service) for service, name in pairs):
        likely = tuple(kind for kind in kinds if kind.name in {"api-call", "network-activity"})
        kinds = likely or kinds
    doubts = (*combination.problems[kinds[0].name], *([doubt] if doubt else ()))
    return Intended(label, True, pairs, kinds, combination, number, None, doubts)  # noqa: FBT003


def _unnamed(combination: Combination, number: int) -> Iterator[Intended]:
    kinds = combination.possible
    doubts = combination.problems[kinds[0].name]
    condition = combination.rule.get(_NAME)
    for service in combination.services or ("",):
        label = f"any call of {service}" if service else "any call"
        left_out = condition is not None and all(
            member.kind.startswith(("anything-but", "exists")) for member in condition.members
        )
        if condition is not None and not left_out:
            label = f"{service + ':' if service else ''}{condition.text}"
        only = len(kinds) == 1 and kinds[0].name != "api-call"
        label = f"any event like {kinds[0].title}" if only and condition is None else label
        pairs = tuple(_samples(combination, service, kinds))
        yield Intended(label, False, pairs, kinds, combination, number, None, doubts)  # noqa: FBT003


def _samples(
    combination: Combination, service: str, kinds: tuple[EventKind, ...]
) -> Iterator[tuple[str, str]]:
    """Operations that stand for the calls that a pattern does not name: those that write come first."""
    fitting = _accepts(combination)
    fixed = {kind.service for kind in kinds if kind.service}
    if len(kinds) == 1 and fixed:
        (only,) = fixed
        yield only, "ConsoleLogin" if only == "signin" else "ApiCallRateInsight"
        return
    for one in (service,) if service else _TYPICAL:
        names = sorted(filter(fitting, operations(one)), key=_readers_last)
        chosen = [*names[: _SAMPLES - 2], *names[-2:]] if len(names) > _SAMPLES else names
        if not chosen and not is_known_service(one):
            chosen = ["CreateExample"]
        yield from ((one, name) for name in dict.fromkeys(chosen or ["CreateExample"]))


def _readers_last(name: str) -> tuple[bool, bool, str]:
    return (
        name.startswith(("Get", "List", "Describe")),
        not name.startswith(("Create", "Delete", "Put")),
        name,
    )


def _accepts(combination: Combination) -> Callable[[str], bool]:
    condition = combination.rule.get(_NAME)
    return member_test(condition) if condition is not None else (lambda _: True)


def _words(combination: Combination) -> str:
    """What a combination that cannot match was meant for."""
    names = exact_strings(combination.rule[_NAME].members) if _NAME in combination.rule else None
    services = ", ".join(combination.services or ())
    if names:
        one = combination.services[0] if combination.services and len(combination.services) == 1 else ""
        return ", ".join(f"{one}:{name}" if one else name for name in sorted(names)[:5])
    return f"any call of {services}" if services else "any call"
