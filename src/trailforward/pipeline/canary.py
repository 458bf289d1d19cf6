"""Canaries: recognizes the events of the stack's canary, a scheduled call that always fails.

Only one exact shape counts, and it contains nothing that an attacker could use: a session of a role in
``canary_roles`` failed to delete an SSM parameter that does not exist, under a path of the canary, in its own
account. Everything else is an event like any other: other callers, calls, parameters, or results, and an
envelope that contradicts its record.

Configurations without ``canary_roles`` do not import this module.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.arn import Arn
from trailforward.outcome import Fate, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trailforward.pipeline.intake import Decisions

#: The start of the parameter's name; 32 random hexadecimal digits follow.
PATH = "/trailforward-canary/"
#: The error that AWS returns, and that CloudTrail records: the parameter does not exist.
ERROR = "ParameterNotFound"
_CANARY = Verdict(Fate.FILTERED, "canary", "the event is a canary of the stack")

_FIXED = {
    "eventSource": "ssm.amazonaws.com",
    "eventName": "DeleteParameter",
    "errorCode": ERROR,
    "eventType": "AwsApiCall",
    "eventCategory": "Management",
    "managementEvent": True,
    "readOnly": False,
}
#: Absent or null in a canary.
_ABSENT = ("responseElements", "additionalEventData", "sessionCredentialFromConsole", "sharedEventID")
_REGION = "[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}"


class Sighting(NamedTuple):
    """A canary's event that arrived.

    Attributes:
        account: the account of the call.
        region: the Region of the call.
        at: time of the call, in seconds since 1970.
        latency: milliseconds from the call to its arrival at the forwarder.
    """

    account: str
    region: str
    at: float
    latency: float


class Canaries:
    """Recognizes canaries.

    Args:
        roles: ARNs of the roles that make the calls.
        wanted: names of the sinks that get canaries like any other event.
    """

    def __init__(self, roles: Iterable[str], wanted: Iterable[str] = ()) -> None:
        self._accounts = {role: Arn.parse(role).account for role in roles}
        self._wanted = frozenset(wanted)

    def sighting(self, event: dict[str, Any]) -> Sighting | None:
        """The sighting that an event is; None for any other event. Never raises, whatever the JSON value."""
        if event.get("source") != "aws.ssm" or event.get("detail-type") != "AWS API Call via CloudTrail":
            return None
        record = event.get("detail")
        if not isinstance(record, dict) or not _shaped(record):
            return None
        account, region = self._account(record.get("userIdentity")), record.get("awsRegion")
        if account is None or not isinstance(region, str) or not re.fullmatch(_REGION, region):
            return None
        named = event.get("account"), record.get("recipientAccountId"), event.get("region")
        if named != (account, account, region):
            return None
        at = _seconds(record.get("eventTime"))
        return None if at is None else Sighting(account, region, at, max(0.0, (time.time() - at) * 1000))

    def screen(
        self, event: dict[str, Any], index: int, owed: Sequence[str], decisions: Decisions
    ) -> Sequence[str]:
        """Counts a canary, and filters it; returns the sinks that still get the event."""
        seen = self.sighting(event)
        if seen is None:
            return owed
        decisions.canaries.append(seen)
        decisions.verdicts += [(name, index, _CANARY) for name in owed if name not in self._wanted]
        return [name for name in owed if name in self._wanted]

    def _account(self, identity: object) -> str | None:
        """The account of the canary's role that a session belongs to; None for any other identity."""
        if not isinstance(identity, dict) or identity.get("type") != "AssumedRole":
            return None
        context = identity.get("sessionContext")
        issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
        role = issuer.get("arn") if isinstance(issuer, dict) and issuer.get("type") == "Role" else None
        account = self._accounts.get(role) if isinstance(role, str) else None
        # A service that acts with the role, or another account's role of the same name, is not the canary.
        return account if identity.get("accountId") == account and "invokedBy" not in identity else None


def _shaped(record: dict[str, Any]) -> bool:
    """Whether a record is of a canary's call, whoever made it."""
    if any(record.get(key) != value for key, value in _FIXED.items()):
        return False
    return _named(record.get("requestParameters")) and all(record.get(key) is None for key in _ABSENT)


def _named(request: object) -> bool:
    """Whether a request names a canary's parameter, and nothing else."""
    name = request.get("name") if isinstance(request, dict) and len(request) == 1 else None
    return isinstance(name, str) and re.fullmatch(f"{PATH}[0-9a-f]{{32}}", name) is not None


def _seconds(text: object) -> float | None:
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text, re.ASCII):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
