"""Lints: legal patterns that may not mean what they say, or that the live service may judge otherwise."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.patterns.addresses import address
from trailforward.patterns.complexity import complexity
from trailforward.patterns.dialects import LACKS, lacking
from trailforward.patterns.limits import DEFAULT_SIZE_QUOTA, Limits
from trailforward.patterns.operators import ABSENT, PRESENT, Condition, Member
from trailforward.patterns.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trailforward.patterns.parser import Rule


class Lint(NamedTuple):
    """One finding.

    Attributes:
        code: short and stable.
        path: dotted path of the field; empty for the pattern as a whole.
        message: what may go wrong and what to do.
        service_may_differ: the live service may answer otherwise than ``matches``.
    """

    code: str
    path: str
    message: str
    service_may_differ: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


#: Steps that hold arrays of objects in CloudTrail records.
ARRAYS = frozenset({"items", "resources", "tags", "tagSet", "entries", "records"})
#: Fields that hold JSON as text in CloudTrail records.
JSON_TEXT = frozenset(
    {"policyDocument", "assumeRolePolicyDocument", "policyText", "keyPolicy", "secretString", "policy"}
)
#: Fields that hold objects in CloudTrail events.
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
#: Numbers that the user guide promises for ``numeric``.
NUMERIC_LIMIT = 5e9
NUMERIC_DECIMALS = 6
#: Significant digits that every Java runtime prints alike.
SHORT_DIGITS = 15

_NOTES = {
    "repeated-path": "named more than once: the later condition replaces the earlier one",
    "empty-key": "an empty key: the service may join its path differently",
    "trailing-text": "text behind the closing brace is ignored here and may be refused by the service",
}


def lint(pattern: Pattern | str | Mapping[str, Any], *, portable: bool = False) -> list[Lint]:
    """Looks for what is legal and doubtful.

    Args:
        pattern: compiled, text or dict.
        portable: also name operators that other services than event buses lack.

    Returns:
        Findings without repetition: those of the whole pattern first, then field by field.

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
    return list(dict.fromkeys(found))


def _whole(pattern: Pattern) -> Iterator[Lint]:
    for code, path in pattern.parsed.notes:
        yield Lint(code, path, _NOTES[code], service_may_differ=code != "repeated-path")
    if len(pattern.text) > DEFAULT_SIZE_QUOTA:
        text = f"{len(pattern.text):,} characters: accounts get {DEFAULT_SIZE_QUOTA:,} unless raised"
        yield Lint("size", "", text, service_may_differ=True)
    yield from _complex(pattern.rules)
    yield from _overlapping(pattern.rules)


def _portability(rules: tuple[Rule, ...]) -> Iterator[Lint]:
    for dialect in LACKS:
        for path, kind in lacking(dialect, rules):
            yield Lint(f"not-in-{dialect}", path, f"{kind} is not for {dialect}")
    for rule in rules:
        for path, condition in rule.items():
            if any(member.kind == "wildcard" for member in condition.members):
                text = "nobody says whether pipes know wildcard"
                yield Lint("not-in-pipes", path, text, service_may_differ=True)


def _complex(rules: tuple[Rule, ...]) -> Iterator[Lint]:
    limit = Limits().complexity
    score = complexity(rules)
    if score == limit:
        yield Lint(
            "complexity", "", f"wildcard complexity is exactly {limit}, the limit", service_may_differ=True
        )
    elif score < limit < complexity(rules, thorough=True):
        text = "wildcards sorted behind an exists:false field are too complex, and may count"
        yield Lint("complexity", "", text, service_may_differ=True)


def _overlapping(rules: tuple[Rule, ...]) -> Iterator[Lint]:
    """Quirk Q6 of the reference: combinations that share a member on every path hide the later one."""
    by_paths: dict[frozenset[str], list[Rule]] = {}
    for rule in rules:
        by_paths.setdefault(frozenset(rule), []).append(rule)
    for group in by_paths.values():
        for first, second in combinations(group, 2):
            if all(set(first[path].members) & set(second[path].members) for path in first):
                text = (
                    "$or branches overlap: the live rule may ignore the later one; merge them into one list"
                )
                yield Lint("overlapping-or", "", text, service_may_differ=True)
                return


