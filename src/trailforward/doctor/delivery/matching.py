"""Matching: whether a rule's pattern matches an event, also if a part of the pattern is not known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from trailforward.doctor.world.unknown import holds_unknown, is_one_value, is_unknown, why_unknown
from trailforward.errors import PatternError
from trailforward.patterns import Pattern

if TYPE_CHECKING:
    from trailforward.doctor.delivery.ternary import Ternary

#: Operators of event patterns. As the name of a field, one of them is probably a mistake.
_OPERATORS = frozenset(
    {
        "anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard",
    }
)  # fmt: skip
#: Fields of a record whose content each call decides.
_FREE = frozenset({"requestParameters", "responseElements"})
#: Longest description of a mismatch, in characters.
SHOWN = 400


@dataclass(frozen=True, slots=True)
class Match:
    """The result of matching an event.

    Attributes:
        matches: whether the pattern matches; None if that is not known.
        why: why it is not known; else empty.
    """

    matches: Ternary
    why: str = ""


def match(text: str, event: dict[str, Any]) -> Match:
    """Whether a pattern matches an event.

    Args:
        text: the pattern as JSON.
        event: the event as rules receive it.
    """
    read = _read(text)
    if isinstance(read, str):
        return Match(None, read)
    widest, narrowest, why = read
    if widest is not None and not widest.matches(event):
        return Match(matches=False)
    certain = narrowest is not None and narrowest.matches(event)
    return Match(matches=True) if certain else Match(None, why)


def known_part(text: str) -> Pattern | None:
    """A pattern without the fields whose values are not known; None if nothing is left of it.

    Parameters of calls stay if they are one value, such as a parameter of a template: the name of a bucket.

    Raises:
        PatternError: EventBridge rejects the pattern, or it cannot be read.
    """
    read = _read(text)
    if isinstance(read, str):
        raise PatternError(read)
    if read[0] is None or not is_unknown(text) or not is_one_value(text):
        return read[0]
    parsed = json.loads(text)
    detail, wide = parsed.get("detail"), _widened(parsed)
    if isinstance(detail, dict):
        wide["detail"] = {**wide.get("detail", {}), **{key: detail[key] for key in _FREE & detail.keys()}}
    return Pattern(wide)


@lru_cache(maxsize=8192)
def without_source(text: str) -> bool:
    """Whether a pattern certainly has an alternative that does not name the source."""
    read = _read(text)
    widest = None if isinstance(read, str) else read[0]
    known = widest is not None and not is_unknown(text)
    return known and widest is not None and any("source" not in fields for fields in widest.rules)


def mismatches(text: str, event: dict[str, Any]) -> tuple[str, ...]:
    """The fields in which a pattern does not match an event, of its nearest alternative."""
    read = _read(text)
    widest = None if isinstance(read, str) else read[0]
    branches = widest.explain(event).branches if widest else ()
    nearest: tuple[Any, ...] = min(map(tuple, branches), key=len, default=())
    return tuple(map(_worded, nearest))


def _worded(mismatch: Any) -> str:
    *_, name = mismatch.path.split(".")
    hint = f" ({name} stands outside a list, so it is read as a field name)" if name in _OPERATORS else ""
    return f"{mismatch}{hint}"


class Mismatch:
    """The text for a mismatch, computed only when it is needed."""

    def __init__(self, text: str, event: dict[str, Any]) -> None:
        self.text = text
        self.event = event

    def __str__(self) -> str:
        text = "; ".join(mismatches(self.text, self.event))
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


@lru_cache(maxsize=8192)
def _read(text: str) -> tuple[Pattern | None, Pattern | None, str] | str:
    """What an event must match, what is enough to match, and the reason why they differ.

    Where nothing is unknown, both are the same. The first is None if any event may match, the second if none
    certainly does. A text is the reason why the pattern cannot be read.
    """
    try:
        if not is_unknown(text):
            whole = Pattern(text)
            return whole, whole, ""
        why = why_unknown(text)
        parsed = json.loads(text)
        if not isinstance(parsed, dict):
            return f"not known: {why}"
        wide, narrow = _widened(parsed), _narrowed(parsed)
        return (
            Pattern(wide) if wide else None,
            None if narrow is None else Pattern(narrow),
            f"its event pattern has a value that is not known ({why})",
        )
    except PatternError as error:
        return f"its event pattern ({str(error).splitlines()[0]})"
    except (ValueError, RecursionError):
        return "its event pattern"


def _widened(value: dict[str, Any]) -> dict[str, Any]:
    """The pattern without the fields that are not known."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        if is_unknown(key):
            continue
        if not holds_unknown(item):
            found[key] = item
        elif isinstance(item, dict) and (wide := _widened(item)):
            found[key] = wide
    return found


def _is_certain(member: Any) -> bool:
    """Whether it is certain which values a member of a condition accepts: a parameter accepts itself."""
    if isinstance(member, dict) and member.keys() == {"prefix"}:
        member = member["prefix"]
    return not holds_unknown(member) or (isinstance(member, str) and is_one_value(member))


def _narrowed(value: dict[str, Any]) -> dict[str, Any] | None:
    """The pattern without the alternatives that are unknown; None if nothing is left of a field."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        if not holds_unknown(item) and not is_unknown(key):
            found[key] = item
            continue
        if is_unknown(key) or isinstance(item, str) or key == "$or":
            return None
        known: Any = _narrowed(item) if isinstance(item, dict) else list(filter(_is_certain, item))
        if not known:
            return None
        found[key] = known
    return found
