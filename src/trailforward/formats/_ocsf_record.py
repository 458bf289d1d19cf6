"""The attributes that all OCSF events of a record share: status, times, cloud, actor, call, resources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.formats._ocsf_people import actor
from trailforward.formats._ocsf_values import as_dict, as_text, first_address, milliseconds, without_empty
from trailforward.result import is_success_code, reported_failure

if TYPE_CHECKING:
    from trailforward.message import Message

_UNKNOWN, _SUCCESS, _FAILURE = (0, "Unknown"), (1, "Success"), (2, "Failure")


def base(message: Message, version: str) -> dict[str, Any]:
    """The attributes of all classes."""
    record, event = message.record, message.event
    window = as_dict(record.get("timeWindow"))
    start, end = (milliseconds(as_text(window.get(key))) for key in ("windowStart", "windowEnd"))
    # The schema requires a time; zero says that the event has none.
    times = (milliseconds(as_text(record.get("eventTime"))), milliseconds(as_text(event.get("time"))), end)
    code = as_text(record.get("errorCode"))
    failure = reported_failure(record)
    status_id, status = _status(record, failure)
    return {
        "severity_id": 1,
        "severity": "Informational",
        "status_id": status_id,
        "status": status,
        "status_code": as_text(failure[0]) if failure else code,
        "status_detail": as_text(failure[1] if failure else record.get("errorMessage")),
        "time": next((time for time in times if time is not None), 0),
        "start_time": start,
        "end_time": end,
        "metadata": {
            "version": version,
            "uid": message.key,
            "event_code": as_text(record.get("eventType")),
            "log_provider": "CloudTrail",
            "log_version": as_text(record.get("eventVersion")),
            "correlation_uid": as_text(record.get("sharedEventID")),
            "profiles": ["cloud"],
            "product": {
                "name": "CloudTrail",
                "vendor_name": "AWS",
                "feature": {"name": as_text(record.get("eventCategory"))},
            },
        },
        "cloud": {
            "provider": "AWS",
            "region": as_text(record.get("awsRegion")) or as_text(event.get("region")),
            "account": {"uid": as_text(record.get("recipientAccountId")) or as_text(event.get("account"))},
        },
        "actor": actor(record),
        "api": _api(record, failure),
        "src_endpoint": _source(record),
        "http_request": {"user_agent": as_text(record.get("userAgent"))},
    }


def _status(record: dict[str, Any], failure: object) -> tuple[int, str]:
    """Insights and counts of events report no action, so they have no result."""
    if failure is not None:
        return _FAILURE
    return _SUCCESS if as_text(record.get("eventName")) else _UNKNOWN


def _api(record: dict[str, Any], failure: tuple[str | None, str | None] | None) -> dict[str, Any]:
    """The call. An Insights event is about the call in its ``insightDetails``."""
    insight = as_dict(record.get("insightDetails"))
    code = as_text(record.get("errorCode"))
    return {
        "operation": as_text(record.get("eventName"))
        or as_text(insight.get("eventName"))
        or as_text(record.get("eventType"))
        or "an event",
        "version": as_text(record.get("apiVersion")),
        "service": {"name": as_text(record.get("eventSource")) or as_text(insight.get("eventSource"))},
        "request": {"uid": as_text(record.get("requestID"))},
        "response": {
            "code": int(code) if is_success_code(code) else None,
            "error": as_text(failure[0]) if failure else "",
            "message": as_text(record.get("errorMessage")),
        },
    }


def encoded(value: dict[str, Any], message: Message) -> bytes:
    """The JSON of an event without its empty attributes; ``unmapped.record`` is the record, byte for byte."""
    head = json.dumps(without_empty(value), separators=(",", ":"))[:-1]
    return head.encode() + b',"unmapped":{"record":' + message.detail + b"}}"


def resources(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources that have an ARN, or a prefix of ARNs. OCSF requires a name or an ID of each."""
    listed = record.get("resources")
    return [
        {
            "uid": arn,
            "type": as_text(resource.get("type")),
            "owner": {"account": {"uid": as_text(resource.get("accountId"))}},
        }
        for resource in (listed if isinstance(listed, list) else ())
        if isinstance(resource, dict)
        and (arn := as_text(resource.get("ARN")) or as_text(resource.get("ARNPrefix")))
    ]


def _source(record: dict[str, Any]) -> dict[str, Any]:
    """The caller: an IP address or a service. The schema requires one of them."""
    text = as_text(record.get("sourceIPAddress"))
    found = {"uid": as_text(record.get("vpcEndpointId"))}
    if address := first_address(text):
        return {**found, "ip": address}
    by_cloudtrail = "insightDetails" in record or record.get("eventType") == "AwsAggregatedEvent"
    return {**found, "svc_name": text or ("cloudtrail.amazonaws.com" if by_cloudtrail else "unknown")}
