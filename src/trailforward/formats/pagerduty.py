"""``pagerduty``: an alert as an event of PagerDuty's Events API v2, without the routing key.

Source: https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.formats._alert import ForPeople, fit, shortened

if TYPE_CHECKING:
    from trailforward.formats._alert import Alert
    from trailforward.message import Message

#: Bytes of an event: 512 KB, without the 49 bytes of the routing key.
MAX_BYTES = 512_000 - 49
MAX_SUMMARY = 1_024
MAX_DEDUP_KEY = 255

#: PagerDuty has four severities. Without one, an alert is a warning.
SEVERITIES = {
    "informational": "info",
    "low": "info",
    "medium": "warning",
    "high": "error",
    "critical": "critical",
}


class PagerDuty(ForPeople):
    """Triggers an alert. Its dedup key is the event ID, so a repeated delivery does not page again."""

    name: ClassVar = "pagerduty"

    def data(self, message: Message) -> bytes:
        """The event in UTF-8, at most 512 KB with the routing key.

        Raises:
            EventError: the message is not an event.
        """
        component = message.fields.get("eventSource") or message.fields.get("source", "")
        place = message.about.region or "unknown"
        return fit(message, lambda found: _value(found, component, place), MAX_BYTES)


def _value(found: Alert, component: str, place: str) -> dict[str, Any]:
    payload = {
        "summary": shortened(found.summary, MAX_SUMMARY),
        "source": place,
        "severity": SEVERITIES.get(found.severity, "warning"),
        "component": component,
        "class": found.title,
        "timestamp": found.time if _is_time(found.time) else "",
        "custom_details": _details(found),
    }
    links = [{"href": found.link, "text": "AWS console"}] if found.link else []
    links += [
        {"href": one.runbook, "text": f"Runbook: {one.title}"} for one in found.detections if one.runbook
    ]
    return {
        "event_action": "trigger",
        "dedup_key": found.key[:MAX_DEDUP_KEY],
        "client": "trailforward",
        "payload": {name: value for name, value in payload.items() if value},
        "links": links,
    }


def _details(found: Alert) -> dict[str, Any]:
    """Names and values; values of the same name, such as ``Resource``, are lines."""
    details: dict[str, Any] = {"Headline": found.headline}
    if found.detections:
        details["Detections"] = [
            {
                "title": one.title,
                "severity": one.severity,
                "description": one.description,
                "runbook": one.runbook,
                "about": one.about,
            }
            for one in found.detections
        ]
    if found.more:
        details["Detections left out"] = found.more
    for name, value in found.details:
        details[name] = f"{details[name]}\n{value}" if name in details else value
    return details


def _is_time(text: str) -> bool:
    """Whether PagerDuty accepts the text: ISO 8601 with a time zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
