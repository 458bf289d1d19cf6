"""OCSF Authentication (3002): which events it contains, and who signed in.

The names are those of OCSF's published selector for CloudTrail:
https://github.com/ocsf/examples/blob/main/mappings/bloblang/AWS/CloudTrail/v1.1.0/cloudtrail.yml
"""

from __future__ import annotations

from typing import Any

from trailforward.formats._ocsf_people import caller, valid_user
from trailforward.formats._ocsf_values import as_dict, as_text

_LOGON, _OTHER = 1, 99
NAMES = {_LOGON: "Logon", _OTHER: "Other"}

_SIGN_INS = frozenset(
    {
        *("ConsoleLogin", "ExternalIdPDirectoryLogin", "UserAuthentication"),
        *("CheckMfa", "CredentialChallenge", "CredentialVerification"),
    }
)
_ROLES = frozenset({"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})
_LOGONS = _ROLES | {"ConsoleLogin", "ExternalIdPDirectoryLogin", "UserAuthentication"}


def is_authentication(record: dict[str, Any]) -> bool:
    """Whether the event belongs to this class: the published names, and all other sign-in events."""
    name, source = as_text(record.get("eventName")), as_text(record.get("eventSource"))
    return (
        as_text(record.get("eventType")).lower() == "awsconsolesignin"
        or (name in _SIGN_INS and source in ("signin.amazonaws.com", "sso.amazonaws.com"))
        or (name in _ROLES and source == "sts.amazonaws.com")
    )


def activity(record: dict[str, Any]) -> int:
    """``activity_id``: Logon, or Other for the steps of a sign-in and what follows it."""
    return _LOGON if as_text(record.get("eventName")) in _LOGONS else _OTHER


def authentication(record: dict[str, Any]) -> dict[str, Any]:
    """The attributes of Authentication that other classes lack."""
    extra = as_dict(record.get("additionalEventData"))
    source = as_text(record.get("eventSource")) or "signin.amazonaws.com"
    return {
        "user": _user(record) or {"name": "unknown"},
        "is_mfa": {"Yes": True, "No": False}.get(as_text(extra.get("MFAUsed"))),
        "service": {"name": source},
        "dst_endpoint": {"svc_name": as_text(extra.get("LoginTo")) or source},
    }


def _user(record: dict[str, Any]) -> dict[str, Any]:
    """Who signed in: the role that was assumed with the name of its session, otherwise the caller."""
    if as_text(record.get("eventName")) not in _ROLES:
        return caller(record)
    request = as_dict(record.get("requestParameters"))
    role = valid_user(
        {"name": as_text(request.get("roleSessionName")), "uid": as_text(request.get("roleArn"))}
    )
    return role or caller(record)
