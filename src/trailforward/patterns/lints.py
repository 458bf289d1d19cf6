"""Lints: valid patterns that may not do what they seem to, or that EventBridge may match differently."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.patterns.addresses import address
from trailforward.patterns.complexity import complexity
from trailforward.patterns.dialects import UNSUPPORTED, unsupported_operators
from trailforward.patterns.limits import DEFAULT_SIZE_QUOTA, Limits
from trailforward.patterns.operators import ABSENT, PRESENT, Condition, Member
from trailforward.patterns.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trailforward.patterns.parser import Rule


class Lint(NamedTuple):
    """One finding.

    Attributes:
        code: short, stable identifier.
        path: dotted path of the field; empty for the whole pattern.
        message: what may go wrong, and what to do.
        service_may_differ: whether EventBridge may return another result than ``matches``.
    """

    code: str
    path: str
    message: str
    service_may_differ: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


#: Keys that contain arrays of objects in CloudTrail records.
ARRAYS = frozenset({"items", "resources", "tags", "tagSet", "entries", "records"})
#: Fields that contain JSON as text in CloudTrail records.
JSON_TEXT = frozenset(
    {"policyDocument", "assumeRolePolicyDocument", "policyText", "keyPolicy", "secretString", "policy"}
)
#: Fields that contain objects in CloudTrail events.
OBJECTS = frozenset(
    {
        "detail",
        "detail.userIdentity",
        "detail.userIdentity.sessionContext",
        "detail.userIdentity.sessionContext.attributes",
        "detail.userIdentity.sessionContext.sessionIssuer",
        "detail.requestParameters",
        "detail.responseElements",
        "detail.additionalEventData",
        "detail.serviceEventDetails",
        "detail.tlsDetails",
        "detail.insightDetails",
    }
)
#: Limits of ``numeric`` according to the user guide.
NUMERIC_LIMIT = 5e9
NUMERIC_DECIMALS = 6
#: Significant digits that all Java runtimes print alike.
SHORT_DIGITS = 15

#: Code to its meaning. Those of conditions that no CloudTrail event satisfies are in ``cloudtrail.CODES``.
CODES = {
    "repeated-path": "a field that appears more than once: the later condition replaces the earlier one",
    "empty-key": "an empty key",
    "trailing-text": "text after the closing brace",
    "size": "a pattern longer than the default quota of an account",
    "complexity": "wildcards at or above the limit of what EventBridge accepts",
    "overlapping-or": "branches of `$or` that overlap",
    "several-anything-but": "several `anything-but` in one list, which together match nearly everything",
    "anything-but-array": "`anything-but` on an array",
    "exists-false-array": "`exists: false` in an array of objects",
    "exists-object": "`exists` on an object",
    "json-text": "a field below JSON that CloudTrail writes as text",
    "inexact-number": "a number with more digits than a double can hold",
    "long-number": "a number that some Java runtimes compare as text",
    "numeric-range": "`numeric` outside the documented range",
    "ip-literal": "an IP address as a string, which matches in every notation",
    "cidr": "`cidr`, which may match addresses of the other family in EventBridge",
    "ignore-case-beyond-bmp": "`equals-ignore-case` with characters beyond U+FFFF",
    "exactly": "`exactly`, which is not documented",
}

_WARNINGS = {
    "repeated-path": "appears more than once: the later condition replaces the earlier one",
    "empty-key": "has an empty key: EventBridge may join its path differently",
    "trailing-text": "text after the closing brace is ignored here, but EventBridge may reject it",
}


def lint(pattern: Pattern | str | Mapping[str, Any], *, portable: bool = False) -> list[Lint]:
    """Finds doubtful parts of a valid pattern.

    Args:
        pattern: compiled, text, or dict.
        portable: also report operators that only event buses support.

    Returns:
        Findings without duplicates: first those of the whole pattern, then those of each field, then those of
        patterns that mean CloudTrail events and cannot match some or any of them.

    Raises:
        trailforward.errors.PatternError: the pattern is invalid.
    """
    if not isinstance(pattern, Pattern):
        pattern = Pattern(pattern)
    found = [*_whole(pattern)]
    if portable or pattern.dialect == "pipes":
        found += _portability(pattern.rules)
    for rule in pattern.rules:
        for path, condition in rule.items():
            for check in _FIELD_CHECKS:
                found += check(path, condition)
    found += _cloudtrail(pattern)
    return list(dict.fromkeys(found))


def lint_codes() -> dict[str, str]:
    """The codes that :func:`lint` may report, each with its meaning; without those of ``portable``."""
    from trailforward.patterns.cloudtrail import CODES as OF_CLOUDTRAIL

    return {**CODES, **OF_CLOUDTRAIL}


def _whole(pattern: Pattern) -> Iterator[Lint]:
    for code, path in pattern.parsed.warnings:
        yield Lint(code, path, _WARNINGS[code], service_may_differ=code != "repeated-path")
    if len(pattern.text) > DEFAULT_SIZE_QUOTA:
        text = f"{len(pattern.text):,} characters: the default quota of an account is {DEFAULT_SIZE_QUOTA:,}"
        yield Lint("size", "", text, service_may_differ=True)
    yield from _complex(pattern.rules)
    yield from _overlapping(pattern.rules)


def _cloudtrail(pattern: Pattern) -> Iterator[Lint]:
    """Conditions that no CloudTrail event satisfies, in patterns that mean CloudTrail events."""
    from trailforward.patterns.cloudtrail import combinations, dead_members

    for combination in combinations(pattern):
        if not combination.about:
            continue
        for problem in combination.reasons:
            if problem.definite:
                text = f"{problem.text} (no CloudTrail event satisfies this condition)"
                yield Lint(problem.code, problem.path, text)
            else:
                yield Lint(problem.code, problem.path, problem.text)
        for kind in combination.possible[:1]:
            yield from (Lint(one.code, one.path, one.text) for one in combination.problems[kind.name])
        yield from (Lint(one.code, one.path, one.text) for one in dead_members(combination))


def _portability(rules: tuple[Rule, ...]) -> Iterator[Lint]:
    for dialect in UNSUPPORTED:
        for path, kind in unsupported_operators(dialect, rules):
            yield Lint(f"not-in-{dialect}", path, f"{kind} is not supported by {dialect}")
    for rule in rules:
        for path, condition in rule.items():
            if any(member.kind == "wildcard" for member in condition.members):
                text = "AWS does not document whether pipes support wildcard"
                yield Lint("not-in-pipes", path, text, service_may_differ=True)


def _complex(rules: tuple[Rule, ...]) -> Iterator[Lint]:
    limit = Limits().complexity
    score = complexity(rules)
    if score > limit:
        text = f"wildcard complexity is more than {limit}: EventBridge would reject it in a rule"
        yield Lint("complexity", "", text, service_may_differ=True)
    elif score == limit:
        yield Lint(
            "complexity", "", f"wildcard complexity is exactly {limit}, the limit", service_may_differ=True
        )
    elif score < limit < complexity(rules, thorough=True):
        text = "wildcards that sort after an exists:false field are too complex; EventBridge may count them"
        yield Lint("complexity", "", text, service_may_differ=True)


def _overlapping(rules: tuple[Rule, ...]) -> Iterator[Lint]:
    """Event Ruler may ignore a combination that shares a member on every path with an earlier one."""
    by_paths: dict[frozenset[str], list[Rule]] = {}
    for rule in rules:
        by_paths.setdefault(frozenset(rule), []).append(rule)
    for group in by_paths.values():
        for first, second in combinations(group, 2):
            if all(set(first[path].members) & set(second[path].members) for path in first):
                text = "$or branches overlap: EventBridge may ignore the later one; merge them into one list"
                yield Lint("overlapping-or", "", text, service_may_differ=True)
                return


def _anything_but(path: str, condition: Condition) -> Iterator[Lint]:
    buts = [member for member in condition.members if member.kind.startswith("anything-but")]
    if len(buts) > 1:
        text = "several anything-but in one array match nearly every value (OR); use one with a list"
        yield Lint("several-anything-but", path, text)
    if buts and not ARRAYS.isdisjoint(path.split(".")):
        text = "anything-but on an array matches if any element matches"
        yield Lint("anything-but-array", path, text)


def _exists(path: str, condition: Condition) -> Iterator[Lint]:
    if ABSENT in condition.members and not ARRAYS.isdisjoint(path.split(".")[:-1]):
        text = "exists:false in an array of objects applies to the element that earlier paths matched"
        yield Lint("exists-false-array", path, text)
    if path in OBJECTS and {ABSENT, PRESENT} & set(condition.members):
        text = "exists does not apply to objects, only to their fields: use one of the fields"
        yield Lint("exists-object", path, text)


def _json_text(path: str, _: Condition) -> Iterator[Lint]:
    *parents, _field = path.split(".")
    for parent in parents:
        if parent in JSON_TEXT:
            yield Lint(
                "json-text", path, f"{parent} usually contains JSON as text, so paths below it do not match"
            )


def _numbers(path: str, condition: Condition) -> Iterator[Lint]:
    for kind, operand in condition.members:
        if kind == "number" and operand.value is None:
            text = f"{operand.text} has more digits than a double can hold: only the same text matches"
            yield Lint("inexact-number", path, text)
        elif kind == "number" and _java_may_differ(operand.value):
            text = f"{operand.text}: some Java runtimes compare a number this long as text"
            yield Lint("long-number", path, text, service_may_differ=True)
        if kind == "numeric":
            ends = [end for end in (operand.low, operand.high) if end is not None]
            if any(abs(end) > NUMERIC_LIMIT or _decimals(end) > NUMERIC_DECIMALS for end in ends):
                text = "AWS documents numeric for -5e9 to 5e9 with up to 6 decimals"
                yield Lint("numeric-range", path, text, service_may_differ=True)


def _java_may_differ(value: float) -> bool:
    """Quirk: Java before 19 did not always print the shortest decimal form of a double."""
    digits, _, exponent = repr(value).lstrip("-").partition("e")
    return len(digits.replace(".", "").strip("0")) > SHORT_DIGITS or bool(exponent)


def _decimals(value: float) -> int:
    mantissa, _, exponent = repr(value).partition("e")
    fraction = mantissa.partition(".")[2].rstrip("0")
    return len(fraction) - int(exponent or "0")


def _addresses(path: str, condition: Condition) -> Iterator[Lint]:
    if any(kind == "string" and address(operand) for kind, operand in condition.members):
        text = "an IP address matches in every notation, in EventBridge possibly of the other family, too"
        yield Lint("ip-literal", path, text, service_may_differ=True)
    if any(member.kind == "cidr" for member in condition.members):
        text = "EventBridge may also match addresses of the other family, and numbers"
        yield Lint("cidr", path, text, service_may_differ=True)


def _letters(path: str, condition: Condition) -> Iterator[Lint]:
    for member in condition.members:
        if member.kind.endswith("equals-ignore-case") and any(map(_beyond_bmp, _texts(member))):
            text = "EventBridge may treat characters beyond U+FFFF as question marks when ignoring case"
            yield Lint("ignore-case-beyond-bmp", path, text, service_may_differ=True)
        if member.kind == "exactly":
            yield Lint(
                "exactly", path, "exactly is not documented: write only the string", service_may_differ=True
            )


def _texts(member: Member) -> tuple[str, ...]:
    return (member.operand,) if isinstance(member.operand, str) else member.operand


def _beyond_bmp(text: str) -> bool:
    return re.search(r"[^\x00-\uffff]", text) is not None


_FIELD_CHECKS: tuple[Callable[[str, Condition], Iterator[Lint]], ...] = (
    _anything_but,
    _exists,
    _json_text,
    _numbers,
    _addresses,
    _letters,
)
