"""Problems: which fields and values of a condition no CloudTrail event of a kind can have."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from trailforward.patterns.cloudtrail.fields import EMPTY, FLAG, FREE, TEXT, homes_of, place_of, plain
from trailforward.patterns.cloudtrail.problem import Context, Problem, shown
from trailforward.patterns.cloudtrail.text_values import source_prefix_problem, text_problem
from trailforward.patterns.operators import Member
from trailforward.patterns.parser import RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.patterns.cloudtrail.event_kinds import EventKind
    from trailforward.patterns.cloudtrail.fields import Place
    from trailforward.patterns.operators import Condition

#: Fields whose values never contain an asterisk.
_WITHOUT_ASTERISK = frozenset(
    {
        *("source", "detail-type", "account", "region", "detail.eventSource", "detail.eventName"),
        *("detail.awsRegion", "detail.recipientAccountId", "detail.eventType", "detail.eventCategory"),
        *("detail.userIdentity.type", "detail.userIdentity.accountId", "detail.userIdentity.arn"),
        "detail.userIdentity.sessionContext.sessionIssuer.arn",
    }
)
#: How similar a name must be to a documented one to be taken for a slip, as difflib counts.
_CLOSE = 0.8
_NULL = Member("literal", None)


def field_problem(path: str, condition: Condition, kind: EventKind) -> Problem | None:
    """Why no event of a kind has this field with a value that a pattern could test, or None."""
    place = place_of(path)
    problem = _place_problem(path, place, kind)
    if problem is None or not condition.optional:
        return problem
    if problem.code in {"absent-field", "empty-resources"}:
        return None
    return problem._replace(text=f"{problem.text}; exists: false always holds", definite=False)


def member_problems(path: str, condition: Condition, context: Context) -> Iterator[tuple[Member, Problem]]:
    """The members of a condition that no event of a kind satisfies."""
    shape = place_of(path).shape
    for member in condition.members:
        problem = _member_problem(path, shape, member, context)
        if problem is not None:
            yield member, problem


def _place_problem(path: str, place: Place, kind: EventKind) -> Problem | None:
    if place.shape == EMPTY or (place.shape == "below" and place.at == "resources"):
        text = "the envelope's resources are always empty in CloudTrail events: use detail.resources.ARN"
        return Problem("empty-resources", path, text)
    if place.shape in {"below", "unknown"}:
        return _below(path, place) if place.shape == "below" else _unknown(path, place)
    absent = _absent(path, kind)
    if absent is None and place.shape == FREE:
        found = {"anything-but", "equals-ignore-case"} & set(path.split("."))
        return _operator(path, found.pop(), definite=False) if found else None
    return absent


def _absent(path: str, kind: EventKind) -> Problem | None:
    field = path.split(".")[1] if path.startswith("detail.") else ""
    if field == "eventContext":
        text = "only event data stores have eventContext; CloudTrail never sends it to EventBridge"
        return Problem("absent-field", path, text)
    return Problem("absent-field", path, f"{kind.title} has no {field}") if field in kind.absent else None


def _below(path: str, place: Place) -> Problem:
    if place.step in RESERVED:
        return _operator(path, place.step)
    return Problem("below-value", path, f"{place.at} is not an object, so it has no {place.step}")


def _operator(path: str, name: str, *, definite: bool = True) -> Problem:
    text = f'{name} is outside a list, so it is read as the name of a field: write [{{"{name}": …}}]'
    return Problem("operator-outside-list", path, text, definite)


def _unknown(path: str, place: Place) -> Problem:
    """A field that is not documented: certain only if it differs from a documented one by its spelling."""
    prefix = f"{place.at}." if place.at else ""
    if place.step in RESERVED:
        return _operator(path, place.step, definite=False)
    same = next((name for name in place.siblings if plain(name) == plain(place.step)), None)
    if same:
        text = f"there is no field {place.step}: write {prefix}{same}"
        return Problem("field-name", path, text, instead=prefix + same)
    if homes := homes_of(place.step):
        text = f"{place.step} is in another place: write {' or '.join(homes)}"
        return Problem("field-name", path, text, definite=not place.at, instead=homes[0])
    close = get_close_matches(place.step, place.siblings, 1, _CLOSE)
    if close:
        text = f"AWS documents no field {prefix}{place.step}: did you mean {prefix}{close[0]}?"
        return Problem("field-name", path, text, definite=not place.at, instead=prefix + close[0])
    text = f"AWS documents no field {prefix}{place.step} in CloudTrail events"
    return Problem("unknown-field", path, text, definite=False)


def _member_problem(path: str, shape: str, member: Member, context: Context) -> Problem | None:
    if member.kind == "exists" or member.kind.startswith("anything-but"):
        return None
    if shape == FLAG:
        return _on_flag(path, member)
    if shape == "object" and member != _NULL:
        return Problem("below-value", path, f"{path} is an object: test one of its fields")
    if shape == TEXT and member != _NULL:
        return _wrong_type(path, member) or _on_operand(path, member, context)
    return None


def _wrong_type(path: str, member: Member) -> Problem | None:
    if member.kind not in {"number", "numeric", "literal"}:
        return None
    shown = str(member.operand).lower() if member.kind == "literal" else "the value"
    return Problem("value-type", path, f"CloudTrail writes text here: write {shown} in quotes")


def _on_operand(path: str, member: Member, context: Context) -> Problem | None:
    kind, operand = member
    if not isinstance(operand, str):
        return None
    if path in _WITHOUT_ASTERISK and "*" in operand and not kind.endswith("wildcard"):
        text = f'"{shown(operand)}" is not a wildcard: write {{"wildcard": "…"}} or {{"prefix": "…"}}'
        return Problem("literal-wildcard", path, text)
    if kind in {"string", "exactly"}:
        return text_problem(path, operand, context)
    return source_prefix_problem(path, operand) if kind == "prefix" and path == "source" else None


def _on_flag(path: str, member: Member) -> Problem | None:
    kind, operand = member
    if kind == "literal":
        return None
    right = str(operand).lower() if kind == "string" else ""
    fix = f"write {right} without quotes" if right in {"true", "false"} else "write true or false"
    return Problem("value-type", path, f"CloudTrail writes a boolean here: {fix}", instead=right)
