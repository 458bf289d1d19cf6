"""Reads the findings of GuardDuty and Security Hub, which are events without an API call.

Sources: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html and
https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cwe-event-formats.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.formats._display import to_line

if TYPE_CHECKING:
    from collections.abc import Mapping

GUARDDUTY = "GuardDuty"
#: The least score of a severity (https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html).
_SCORES = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (1.0, "low"))
_SEVERITIES = frozenset({"informational", "low", "medium", "high", "critical"})


class Finding(NamedTuple):
    """What a finding says.

    Attributes:
        product: ``GuardDuty`` or ``Security Hub``.
        id: the finding's ID; GuardDuty's has 32 hexadecimal digits, Security Hub's is often an ARN.
        title: what was found.
        kind: the type of the finding; empty if it has none.
        severity: from ``informational`` to ``critical``; empty if unknown.
        description: more about it.
        resource: the affected resource; empty if unknown.
    """

    product: str
    id: str
    title: str
    kind: str
    severity: str
    description: str
    resource: str


def finding(source: object, detail: Mapping[str, Any]) -> Finding | None:
    """The finding in an event's ``detail``, the first if there are several; None for other events."""
    if source == "aws.guardduty" and to_line(detail.get("type")):
        return _guardduty(detail)
    found = detail.get("findings")
    if source == "aws.securityhub" and isinstance(found, list) and found and isinstance(found[0], dict):
        return _security_hub(found[0])
    return None


def _guardduty(detail: Mapping[str, Any]) -> Finding:
    score = detail.get("severity")
    number = score if isinstance(score, int | float) else 0
    resource = _dict(detail.get("resource"))
    key, instance = _dict(resource.get("accessKeyDetails")), _dict(resource.get("instanceDetails"))
    buckets = resource.get("s3BucketDetails")
    bucket = _dict(buckets[0]) if isinstance(buckets, list) and buckets else {}
    cluster = _dict(resource.get("eksClusterDetails"))
    names = (
        instance.get("instanceId"),
        bucket.get("name"),
        cluster.get("name"),
        key.get("userName"),
        resource.get("resourceType"),
    )
    return Finding(
        GUARDDUTY,
        to_line(detail.get("id")),
        to_line(detail.get("title")) or to_line(detail.get("type")),
        to_line(detail.get("type")),
        next((severity for least, severity in _SCORES if number >= least), ""),
        to_line(detail.get("description"), 1_000),
        next(filter(None, map(to_line, names)), ""),
    )


def _security_hub(found: dict[str, Any]) -> Finding:
    """A finding in ASFF or, since Security Hub's second version, in OCSF."""
    info = _dict(found.get("finding_info"))
    # What the provider wrote. Security Hub copies it to the top level; samples have it only here.
    provided = _dict(found.get("FindingProviderFields"))
    label = (
        _dict(found.get("Severity")).get("Label")
        or _dict(provided.get("Severity")).get("Label")
        or found.get("severity")
    )
    severity = to_line(label).lower()
    resources = found.get("Resources") or found.get("resources")
    resource = _dict(resources[0]) if isinstance(resources, list) and resources else {}
    kinds = found.get("Types") or provided.get("Types") or info.get("types")
    return Finding(
        "Security Hub",
        to_line(found.get("Id") or info.get("uid"), 512),
        to_line(found.get("Title") or info.get("title")) or "Finding",
        to_line(kinds[0]) if isinstance(kinds, list) and kinds else "",
        severity if severity in _SEVERITIES else "",
        to_line(found.get("Description") or info.get("desc"), 1_000),
        to_line(resource.get("Id") or resource.get("uid")),
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
