"""What is known about one Sigma rule, and why a document did not become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple


class Refusal(NamedTuple):
    """A document that does not become a route.

    Attributes:
        file: its path.
        reason: a sentence without a period.
        is_rule: whether it is a rule about CloudTrail, so that a detection is missing.
        is_part: whether it is a rule that only a correlation uses, so that no detection is missing.
    """

    file: str
    reason: str
    is_rule: bool
    is_part: bool = False


class Counting(NamedTuple):
    """How many events a rule asks for, in Sigma's terms.

    Attributes:
        operator: how the number of events must compare with ``number``.
        number: as written.
        timespan: in which time, as written: ``5m``.
        fields: the events must have the same values of these fields of the record.
        parts: what is counted: titles of rules; empty if the rule itself says it.
    """

    operator: Literal["gt", "gte"]
    number: float
    timespan: str
    fields: tuple[str, ...]
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule about CloudTrail.

    Attributes:
        file: the path of its file.
        stem: the name of its file without the extension.
        title: what it detects.
        level: its severity, one of Sigma's words, or empty.
        author: who wrote it; may be empty.
        id: its ID; may be empty.
        description: why it matters; may be empty.
        license: the license that it names; may be empty.
        references: its links.
        tags: as written: ``attack.t1078.004``.
        conditions: pySigma's trees, any of which must hold.
        counting: how many such events it asks for; None if one is enough.
    """

    file: str
    stem: str
    title: str
    level: str
    author: str
    id: str
    description: str
    license: str
    references: tuple[str, ...]
    tags: tuple[str, ...]
    conditions: tuple[Any, ...]
    counting: Counting | None = None


_LEVELS = ("informational", "low", "medium", "high", "critical")


def rule_of(
    file: str, stem: str, document: dict[Any, Any], conditions: tuple[Any, ...], counting: Counting | None
) -> Rule:
    """A rule with what its document says about itself."""
    level = said(document, "level").lower()
    return Rule(
        file=file,
        stem=stem,
        title=said(document, "title") or stem,
        level=level if level in _LEVELS else "",
        author=said(document, "author"),
        id=said(document, "id"),
        description=said(document, "description"),
        license=said(document, "license"),
        references=_list(document.get("references")),
        tags=_list(document.get("tags")),
        conditions=conditions,
        counting=counting,
    )


def one_line(text: str) -> str:
    """A text of a rule, for one line of a terminal or of a comment: printable, and with single blanks."""
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split())
    )


def said(document: dict[Any, Any], key: str) -> str:
    """What a document says under a key, as one line; empty if it says nothing."""
    value = document.get(key)
    if isinstance(value, list):
        return ", ".join(one_line(str(each)) for each in value)
    return "" if value is None else one_line(str(value))


def _list(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(one_line(str(each)) for each in listed)