def _several_buts(path: str, condition: Condition) -> Iterator[Lint]:
    buts = [member for member in condition.members if member.kind.startswith("anything-but")]
    if len(buts) > 1:
        text = "several anything-but in one array are OR: nearly every value passes; use one with a list"
        yield Lint("several-anything-but", path, text)
    if buts and not ARRAYS.isdisjoint(path.split(".")):
        text = "anything-but on an array passes as soon as one element passes"
        yield Lint("anything-but-array", path, text)


def _exists(path: str, condition: Condition) -> Iterator[Lint]:
    if ABSENT in condition.members and not ARRAYS.isdisjoint(path.split(".")[:-1]):
        text = "exists:false inside an array of objects is judged against the element chosen by earlier paths"
        yield Lint("exists-false-array", path, text)
    if path in OBJECTS and {ABSENT, PRESENT} & set(condition.members):
        text = "an object never exists by itself, only its fields do: name one of them"
        yield Lint("exists-object", path, text)


def _json_text(path: str, _: Condition) -> Iterator[Lint]:
    *parents, _field = path.split(".")
    for parent in parents:
        if parent in JSON_TEXT:
            yield Lint("json-text", path, f"{parent} usually holds JSON as text, and nothing is below a text")


def _numbers(path: str, condition: Condition) -> Iterator[Lint]:
    for kind, operand in condition.members:
        if kind == "number" and operand.value is None:
            text = f"{operand.text} has more digits than a double: only the same text matches"
            yield Lint("inexact-number", path, text)
        elif kind == "number" and _java_may_differ(operand.value):
            text = f"{operand.text}: some Java runtimes do not compare so long a number as a number"
            yield Lint("long-number", path, text, service_may_differ=True)
        if kind == "numeric":
            ends = [end for end in (operand.low, operand.high) if end is not None]
            if any(abs(end) > NUMERIC_LIMIT or _decimals(end) > NUMERIC_DECIMALS for end in ends):
                text = "numeric is documented for -5e9 to 5e9 with 6 decimals"
                yield Lint("numeric-range", path, text, service_may_differ=True)


def _java_may_differ(value: float) -> bool:
    """Quirk Q8: Java before 19 did not always print the shortest decimal form of a double."""
    digits, _, exponent = repr(value).lstrip("-").partition("e")
    return len(digits.replace(".", "").strip("0")) > SHORT_DIGITS or bool(exponent)


def _decimals(value: float) -> int:
    mantissa, _, exponent = repr(value).partition("e")
    fraction = mantissa.partition(".")[2].rstrip("0")
    return len(fraction) - int(exponent or "0")


def _addresses(path: str, condition: Condition) -> Iterator[Lint]:
    if any(kind == "string" and address(operand) for kind, operand in condition.members):
        text = "an IP address matches every spelling of it, and in the service maybe one of the other family"
        yield Lint("ip-literal", path, text, service_may_differ=True)
    if any(member.kind == "cidr" for member in condition.members):
        text = "the service may also match addresses of the other family, and bare numbers"
        yield Lint("cidr", path, text, service_may_differ=True)


def _letters(path: str, condition: Condition) -> Iterator[Lint]:
    for member in condition.members:
        if member.kind.endswith("equals-ignore-case") and any(map(_beyond_bmp, _texts(member))):
            text = "the service may take characters beyond U+FFFF for question marks when ignoring case"
            yield Lint("ignore-case-beyond-bmp", path, text, service_may_differ=True)
        if member.kind == "exactly":
            yield Lint(
                "exactly", path, "exactly is not documented: write the plain string", service_may_differ=True
            )


def _texts(member: Member) -> tuple[str, ...]:
    return (member.operand,) if isinstance(member.operand, str) else member.operand


def _beyond_bmp(text: str) -> bool:
    return re.search(r"[^\x00-\uffff]", text) is not None


_FIELD_CHECKS: tuple[Callable[[str, Condition], Iterator[Lint]], ...] = (
    _several_buts,
    _exists,
    _json_text,
    _numbers,
    _addresses,
    _letters,
)
