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

#: How an action's name begins → activity_id of API Activity: 1 create, 2 read, 3 update, 4 delete.
_ACTIVITIES = (
    (_READ, re.compile("Get|List|Describe|Head|Lookup|BatchGet|Search|Query|Scan|View|Assume|Decrypt")),
    (1, re.compile("Create|Add|Run|Launch|Allocate|Generate|Import|Register|Upload|Request|Publish|Send")),
    (3, re.compile("Update|Put|Modify|Set|Attach|Authorize|Start|Stop|Enable|Disable|Tag|Change|Associate")),
    (4, re.compile("Delete|Remove|Terminate|Detach|Revoke|Deregister|Release|Disassociate|Untag")),
)
_NAMES = {0: "Unknown", 1: "Create", 2: "Read", 3: "Update", 4: "Delete", _OTHER: "Other"}


class Ocsf:
    """One OCSF event. What the record does not tell is left out, but for what the schema requires."""

    name: ClassVar = "ocsf"
    json: ClassVar = True
    content_type: ClassVar = "application/json"

    def data(self, message: Message) -> bytes:
        """The event.

        Raises:
            EventError: the message is no event.
        """
        record = message.record
        sign_in = str(record.get("eventType")).lower() == "awsconsolesignin"
        value = _pruned({**_base(record, message), **(_authentication(record) if sign_in else _api(record))})
        head = json.dumps(value, separators=(",", ":"))[:-1]
        return head.encode() + b',"unmapped":{"record":' + message.detail + b"}}"

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """None: the bytes speak to machines."""
        return ""


def _base(record: dict[str, Any], message: Message) -> dict[str, Any]:
    """What both classes have."""
    event = message.event
    error = _text(record.get("errorCode")) or _text(record.get("errorMessage"))
    answer = _table(record.get("responseElements"))
    failed = bool(error) or answer.get("ConsoleLogin") == "Failure"
    return {
        "severity_id": 1,
        "severity": "Informational",
        "status_id": 2 if failed else 1,
        "status": "Failure" if failed else "Success",
        "status_code": _text(record.get("errorCode")),
        "status_detail": _text(record.get("errorMessage")),
        "time": _milliseconds(message.time),
        "metadata": {
            "version": VERSION,
            "uid": message.key,
            "event_code": _text(record.get("eventType")),
            "log_provider": "CloudTrail",
            "log_version": _text(record.get("eventVersion")),
            "profiles": ["cloud"],
            "product": {
                "name": "CloudTrail",
                "vendor_name": "AWS",
                "feature": {"name": _text(record.get("eventCategory"))},
            },
        },
        "cloud": {
            "provider": "AWS",
            "region": _text(record.get("awsRegion")) or _text(event.get("region")),
            "account": {"uid": _text(record.get("recipientAccountId")) or _text(event.get("account"))},
        },
        "src_endpoint": _source(record),
        "http_request": {"user_agent": _text(record.get("userAgent"))},
    }


def _api(record: dict[str, Any]) -> dict[str, Any]:
    """API Activity."""
    activity = _activity(record)
    kind = _text(record.get("eventType")) or "an event"
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
            # Insights have no action of their own.
            "operation": _text(record.get("eventName")) or kind,
            "version": _text(record.get("apiVersion")),
            "service": {"name": _text(record.get("eventSource"))},
            "request": {"uid": _text(record.get("requestID"))},
            "response": {
                "error": _text(record.get("errorCode")),
                "message": _text(record.get("errorMessage")),
            },
        },
        "resources": [
            {
                "uid": _text(resource.get("ARN")),
                "type": _text(resource.get("type")),
                "owner": {"account": {"uid": _text(resource.get("accountId"))}},
            }
            for resource in (resources if isinstance(resources, list) else ())
            if isinstance(resource, dict)
        ],
    }


def _authentication(record: dict[str, Any]) -> dict[str, Any]:
    """Authentication: 1 is logon; the other sign-in actions are other."""
    logon = record.get("eventName") == "ConsoleLogin"
    activity, name = (1, "Logon") if logon else (_OTHER, "Other")
    identity = _table(record.get("userIdentity"))
    more = _table(record.get("additionalEventData"))
    return {
        "class_uid": _AUTHENTICATION,
        "class_name": "Authentication",
        "category_uid": 3,
        "category_name": "Identity & Access Management",
        "activity_id": activity,
        "activity_name": name if logon else _text(record.get("eventName")) or name,
        "type_uid": _AUTHENTICATION * 100 + activity,
        "type_name": f"Authentication: {name}",
        "user": _user(identity) or {"name": "unknown"},
        "actor": _actor(record),
        "is_mfa": {"Yes": True, "No": False}.get(_text(more.get("MFAUsed"))),
        "service": {"name": _text(record.get("eventSource"))},
        "dst_endpoint": {"svc_name": _text(record.get("eventSource")) or "signin.amazonaws.com"},
    }


def _activity(record: dict[str, Any]) -> int:
    name = _text(record.get("eventName"))
    if record.get("readOnly") is True:
        return _READ
    return next((activity for activity, start in _ACTIVITIES if start.match(name)), _OTHER if name else 0)


def _actor(record: dict[str, Any]) -> dict[str, Any]:
    """Who did it. The schema asks for at least one of these."""
    identity = _table(record.get("userIdentity"))
    context = _table(identity.get("sessionContext"))
    attributes = _table(context.get("attributes"))
    mfa = {"true": True, "false": False}.get(_text(attributes.get("mfaAuthenticated")))
    created = _milliseconds(_text(attributes.get("creationDate")), missing=None)
    session = {
        "created_time": created,
        "is_mfa": mfa,
        "issuer": _text(_table(context.get("sessionIssuer")).get("arn")),
    }
    actor = _pruned(
        {
            "user": _user(identity),
            "session": session,
            "invoked_by": _text(identity.get("invokedBy")),
            "idp": {"name": _text(identity.get("identityProvider"))},
        }
    )
    return actor if {"user", "invoked_by", "session"} & actor.keys() else {**actor, "invoked_by": "unknown"}


def _user(identity: dict[str, Any]) -> dict[str, Any]:
    issuer = _table(_table(identity.get("sessionContext")).get("sessionIssuer"))
    return _pruned(
        {
            "type": _text(identity.get("type")),
            "name": _text(identity.get("userName")) or _text(issuer.get("userName")),
            "uid": _text(identity.get("arn")) or _text(identity.get("principalId")),
            "uid_alt": _text(identity.get("principalId")),
            "credential_uid": _text(identity.get("accessKeyId")),
            "account": {"uid": _text(identity.get("accountId"))},
        }
    )


def _source(record: dict[str, Any]) -> dict[str, Any]:
    """Where it came from: an address, or the service that called. The schema asks for at least one."""
    text = _text(record.get("sourceIPAddress"))
    found = {"uid": _text(record.get("vpcEndpointId"))}
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


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _pruned(value: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty, at any level."""
    kept: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            item = _pruned(item)  # noqa: PLW2901
        elif isinstance(item, list):
            item = [part for part in (_pruned(one) if isinstance(one, dict) else one for one in item) if part]  # noqa: PLW2901
        if item not in (None, "", {}, []):
            kept[key] = item
    return kept
