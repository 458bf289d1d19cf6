"""Making records: from a sample or from nothing, with ids of their own, in the envelope EventBridge makes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from trailforward.message import as_envelope
from trailforward.testing import samples
from trailforward.testing.event import Event
from trailforward.testing.event_changes import apply_changes
from trailforward.testing.identities import Identity, iam_user, iso
from trailforward.testing.services import is_data, reads_only

#: Of AWS's documentation; 123456789012 is the other one.
ACCOUNT = "111122223333"
#: When events happen if nothing else is said.
TIME = datetime(2026, 9, 14, 9, 12, 44, tzinfo=UTC)
#: Where callers are, and what they use.
ADDRESS = "203.0.113.7"
AGENT = "aws-cli/2.31.9 md/awscrt#0.28.2 ua/2.1 os/linux#6.12.41 md/arch#x86_64 lang/python#3.13.7"

#: Name of an IAM user, an identity, or a whole ``userIdentity``.
User = str | Identity | Mapping[str, Any]

_KEYS = """
eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode
errorMessage requestParameters responseElements additionalEventData requestID eventID readOnly resources
eventType apiVersion managementEvent recipientAccountId sharedEventID vpcEndpointId vpcEndpointAccountId
serviceEventDetails insightDetails eventCategory tlsDetails sessionCredentialFromConsole
"""
_ORDER = {key: place for place, key in enumerate(_KEYS.split())}
_calls = count(1)


def from_sample(name: str, account: str, region: str | None, time: datetime, unique: str) -> dict[str, Any]:
    """A sample's record with other ids, at another time, in another place."""
    text = samples.stamped(name, now=aware(time), unique=unique).decode()
    envelope = json.loads(text)
    text = text.replace(envelope["account"], account).replace(
        envelope["region"], region or envelope["region"]
    )
    record: dict[str, Any] = json.loads(text)["detail"]
    return record


def call(
    name: str, event_source: str, account: str, region: str, time: datetime, unique: str
) -> dict[str, Any]:
    """The record of a call of which there is no sample."""
    data = is_data(event_source, name)
    return {
        "eventVersion": "1.11",
        "userIdentity": {},
        "eventTime": iso(aware(time)),
        "eventSource": event_source,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": ADDRESS,
        "userAgent": AGENT,
        "requestParameters": None,
        "responseElements": None,
        "requestID": new_id(unique, "requestID"),
        "eventID": new_id(unique, "eventID"),
        "readOnly": reads_only(name),
        "eventType": "AwsApiCall",
        "managementEvent": not data,
        "recipientAccountId": account,
        "eventCategory": "Data" if data else "Management",
        "tlsDetails": tls(event_source, region),
    }


def tls(event_source: str, region: str) -> dict[str, str]:
    """The connection to a service's endpoint."""
    return {
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
        "clientProvidedHostHeader": f"{event_source.removesuffix('.amazonaws.com')}.{region}.amazonaws.com",
    }


def told(user: User, account: str, time: datetime) -> dict[str, Any]:
    """The ``userIdentity`` of a user."""
    if isinstance(user, Mapping):
        return dict(user)
    return (iam_user(user) if isinstance(user, str) else user)(account, aware(time))


def enveloped(record: dict[str, Any], changes: Mapping[str, Any], unique: str) -> Event:
    """The record, changed, in the envelope that EventBridge makes."""
    envelope = as_envelope(_ordered(apply_changes(record, changes)))
    return Event(envelope | {"id": new_id(unique, "id")})


def _ordered(record: dict[str, Any]) -> dict[str, Any]:
    """The record in the order of keys that CloudTrail mostly writes; others come last."""
    return {key: record[key] for key in sorted(record, key=lambda key: _ORDER.get(key, len(_ORDER)))}


def unique_text(seed: object, *parts: str) -> str:
    """A text that is the event's own: of the seed, or of this call where there is none."""
    told = f"call {next(_calls)}" if seed is None else f"seed {seed}"
    return ":".join((told, *parts))


def new_id(unique: str, what: str) -> str:
    """An id of the event."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"trailforward:{unique}:{what}"))


def aware(time: datetime) -> datetime:
    """The same moment.

    Raises:
        ValueError: it has no zone.
    """
    if time.tzinfo is None:
        raise ValueError("a time without a zone: write datetime(…, tzinfo=UTC)")
    return time
