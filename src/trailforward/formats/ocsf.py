"""``ocsf``: the event in the Open Cybersecurity Schema Framework 1.1.0, as Amazon Security Lake maps it.

API Activity (6003, https://schema.ocsf.io/1.1.0/classes/api_activity) or, for sign-ins, Authentication (3002,
https://schema.ocsf.io/1.1.0/classes/authentication). The field mapping follows OCSF's published example for
CloudTrail (https://github.com/ocsf/examples). ``unmapped.record`` is the record, byte for byte.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from trailforward.message import Message

VERSION = "1.1.0"

_API, _AUTHENTICATION = 6003, 3002
_READ, _OTHER = 2, 99

#: activity_id of API Activity, by the start of the event name: 1 create, 2 read, 3 update, 4 delete.
_ACTIVITIES = (
    (_READ, re.compile("Get|List|Describe|Head|Lookup|BatchGet|Search|Query|Scan|View|Assume|Decrypt")),
    (1, re.compile("Create|Add|Run|Launch|Allocate|Generate|Import|Register|Upload|Request|Publish|Send")),
    (3, re.compile("Update|Put|Modify|Set|Attach|Authorize|Start|Stop|Enable|Disable|Tag|Change|Associate")),
    (4, re.compile("Delete|Remove|Terminate|Detach|Revoke|Deregister|Release|Disassociate|Untag")),
)
_NAMES = {0: "Unknown", 1: "Create", 2: "Read", 3: "Update", 4: "Delete", _OTHER: "Other"}


class Ocsf:
    """Converts to one OCSF event. It omits fields that the record lacks, unless the schema requires them."""

    name: ClassVar = "ocsf"
    json: ClassVar = True
    content_type: ClassVar = "application/json"

    def data(self, message: Message) -> bytes:
        """The OCSF event.

        Raises:
            EventError: the message is not an event.
        """
        record = message.record
        sign_in = str(record.get("eventType")).lower() == "awsconsolesignin"
        value = _without_empty(
            {**_base(record, message), **(_authentication(record) if sign_in else _api(record))}
        )
        head = json.dumps(value, separators=(",", ":"))[:-1]
        return head.encode() + b',"unmapped":{"record":' + message.detail + b"}}"

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """Always empty: the format is for machines."""
        return ""


def _base(record: dict[str, Any], message: Message) -> dict[str, Any]:
    """The attributes of both classes."""
    event = message.event
    error = _as_text(record.get("errorCode")) or _as_text(record.get("errorMessage"))
    response = _as_dict(record.get("responseElements"))
    failed = bool(error) or response.get("ConsoleLogin") == "Failure"
    return {
        "severity_id": 1,
        "severity": "Informational",
        "status_id": 2 if failed else 1,
        "status": "Failure" if failed else "Success",
        "status_code": _as_text(record.get("errorCode")),
        "status_detail": _as_text(record.get("errorMessage")),
        "time": _milliseconds(message.time),
        "metadata": {
            "version": VERSION,
            "uid": message.key,
            "event_code": _as_text(record.get("eventType")),
            "log_provider": "CloudTrail",
            "log_version": _as_text(record.get("eventVersion")),
            "profiles": ["cloud"],
            "product": {
                "name": "CloudTrail",
                "vendor_name": "AWS",
                "feature": {"name": _as_text(record.get("eventCategory"))},
            },
        },
        "cloud": {
            "provider": "AWS",
            "region": _as_text(record.get("awsRegion")) or _as_text(event.get("region")),
            "account": {"uid": _as_text(record.get("recipientAccountId")) or _as_text(event.get("account"))},
        },
        "src_endpoint": _source(record),
        "http_request": {"user_agent": _as_text(record.get("userAgent"))},
    }


def _api(record: dict[str, Any]) -> dict[str, Any]:
    """The attributes of API Activity."""
    activity = _activity(record)
    kind = _as_text(record.get("eventType")) or "an event"
    resources = record.get("resources")
    return {
        "class_uid": _API,
        "class_name": "API Activity",
        "category_uid": 6,
        "category_name": "Application Activity",
        "activity_id": activity,
        "activity_name": _NAMES[activity],
        "type_uid": _API * 100 + activity,
        "type_name": f"API Activity: {_NAMES[activity]}",
        "actor": _actor(record),
        "api": {
            # Insights events have no event name.
            "operation": _as_text(record.get("eventName")) or kind,
            "version": _as_text(record.get("apiVersion")),
            "service": {"name": _as_text(record.get("eventSource"))},
            "request": {"uid": _as_text(record.get("requestID"))},
            "response": {
                "error": _as_text(record.get("errorCode")),
                "message": _as_text(record.get("errorMessage")),
            },
        },
        "resources": [
            {
                "uid": _as_text(resource.get("ARN")),
                "type": _as_text(resource.get("type")),
                "owner": {"account": {"uid": _as_text(resource.get("accountId"))}},
            }
            for resource in (resources if isinstance(resources, list) else ())
            if isinstance(resource, dict)
        ],
    }


def _authentication(record: dict[str, Any]) -> dict[str, Any]:
    """The attributes of Authentication. Activity 1 is Logon; other sign-in events are Other."""
    logon = record.get("eventName") == "ConsoleLogin"
    activity, name = (1, "Logon") if logon else (_OTHER, "Other")
    identity = _as_dict(record.get("userIdentity"))
    extra = _as_dict(record.get("additionalEventData"))
    return {
        "class_uid": _AUTHENTICATION,
        "class_name": "Authentication",
        "category_uid": 3,
        "category_name": "Identity & Access Management",
        "activity_id": activity,
        "activity_name": name if logon else _as_text(record.get("eventName")) or name,
        "type_uid": _AUTHENTICATION * 100 + activity,
        "type_name": f"Authentication: {name}",
        "user": _user(identity) or {"name": "unknown"},
        "actor": _actor(record),
        "is_mfa": {"Yes": True, "No": False}.get(_as_text(extra.get("MFAUsed"))),
        "service": {"name": _as_text(record.get("eventSource"))},
        "dst_endpoint": {"svc_name": _as_text(record.get("eventSource")) or "signin.amazonaws.com"},
    }


def _activity(record: dict[str, Any]) -> int:
    name = _as_text(record.get("eventName"))
    if record.get("readOnly") is True:
        return _READ
    return next((activity for activity, start in _ACTIVITIES if start.match(name)), _OTHER if name else 0)


def _actor(record: dict[str, Any]) -> dict[str, Any]:
    """Who did it. The schema asks for at least one of these."""
    identity = _as_dict(record.get("userIdentity"))
    context = _as_dict(identity.get("sessionContext"))
    attributes = _as_dict(context.get("attributes"))
    mfa = {"true": True, "false": False}.get(_as_text(attributes.get("mfaAuthenticated")))
    created = _milliseconds(_as_text(attributes.get("creationDate")), missing=None)
    session = {
        "created_time": created,
        "is_mfa": mfa,
        "issuer": _as_text(_as_dict(context.get("sessionIssuer")).get("arn")),
    }
    actor = _without_empty(
        {
            "user": _user(identity),
            "session": session,
            "invoked_by": _as_text(identity.get("invokedBy")),
            "idp": {"name": _as_text(identity.get("identityProvider"))},
        }
    )
    return actor if {"user", "invoked_by", "session"} & actor.keys() else {**actor, "invoked_by": "unknown"}


def _user(identity: dict[str, Any]) -> dict[str, Any]:
    issuer = _as_dict(_as_dict(identity.get("sessionContext")).get("sessionIssuer"))
    return _without_empty(
        {
            "type": _as_text(identity.get("type")),
            "name": _as_text(identity.get("userName")) or _as_text(issuer.get("userName")),
            "uid": _as_text(identity.get("arn")) or _as_text(identity.get("principalId")),
            "uid_alt": _as_text(identity.get("principalId")),
            "credential_uid": _as_text(identity.get("accessKeyId")),
            "account": {"uid": _as_text(identity.get("accountId"))},
        }
    )


def _source(record: dict[str, Any]) -> dict[str, Any]:
    """The caller: an IP address or a service. The schema requires one of them."""
    text = _as_text(record.get("sourceIPAddress"))
    found = {"uid": _as_text(record.get("vpcEndpointId"))}
    try:
        ip_address(text)
    except ValueError:
        return {**found, "svc_name": text or "unknown"}
    return {**found, "ip": text}


def _milliseconds(text: str, *, missing: int | None = 0) -> int | None:
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return missing
    return int((then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() * 1000)


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """The value without empty parts, at any level."""
    kept: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            item = _without_empty(item)  # noqa: PLW2901
        elif isinstance(item, list):
            parts = (_without_empty(one) if isinstance(one, dict) else one for one in item)
            item = [part for part in parts if part]  # noqa: PLW2901
        if item not in (None, "", {}, []):
            kept[key] = item
    return kept
