"""Combinations: which kinds of CloudTrail events can match each combination of a pattern's ``$or``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trailforward.patterns.cloudtrail.event_kinds import KINDS
from trailforward.patterns.cloudtrail.event_sources import SUFFIX, is_known_service, service_of
from trailforward.patterns.cloudtrail.fields import RECORD
from trailforward.patterns.cloudtrail.problem import Context, Problem
from trailforward.patterns.cloudtrail.problems import field_problem, member_problems
from trailforward.patterns.cloudtrail.text_values import detail_type_problem
from trailforward.patterns.operators import exact_strings, leaf_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.patterns.cloudtrail.event_kinds import EventKind
    from trailforward.patterns.parser import Rule
    from trailforward.patterns.pattern import Pattern

#: Fields of a CloudTrail record that events of other sources do not have.
_DISTINCTIVE = frozenset(
    {
        *("eventsource", "eventname", "eventcategory", "useridentity", "readonly", "managementevent"),
        *("requestparameters", "responseelements", "sourceipaddress", "recipientaccountid"),
        *("additionaleventdata", "insightdetails", "serviceeventdetails"),
    }
)
#: Fields that events of a few other sources have, too: they count if the pattern names no source.
_USUAL = frozenset({"errorcode", "errormessage", "eventtype", "useragent", "awsregion"})
#: Fields of every event, by which alone a pattern selects no kind of event.
_OF_EVERY_EVENT = frozenset({"source", "account", "region"})


@dataclass(frozen=True, slots=True)
class Combination:
    """One combination of a pattern's ``$or``, compared with CloudTrail's events.

    Attributes:
        rule: dotted path to condition.
        about: whether it means CloudTrail events: by its detail-type, or by fields that only they have.
        services: the services that it asks for by name, or None if it accepts any.
        problems: for each kind of event that the detail-type allows, why no such event can match. Empty
            problems: such events can match, as far as is known.
        unlisted: a problem of the detail-type, if it allows no kind of event.
    """

    rule: Rule
    about: bool
    services: tuple[str, ...] | None
    problems: dict[str, tuple[Problem, ...]]
    unlisted: Problem | None = None

    @property
    def possible(self) -> tuple[EventKind, ...]:
        """The kinds of events that can match, certainly or perhaps."""
        return tuple(
            kind
            for kind in KINDS
            if kind.name in self.problems and not any(one.definite for one in self.problems[kind.name])
        )

    @property
    def reasons(self) -> tuple[Problem, ...]:
        """Why no CloudTrail event can match, by the kind that comes closest; empty if one can."""
        if self.unlisted is not None:
            return (self.unlisted,)
        if not self.problems or self.possible:
            return ()
        definite = [tuple(one for one in found if one.definite) for found in self.problems.values()]
        return min(definite, key=len)


def combinations(pattern: Pattern) -> Iterator[Combination]:
    """Compares each combination of a pattern with CloudTrail's events."""
    for rule in pattern.rules:
        yield _compare(rule)


def dead_members(combination: Combination) -> Iterator[Problem]:
    """Problems of single values of a list of which other values can match."""
    for kind in combination.possible:
        context = Context(kind, combination.services)
        for path, condition in combination.rule.items():
            if field_problem(path, condition, kind) is None:
                texts = {operand for _, operand in condition.members if isinstance(operand, str)}
                for _, problem in member_problems(path, condition, context):
                    if problem.instead not in texts or not problem.instead:
                        yield problem
        return


def _compare(rule: Rule) -> Combination:
    kinds, unlisted = _kinds(rule)
    services = _services(rule)
    steps = {path.split(".")[1].lower() for path in rule if path.startswith(("detail.", "details."))}
    stray = {path.split(".")[0] for path in rule} & RECORD.keys() - {"resources"}
    distinctive = _DISTINCTIVE if rule.keys() & {"source", "detail-type"} else _DISTINCTIVE | _USUAL
    by_fields = not _other_source(rule) and (not distinctive.isdisjoint(steps) or bool(stray))
    open_to_all = services is None and not _other_source(rule) and rule.keys() <= _OF_EVERY_EVENT
    about = unlisted is not None or (bool(kinds) and ("detail-type" in rule or by_fields or open_to_all))
    problems = {kind.name: tuple(_problems(rule, Context(kind, services))) for kind in kinds}
    return Combination(rule, about, services, problems, unlisted)


def _other_source(rule: Rule) -> bool:
    """Whether the pattern names sources, and none that could be meant as one of AWS's."""
    texts = exact_strings(rule["source"].members) if "source" in rule else None
    return bool(texts) and not any(_resembles_aws(text.strip().lower()) for text in texts or ())


def _resembles_aws(low: str) -> bool:
    return low.startswith("aws") or low.endswith(SUFFIX) or is_known_service(low)


def _kinds(rule: Rule) -> tuple[tuple[EventKind, ...], Problem | None]:
    """The kinds that the detail-type allows; and if none, what is wrong with it, if it means CloudTrail's."""
    condition = rule.get("detail-type")
    if condition is None:
        return KINDS, None
    test = leaf_test(condition.members)
    kinds = tuple(kind for kind in KINDS if any(map(test, kind.detail_types)))
    if kinds:
        return kinds, None
    texts = (operand for _, operand in condition.members if isinstance(operand, str))
    found = [problem for text in texts if (problem := detail_type_problem(text)) is not None]
    return (), min(found, key=lambda problem: problem.definite, default=None)


def _services(rule: Rule) -> tuple[str, ...] | None:
    """The services that ``eventSource`` or else ``source`` name exactly."""
    for path, read in (("detail.eventSource", _of_event_source), ("source", _of_source)):
        texts = exact_strings(rule[path].members) if path in rule else None
        if texts:
            found = [read(text) for text in sorted(texts)]
            return tuple(dict.fromkeys(filter(None, found))) or None
    return None


def _of_event_source(text: str) -> str:
    return service_of(text) if text.endswith(SUFFIX) else ""


def _of_source(text: str) -> str:
    return text.removeprefix("aws.") if text.startswith("aws.") else ""


def _problems(rule: Rule, context: Context) -> Iterator[Problem]:
    for path, condition in rule.items():
        if path == "detail-type":
            continue
        problem = field_problem(path, condition, context.kind)
        if problem is not None:
            yield problem
            continue
        if condition.optional:
            continue
        dead = [found for _, found in member_problems(path, condition, context)]
        if len(dead) == len(condition.members):
            yield min(dead, key=lambda one: one.definite)
    yield from _mismatch(rule)


def _mismatch(rule: Rule) -> Iterator[Problem]:
    """``source`` and ``eventSource`` that name different services.

    Source: https://docs.aws.amazon.com/eventbridge/latest/ref/welcome.html (a page per service states both)
    """
    if not {"source", "detail.eventSource"} <= rule.keys():
        return
    sources = exact_strings(rule["source"].members)
    event_sources = exact_strings(rule["detail.eventSource"].members)
    if not sources or not event_sources:
        return
    named = {_of_source(text) for text in sources}
    recorded = {_of_event_source(text) for text in event_sources}
    if named & recorded or not all(map(is_known_service, named | recorded)):
        return
    right = f"aws.{min(recorded)}"
    text = f'events of {min(event_sources)} have the source "{right}", not "{min(sources)}"'
    yield Problem("source-mismatch", "source", text, instead=right)
