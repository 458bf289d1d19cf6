"""Builds CloudTrail records, from a sample or from scratch, and wraps them in EventBridge envelopes."""

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

#: One of the two account IDs that AWS uses in its documentation; the other is 123456789012.
ACCOUNT = "111122223333"
#: The default time of events.
TIME = datetime(2026, 9, 14, 9, 12, 44, tzinfo=UTC)
#: The default source IP address and user agent of callers.
SOURCE_IP = "203.0.113.7"
USER_AGENT = "aws-cli/2.31.9 md/awscrt#0.28.2 ua/2.1 os/linux#6.12.41 md/arch#x86_64 lang/python#3.13.7"

#: The name of an IAM user, an identity, or a complete ``userIdentity``.
User = str | Identity | Mapping[str, Any]

_KEYS = """
eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode
errorMessage requestParameters responseElements additionalEventData requestID eventID readOnly resources
eventType apiVersion managementEvent recipientAccountId sharedEventID vpcEndpointId vpcEndpointAccountId
serviceEventDetails insightDetails eventCategory tlsDetails sessionCredentialFromConsole
"""
_ORDER = {key: place for place, key in enumerate(_KEYS.split())}
_counter = count(1)


def record_from_sample(
    name: str, account: str, region: str | None, time: datetime, unique: str
) -> dict[str, Any]:
    """The record of a sample, with new IDs and another time, account, and Region."""
    text = samples.stamped(name, now=require_timezone(time), unique=unique).decode()
    envelope = json.loads(text)
    text = text.replace(envelope["account"], account).replace(
        envelope["region"], region or envelope["region"]
    )
    record: dict[str, Any] = json.loads(text)["detail"]
    return record


def api_call_record(
    name: str, event_source: str, account: str, region: str, time: datetime, unique: str
) -> dict[str, Any]:
    """The record of an API call for which there is no sample."""
    data = is_data(event_source, name)
    return {
        "eventVersion": "1.11",
        "userIdentity": {},
        "eventTime": iso(require_timezone(time)),
        "eventSource": event_source,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": SOURCE_IP,
        "userAgent": USER_AGENT,
        "requestParameters": None,
        "responseElements": None,
        "requestID": new_id(unique, "requestID"),
        "eventID": new_id(unique, "eventID"),
        "readOnly": reads_only(name),
        "eventType": "AwsApiCall",
        "managementEvent": not data,
        "recipientAccountId": account,
        "eventCategory": "Data" if data else "Management",
        "tlsDetails": tls_details(event_source, region),
    }


def tls_details(event_source: str, region: str) -> dict[str, str]:
    """The ``tlsDetails`` of a connection to a service's endpoint."""
    return {
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
        "clientProvidedHostHeader": f"{event_source.removesuffix('.amazonaws.com')}.{region}.amazonaws.com",
    }


def user_identity(user: User, account: str, time: datetime) -> dict[str, Any]:
    """The ``userIdentity`` for a user."""
    if isinstance(user, Mapping):
        return dict(user)
    return (iam_user(user) if isinstance(user, str) else user)(account, require_timezone(time))


def to_event(record: dict[str, Any], changes: Mapping[str, Any], unique: str) -> Event:
    """Applies changes to the record and wraps it in the envelope that EventBridge would add."""
    envelope = as_envelope(_ordered(apply_changes(record, changes)))
    return Event(envelope | {"id": new_id(unique, "id")})


def _ordered(record: dict[str, Any]) -> dict[str, Any]:
    """The record with its keys in CloudTrail's usual order; other keys come last."""
    return {key: record[key] for key in sorted(record, key=lambda key: _ORDER.get(key, len(_ORDER)))}


def unique_name(seed: object, *parts: str) -> str:
    """A name that identifies the event: derived from the seed, or different for each call without one."""
    prefix = f"call {next(_counter)}" if seed is None else f"seed {seed}"
    return ":".join((prefix, *parts))


def new_id(unique: str, what: str) -> str:
    """A UUID derived from the event's unique name and the purpose of the ID."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"trailforward:{unique}:{what}"))


def require_timezone(time: datetime) -> datetime:
    """The same time.

    Raises:
        ValueError: it has no time zone.
    """
    if time.tzinfo is None:
        raise ValueError("the time has no time zone: write datetime(…, tzinfo=UTC)")
    return time
