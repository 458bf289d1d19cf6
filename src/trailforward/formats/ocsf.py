"""``ocsf`` and ``ocsf-1.8``: the event in the Open Cybersecurity Schema Framework, version 1.1.0 or 1.8.0.

The classes are Account Change (3001), Authentication (3002), and API Activity (6003). The field mapping
follows OCSF's published one for CloudTrail; ``docs/ocsf.md`` lists what trailforward maps otherwise.
``unmapped.record`` is the record, byte for byte.

Source: https://github.com/ocsf/examples/tree/main/mappings/markdown/AWS/v1.1.0/CloudTrail
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.formats import _ocsf_account_change as account_change
from trailforward.formats import _ocsf_authentication as authentication
from trailforward.formats._ocsf_people import actor
from trailforward.formats._ocsf_values import as_dict, as_text, first_address, milliseconds, without_empty
from trailforward.result import is_success_code, reported_failure

if TYPE_CHECKING:
    from trailforward.message import Message

_READ, _OTHER = 2, 99
_UNKNOWN, _SUCCESS, _FAILURE = (0, "Unknown"), (1, "Success"), (2, "Failure")
_IAM = "Identity & Access Management"

#: activity_id of API Activity, by the start of the event name: 1 create, 2 read, 3 update, 4 delete.
_ACTIVITIES = (
    (_READ, re.compile("Get|List|Describe|Head|Lookup|BatchGet|Search|Query|Scan|View|Assume|Decrypt")),
    (1, re.compile("Create|Add|Run|Launch|Allocate|Generate|Import|Register|Upload|Request|Publish|Send")),
    (3, re.compile("Update|Put|Modify|Set|Attach|Authorize|Start|Stop|Enable|Disable|Tag|Change|Associate")),
    (4, re.compile("Delete|Remove|Terminate|Detach|Revoke|Deregister|Release|Disassociate|Untag")),
)
_NAMES = {0: "Unknown", 1: "Create", 2: "Read", 3: "Update", 4: "Delete", _OTHER: "Other"}


class Ocsf:
    """Converts to one event of OCSF 1.1.0, the version of Security Lake's current sources.

    It omits fields that the record lacks, unless the schema requires them.
    """

    name: ClassVar = "ocsf"
    version: ClassVar = "1.1.0"
    json: ClassVar = True
    content_type: ClassVar = "application/json"

    def data(self, message: Message) -> bytes:
        """The OCSF event.

        Raises:
            EventError: the message is not an event.
        """
        value = without_empty({**_base(message, self.version), **_class(message.record)})
        head = json.dumps(value, separators=(",", ":"))[:-1]
        return head.encode() + b',"unmapped":{"record":' + message.detail + b"}}"

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """Always empty: the format is for machines."""
        return ""


class Ocsf18(Ocsf):
    """Converts to one event of OCSF 1.8.0."""

    name: ClassVar = "ocsf-1.8"
    version: ClassVar = "1.8.0"


def _base(message: Message, version: str) -> dict[str, Any]:
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


def _class(record: dict[str, Any]) -> dict[str, Any]:
    """The class, the activity, and the attributes of the class."""
    if account_change.is_account_change(record):
        activity = account_change.ACTIVITIES[as_text(record.get("eventName"))]
        head = _head(3001, "Account Change", _IAM, activity, account_change.NAMES[activity])
        return head | account_change.account_change(record)
    if authentication.is_authentication(record):
        activity = authentication.activity(record)
        head = _head(3002, "Authentication", _IAM, activity, authentication.NAMES[activity])
        return head | _own_name(head, record) | authentication.authentication(record)
    activity = _activity(record)
    head = _head(6003, "API Activity", "Application Activity", activity, _NAMES[activity])
    return head | {"resources": _resources(record)}


def _head(uid: int, name: str, category: str, activity: int, activity_name: str) -> dict[str, Any]:
    return {
        "class_uid": uid,
        "class_name": name,
        "category_uid": uid // 1000,
        "category_name": category,
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": uid * 100 + activity,
        "type_name": f"{name}: {activity_name}",
    }


def _own_name(head: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """For the activity Other, the name that the source uses, as OCSF asks."""
    name = as_text(record.get("eventName"))
    return {"activity_name": name} if head["activity_id"] == _OTHER and name else {}


def _activity(record: dict[str, Any]) -> int:
    name = as_text(record.get("eventName"))
    if record.get("readOnly") is True:
        return _READ
    return next((activity for activity, start in _ACTIVITIES if start.match(name)), _OTHER if name else 0)


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


def _resources(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources that have an ARN, or a prefix of ARNs. OCSF requires a name or an ID of each."""
    resources = record.get("resources")
    return [
        {
            "uid": arn,
            "type": as_text(resource.get("type")),
            "owner": {"account": {"uid": as_text(resource.get("accountId"))}},
        }
        for resource in (resources if isinstance(resources, list) else ())
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
