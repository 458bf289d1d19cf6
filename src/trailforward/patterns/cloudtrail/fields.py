"""The shape of a CloudTrail event as EventBridge delivers it: its fields, and what they hold.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html (envelope) and
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
(record, format 1.11).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

TEXT = "text"
FLAG = "boolean"
#: An object that each service fills as it likes, or a value that AWS does not describe.
FREE = "free"
#: Always an empty array.
#: Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
EMPTY = "empty"


def _texts(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, TEXT)


_ISSUER = _texts("type", "userName", "principalId", "arn", "accountId")

#: Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
IDENTITY: dict[str, Any] = {
    **_texts("type", "userName", "principalId", "arn", "accountId", "accessKeyId", "invokedBy"),
    **_texts("identityProvider", "credentialId"),
    "sessionContext": {
        "sessionIssuer": _ISSUER,
        "webIdFederationData": {"federatedProvider": TEXT, "attributes": FREE},
        "attributes": _texts("creationDate", "mfaAuthenticated"),
        **_texts("sourceIdentity", "ec2RoleDelivery", "assumedRoot", "signInSessionArn"),
    },
    "invokedByDelegate": FREE,
    "onBehalfOf": _texts("userId", "identityStoreArn"),
    "inScopeOf": _texts("sourceArn", "sourceAccount", "issuerType", "credentialsIssuedTo"),
}

RECORD: dict[str, Any] = {
    **_texts("eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress"),
    **_texts("userAgent", "errorCode", "errorMessage", "requestID", "eventID", "eventType", "apiVersion"),
    **_texts("recipientAccountId", "sharedEventID", "vpcEndpointId", "vpcEndpointAccountId"),
    **_texts("eventCategory", "sessionCredentialFromConsole"),
    "readOnly": FLAG,
    "managementEvent": FLAG,
    "userIdentity": IDENTITY,
    "resources": _texts("ARN", "ARNPrefix", "accountId", "type"),
    "tlsDetails": _texts("tlsVersion", "cipherSuite", "clientProvidedHostHeader", "keyExchange"),
    "addendum": _texts("reason", "updatedFields", "originalRequestID", "originalEventID"),
    **dict.fromkeys(("requestParameters", "responseElements", "additionalEventData"), FREE),
    **dict.fromkeys(("serviceEventDetails", "insightDetails", "edgeDeviceDetails"), FREE),
    **dict.fromkeys(("eventContext", "annotation"), FREE),
}

ENVELOPE: dict[str, Any] = {
    **_texts("version", "id", "detail-type", "source", "account", "time", "region", "replay-name"),
    "resources": EMPTY,
    "detail": RECORD,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dotted path leads in an event.

    Attributes:
        shape: ``text``, ``boolean``, ``free``, ``empty``, ``object``; or ``below`` (a field of something that
            is not an object) and ``unknown``.
        at: the path of the last known field on the way.
        step: the first name that is not known there; empty if all are known.
        siblings: the names that are known there.
    """

    shape: str
    at: str
    step: str = ""
    siblings: tuple[str, ...] = ()


def place_of(path: str) -> Place:
    """Where a dotted path leads.

    >>> place_of("detail.eventname").shape
    'unknown'
    """
    node: Any = ENVELOPE
    at = ""
    for step in path.split("."):
        if node == FREE:
            return Place(FREE, at)
        if not isinstance(node, dict):
            return Place("below", at, step)
        if step not in node:
            return Place("unknown", at, step, tuple(node))
        node = node[step]
        at = f"{at}.{step}" if at else step
    return Place("object" if isinstance(node, dict) else node, at)


def shape_of(path: str) -> str:
    """What a field holds, see :class:`Place`."""
    return place_of(path).shape


def homes_of(name: str) -> tuple[str, ...]:
    """The paths of the fields with this name in the envelope, the record, and its ``userIdentity``."""
    known = {"": ENVELOPE, "detail.": RECORD, "detail.userIdentity.": IDENTITY}
    return tuple(prefix + name for prefix, fields in known.items() if name in fields)


def plain(name: str) -> str:
    """A name without case, blanks, hyphens, and underscores, to recognize other spellings."""
    return re.sub(r"[\s_-]", "", name).lower()
