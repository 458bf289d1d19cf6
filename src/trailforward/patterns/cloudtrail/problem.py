"""Problem: why no CloudTrail event of a kind can satisfy the condition that a pattern puts on one field."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from trailforward.patterns.cloudtrail.event_kinds import EventKind

#: Code to its meaning. The doctor's finding of a code is ``PATTERN_`` and the code in capital letters.
CODES = {
    "detail-type": "a detail-type that differs from every detail-type of CloudTrail",
    "source": "a `source` that CloudTrail events do not have",
    "source-mismatch": "`source` and `eventSource` of different services",
    "event-source": "an `eventSource` that CloudTrail does not write",
    "event-name": "an `eventName` in another spelling than CloudTrail's",
    "unknown-name": "an unknown `eventName` or `eventSource`, like a known one or another service's",
    "renamed-call": "a call that CloudTrail records under another name than that of the API",
    "field-name": "a field in another spelling or place than CloudTrail's (`details`, `eventname`)",
    "unknown-field": "a field that AWS does not document",
    "absent-field": "a field that this kind of event does not have",
    "empty-resources": "a condition on the envelope's `resources`, which are always empty",
    "value-type": "text where CloudTrail writes a boolean, or the other way round",
    "value-case": "a documented value in another case",
    "below-value": "a field below one that is not an object",
    "operator-outside-list": "an operator outside a list, so that it is read as a field",
    "literal-wildcard": "a `*` in a string, which only the operator `wildcard` reads as a wildcard",
    "account-id": "an account that is not a string of 12 digits",
    "region-name": "a Region in capital letters, or an Availability Zone",
    "sign-in": "sign-ins under another detail-type, or another service under theirs",
    "event-kind": "an `eventType` or `eventCategory` of another kind of event",
}


class Problem(NamedTuple):
    """Why a condition cannot be satisfied, or probably not.

    Attributes:
        code: a code in :data:`CODES`.
        path: dotted path of the field.
        text: what is wrong, and what to write.
        definite: whether it is certain that no event of the kind satisfies the condition.
        instead: the value to write, if known.
    """

    code: str
    path: str
    text: str
    definite: bool = True
    instead: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


class Context(NamedTuple):
    """What the other conditions of a combination say.

    Attributes:
        kind: the kind of event.
        services: the services that it asks for, or None if any.
    """

    kind: EventKind
    services: tuple[str, ...] | None


def shown(text: str) -> str:
    """A text of a pattern as messages show it: short and printable."""
    short = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return short if short.isprintable() else ascii(short)[1:-1]


#: Longest text in a message, in characters.
SHOWN = 80
