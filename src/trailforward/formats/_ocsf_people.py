"""Who made a call, for OCSF: the actor and its user.

Field mapping: https://github.com/ocsf/examples/tree/main/mappings/markdown/AWS/v1.1.0/CloudTrail
"""

from __future__ import annotations

from typing import Any

from trailforward.formats._ocsf_values import as_dict, as_text, milliseconds, without_empty

#: Types of identities whose name is only in ``additionalEventData.UserName``. Identity Center wrote
#: ``Unknown`` before ``IdentityCenterUser``.
_NAMELESS = frozenset({"", "Unknown", "IdentityCenterUser"})


def actor(record: dict[str, Any]) -> dict[str, Any]:
    """Who did it. OCSF requires a user, a session, or the service that made the call."""
    identity = as_dict(record.get("userIdentity"))
    context = as_dict(identity.get("sessionContext"))
    attributes = as_dict(context.get("attributes"))
    web_identity = as_dict(context.get("webIdFederationData"))
    behalf = as_dict(identity.get("onBehalfOf"))
    found = without_empty(
        {
            "user": caller(record),
            "session": {
                "created_time": milliseconds(as_text(attributes.get("creationDate"))),
                "is_mfa": {"true": True, "false": False}.get(as_text(attributes.get("mfaAuthenticated"))),
                "issuer": as_text(as_dict(context.get("sessionIssuer")).get("arn")),
            },
            "invoked_by": as_text(identity.get("invokedBy")),
            "idp": {
                "name": as_text(web_identity.get("federatedProvider"))
                or as_text(identity.get("identityProvider")),
                "uid": as_text(behalf.get("identityStoreArn")),
            },
        }
    )
    if found.keys() & {"user", "session", "invoked_by"}:
        return found
    # CloudTrail itself reports Insights and counts of events; these records have no identity.
    by_cloudtrail = "insightDetails" in record or record.get("eventType") == "AwsAggregatedEvent"
    return {**found, "invoked_by": "cloudtrail.amazonaws.com" if by_cloudtrail else "unknown"}


def caller(record: dict[str, Any]) -> dict[str, Any]:
    """The user of the caller; empty if the record has neither account, name, nor ID, as for AWS services."""
    identity = as_dict(record.get("userIdentity"))
    kind = as_text(identity.get("type"))
    issuer = as_dict(as_dict(identity.get("sessionContext")).get("sessionIssuer"))
    extra = as_dict(record.get("additionalEventData"))
    behalf = as_text(as_dict(identity.get("onBehalfOf")).get("userId"))
    principal = as_text(identity.get("principalId"))
    name = as_text(identity.get("userName")) or as_text(issuer.get("userName"))
    if not name and kind in _NAMELESS:
        name = as_text(extra.get("UserName"))
    return valid_user(
        {
            "type": kind,
            "name": name,
            # A session of a role can act on behalf of an Identity Center user; its own ARN identifies it.
            "uid": (behalf if kind == "IdentityCenterUser" else "")
            or as_text(identity.get("arn"))
            or principal
            or behalf,
            "uid_alt": principal or behalf,
            "credential_uid": as_text(identity.get("accessKeyId")) or as_text(identity.get("credentialId")),
            "account": {"uid": as_text(identity.get("accountId"))},
        }
    )


def valid_user(user: dict[str, Any]) -> dict[str, Any]:
    """The user without empty parts; empty if it lacks what OCSF requires: an account, a name, or an ID."""
    found = without_empty(user)
    return found if found.keys() & {"account", "name", "uid"} else {}
