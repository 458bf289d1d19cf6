"""Says what a converted rule asks for in vain: what CloudTrail does not write, and read-only calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.rules.read_only import read_only
from trailforward.patterns import OF_ROUTES, Pattern, lint
from trailforward.patterns.cloudtrail import CODES, combinations, dead_members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.patterns.cloudtrail import Combination, Problem

#: Values that rules of other log formats brought along.
_NEVER_WRITTEN = {
    ("detail.errorCode", "success"): "errorCode: CloudTrail omits the field when a call succeeds; "
    'it never writes "Success"',
}
#: Services whose Get… and List… calls of this kind are data events, which every rule state delivers.
#: Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
_DATA = {
    "s3.amazonaws.com": ("GetObject", "HeadObject", "ListObject", "ListParts", "ListMultipart"),
    "dynamodb.amazonaws.com": ("GetItem", "BatchGetItem", "GetRecords", "GetShardIterator"),
    "kinesis.amazonaws.com": ("GetRecords", "GetShardIterator"),
}


#: Sources whose events are sign-ins, which are not read-only whatever they are called.
_NO_CALLS = frozenset({"signin.amazonaws.com"})
#: Fields that hold objects, and nothing else that is not null.
_CONTAINERS = frozenset(
    f"detail.{name}"
    for name in ("requestParameters", "responseElements", "additionalEventData", "serviceEventDetails")
)
#: Operators that only a text or a number can satisfy.
_OF_VALUES = frozenset(
    {
        *("string", "equals-ignore-case", "prefix", "suffix", "prefix/equals-ignore-case"),
        *("suffix/equals-ignore-case", "wildcard", "cidr", "number", "numeric", "literal"),
    }
)


class Judgement(NamedTuple):
    """What never arrives.

    Attributes:
        never: parts that CloudTrail never writes, or that AWS does not document.
        impossible: whether no CloudTrail event can match.
        read_only: names of calls whose events a rule in the state ``ENABLED`` does not get.
        only_read_only: whether the rule asks for no other calls.
    """

    never: tuple[str, ...]
    impossible: bool
    read_only: tuple[str, ...]
    only_read_only: bool


def judge(patterns: list[dict[str, Any]]) -> Judgement:
    """Judges the patterns of a rule, all of which an event must match. No pattern matches nothing."""
    if not patterns:
        return Judgement(
            ("the condition contradicts itself",), impossible=True, read_only=(), only_read_only=False
        )
    found: dict[str, None] = {}
    impossible = False
    for made in patterns:
        as_written = Pattern(made, limits=OF_ROUTES)
        found |= dict.fromkeys(str(one) for one in lint(as_written) if one.code == "exists-object")
        every = list(combinations(Pattern(_with_case(made), limits=OF_ROUTES)))
        dead = [[*map(str, _dead(combination)), *_objects(combination)] for combination in every]
        impossible = impossible or all(dead)
        for combination, reasons in zip(every, dead, strict=True):
            found |= dict.fromkeys(reasons or map(str, _doubts(combination)))
            found |= dict.fromkeys(_values(combination))
    names = [_names(rule) for rule in Pattern(patterns[0], limits=OF_ROUTES).rules]
    reading = dict.fromkeys(name for found_names in names for name, reads in found_names if reads)
    only = bool(names) and all(each and all(reads for _, reads in each) for each in names)
    return Judgement(tuple(found), impossible, tuple(reading), only)


def _with_case(value: Any) -> Any:
    """A pattern with texts instead of ``equals-ignore-case``, so that they are compared with those of AWS."""
    if isinstance(value, dict):
        if value.keys() == {"equals-ignore-case"} and isinstance(value["equals-ignore-case"], str):
            return value["equals-ignore-case"]
        return {key: each if key == "anything-but" else _with_case(each) for key, each in value.items()}
    return [_with_case(each) for each in value] if isinstance(value, list) else value


def _dead(combination: Combination) -> list[Problem]:
    return [one for one in combination.reasons if one.definite and not _is_case(one, combination)]


def _doubts(combination: Combination) -> Iterator[Problem]:
    if combination.reasons:
        return
    found = [*dead_members(combination)]
    for kind in combination.possible[:1]:
        found += combination.problems[kind.name]
    yield from (one for one in found if one.code in CODES and not _is_case(one, combination))


def _is_case(problem: Problem, combination: Combination) -> bool:
    """Whether the value differs from AWS's only by case, which a Sigma rule ignores."""
    condition = combination.rule.get(problem.path)
    operands = [member.operand for member in condition.members] if condition is not None else []
    texts = [operand.lower() for operand in operands if isinstance(operand, str)]
    return bool(problem.instead) and problem.instead.lower() in texts


def _objects(combination: Combination) -> Iterator[str]:
    """Conditions on the value of a field that holds an object."""
    for path, condition in combination.rule.items():
        kinds = {member.kind for member in condition.members}
        if (
            path in _CONTAINERS
            and kinds <= _OF_VALUES
            and None not in {one.operand for one in condition.members}
        ):
            name = path.removeprefix("detail.")
            yield f"{name}: CloudTrail writes an object, and a pattern tests its fields, not its text"


def _values(combination: Combination) -> Iterator[str]:
    for (path, value), text in _NEVER_WRITTEN.items():
        condition = combination.rule.get(path)
        members = condition.members if condition is not None else ()
        wanted = any(isinstance(one.operand, str) and one.operand.lower() == value for one in members)
        if wanted and not any(one.kind.startswith("anything-but") for one in members):
            yield text


def _names(rule: Any) -> list[tuple[str, bool]]:
    """The calls that a combination names, and whether their events are read-only management events."""
    condition = rule.get("detail.eventName")
    members = condition.members if condition is not None else ()
    source = rule.get("detail.eventSource")
    sources = {member.operand for member in source.members} if source is not None else set()
    if not all(member.kind in {"string", "equals-ignore-case"} for member in members):
        return []
    return [(member.operand, _reads(member.operand, sources)) for member in members]


def _reads(name: str, sources: set[Any]) -> bool:
    """Whether a rule in the state ``ENABLED`` does not get the events of a call."""
    if sources and sources <= _NO_CALLS:
        return False
    data = any(name.startswith(heads) for source, heads in _DATA.items() if not sources or source in sources)
    return read_only(name) is True and not data


def lints_of(pattern: dict[str, Any]) -> list[str]:
    """The codes of the lints that ``trailforward validate`` would report for a pattern."""
    return sorted({one.code for one in lint(Pattern(json.dumps(pattern), limits=OF_ROUTES))})
