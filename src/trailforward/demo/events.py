"""The events of the demo: suspicious API calls in more than ten Regions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trailforward.jsontext import on_one_line
from trailforward.message import Message, Origin
from trailforward.testing import samples

if TYPE_CHECKING:
    from datetime import datetime

#: Name of the sample → what happened, in at most 21 characters.
HEADLINES = {
    "root-console-login": "Root signed in",
    "console-login-without-mfa": "Sign-in without MFA",
    "security-group-opened": "SSH open to the world",
    "policy-attached": "Admin rights given",
    "bucket-made-public": "Bucket made public",
    "snapshot-shared": "Disk shared with all",
    "kms-key-deletion-scheduled": "Key to be deleted",
    "trail-stopped": "CloudTrail turned off",
    "guardduty-disabled": "GuardDuty turned off",
    "instance-profile-credentials-used": "EC2 role used outside",
    "role-assumed-across-accounts": "Role crossed accounts",
    "network-activity-denied": "Upload stopped at VPC",
    "organizations-left": "Account left the org",
    "kms-key-rotated": "Key rotated, all well",
    "numbers-and-escapes": "JSON hard to keep",
    "own-put-records": "Our own PutRecords",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the demo.

    Attributes:
        headline: what happened, in a few words.
        body: the bytes that EventBridge sends to the queue.
        id: the ``id`` of the envelope.
        region: the Region of the API call.
        who: a short name for the caller.
    """

    headline: str
    body: bytes
    id: str
    region: str
    who: str

    @property
    def digest(self) -> str:
        """SHA-256 of the body, in hex."""
        return hashlib.sha256(on_one_line(self.body)).hexdigest()


def make_events(now: datetime, unique: str) -> list[Event]:
    """Returns the events with current times; ``unique`` makes their ids differ from other runs."""
    events = []
    for name, headline in HEADLINES.items():
        body = samples.stamped(name, now=now, unique=unique)
        message = Message(body, Origin("demo"))
        envelope = message.event
        events.append(Event(headline, body, envelope["id"], envelope["region"], who(message.record)))
    return events


def who(record: dict[str, Any]) -> str:
    """Returns a short name for the caller."""
    identity = record.get("userIdentity", {})
    if identity.get("type") == "Root":
        return "root"
    for name in (identity.get("userName"), identity.get("arn"), identity.get("invokedBy")):
        if name:
            return str(name).rpartition("/")[2].partition("@")[0]
    return str(identity.get("accountId", "AWS"))
