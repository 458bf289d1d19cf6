"""``ocsf-finding`` and ``ocsf-finding-1.8``: an alert as an OCSF Detection Finding (2004), 1.1.0 or 1.8.0.

``unmapped.record`` is the record, byte for byte.

Source: https://schema.ocsf.io/1.1.0/classes/detection_finding
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.formats._alert import alert, techniques
from trailforward.formats._ocsf_record import base, encoded, resources
from trailforward.formats._ocsf_values import as_text, without_empty

if TYPE_CHECKING:
    from trailforward.formats._alert import Alert
    from trailforward.matched import Matched
    from trailforward.message import Message

_CREATE = 1
_RULE = 1
_SEVERITIES = {"": 0, "informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
#: What the record says about the call belongs to the evidence, not to the finding.
_EVIDENCE = ("actor", "api", "src_endpoint")
_NOT_OF_FINDINGS = frozenset(
    {"actor", "src_endpoint", "http_request", "status_id", "status", "status_code", "status_detail"}
)


class OcsfFinding:
    """Converts to one Detection Finding of OCSF 1.1.0. The most severe detection is its analytic."""

    name: ClassVar = "ocsf-finding"
    version: ClassVar = "1.1.0"
    json: ClassVar = True
    content_type: ClassVar = "application/json"

    def data(self, message: Message) -> bytes:
        """The OCSF event.

        Raises:
            EventError: the message is not an event.
        """
        return encoded(_value(message, self.version), message)

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """Always empty: the format is for machines."""
        return ""


class OcsfFinding18(OcsfFinding):
    """Converts to one Detection Finding of OCSF 1.8.0."""

    name: ClassVar = "ocsf-finding-1.8"
    version: ClassVar = "1.8.0"


def _value(message: Message, version: str) -> dict[str, Any]:
    found = alert(message)
    record = base(message, version)
    evidence = {name: record[name] for name in _EVIDENCE}
    moment = record["time"]
    common = {name: value for name, value in record.items() if name not in _NOT_OF_FINDINGS}
    common["metadata"] = {
        **record["metadata"],
        "product": {"name": "trailforward", "vendor_name": "trailforward"},
    }
    return {
        **common,
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "category_uid": 2,
        "category_name": "Findings",
        "activity_id": _CREATE,
        "activity_name": "Create",
        "type_uid": 2004 * 100 + _CREATE,
        "type_name": "Detection Finding: Create",
        "severity_id": _SEVERITIES.get(found.severity, 0),
        "severity": found.severity.capitalize() or "Unknown",
        "status_id": 1,
        "status": "New",
        "message": found.summary,
        "start_time": record["start_time"] or moment,
        "end_time": record["end_time"] or moment,
        "finding_info": _info(message, found, moment),
        "evidences": [without_empty(evidence)],
        "resources": resources(message.record),
        **({"is_alert": True} if version != "1.1.0" else {}),
    }


def _info(message: Message, found: Alert, moment: int) -> dict[str, Any]:
    matched = [one.matched for one in found.detections]
    first = matched[0] if matched else None
    unique = list(dict.fromkeys(uid for one in matched for uid in techniques(one.tags)))
    return {
        "uid": message.key,
        "title": as_text(found.title or found.headline),
        "desc": as_text(f"{first.description} {first.repeats}".strip()) if first else "",
        "types": list(dict.fromkeys(tag for one in matched for tag in one.tags)),
        "attacks": [_attack(uid) for uid in unique],
        "analytic": _analytic(first) if first else {},
        "related_analytics": [_analytic(one) for one in matched[1:]],
        "created_time": moment,
        "first_seen_time": moment,
        "last_seen_time": moment,
        "src_url": found.link,
        "related_events": [{"uid": message.key, "type": as_text(message.record.get("eventName"))}],
    }


def _analytic(one: Matched) -> dict[str, Any]:
    return {
        "type_id": _RULE,
        "type": "Rule",
        "uid": one.name,
        "name": one.title or one.name,
        "desc": f"by {one.author}" if one.author else "",
    }


def _attack(uid: str) -> dict[str, Any]:
    """A technique, and its sub-technique if there is one: ``T1562.008`` is one of ``T1562``."""
    technique, _, sub = uid.partition(".")
    return {"technique": {"uid": technique}, "sub_technique": {"uid": uid} if sub else {}}
