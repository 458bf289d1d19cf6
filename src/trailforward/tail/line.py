"""One event as one line of text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.formats._display import to_line
from trailforward.matched import SEVERITIES

if TYPE_CHECKING:
    from trailforward.detections import Detection
    from trailforward.message import Message

#: Severity → Rich style.
STYLES = {
    "": "",
    "informational": "cyan",
    "low": "green",
    "medium": "yellow",
    "high": "red",
    "critical": "bold white on red",
}


class Line(NamedTuple):
    """The texts of a line, without control characters.

    Attributes:
        time: HH:MM:SS in UTC, as in the record.
        region: of the record.
        account: of the record.
        call: such as ``iam CreateUser``.
        rest: who, from where, and with which error.
        severity: of the most severe detection; empty if none matched.
        detections: titles of the detections.
    """

    time: str
    region: str
    account: str
    call: str
    rest: str
    severity: str
    detections: tuple[str, ...]


def line(message: Message, detections: list[Detection]) -> Line:
    """Describes an event.

    Args:
        message: the event.
        detections: those that it matches.

    Raises:
        EventError: the message is not an event.
    """
    event, record = message.event, message.record
    service = to_line(record.get("eventSource") or event.get("source")).removesuffix(".amazonaws.com")
    name = to_line(record.get("eventName") or event.get("detail-type"))
    found = sorted(detections, key=lambda one: SEVERITIES.index(one.severity), reverse=True)
    return Line(
        time=to_line(message.time)[11:19],
        region=to_line(event.get("region")),
        account=to_line(event.get("account")),
        call=f"{service.removeprefix('aws.')} {name}".strip(),
        rest=" ".join(_rest(record)),
        severity=found[0].severity if found else "",
        detections=tuple(one.title for one in found),
    )


def _rest(record: dict[str, Any]) -> list[str]:
    identity = record.get("userIdentity")
    identity = identity if isinstance(identity, dict) else {}
    who = next(
        (text for key in ("arn", "invokedBy", "principalId", "type") if (text := to_line(identity.get(key)))),
        "",
    )
    parts = [f"by {who}"] if who else []
    if address := to_line(record.get("sourceIPAddress")):
        parts.append(f"from {address}")
    if error := to_line(record.get("errorCode")):
        parts.append(f"→ {error}")
    if record.get("readOnly") is True:
        parts.append("(read-only)")
    return parts
