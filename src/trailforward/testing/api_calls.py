"""Builds events of API calls: ``cloudtrail_event``.

If there is a sample of the call, the event is based on it, so that its parameters and response are realistic.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from trailforward.testing import samples
from trailforward.testing._record_builder import (
    ACCOUNT,
    SOURCE_IP,
    TIME,
    USER_AGENT,
    api_call_record,
    record_from_sample,
    tls_details,
    to_event,
    unique_name,
    user_identity,
)
from trailforward.testing.services import default_region, source_of

if TYPE_CHECKING:
    from datetime import datetime

    from trailforward.testing._record_builder import User
    from trailforward.testing.event import Event

#: Samples that are not used as a base: one comes from trailforward's demo, one is unusual on purpose.
_NOT_A_BASE = {"own-put-records", "numbers-and-escapes"}


def cloudtrail_event(  # noqa: PLR0913  # one keyword for each field that rules test
    name: str = "StopInstances",
    *,
    service: str | None = None,
    user: User | None = None,
    account: str = ACCOUNT,
    region: str | None = None,
    time: datetime = TIME,
    error: str | tuple[str, str] | None = None,
    read_only: bool | None = None,
    source_ip: str | None = None,
    user_agent: str | None = None,
    seed: object = None,
    **changes: Any,
) -> Event:
    """An event of an API call.

    ::

        cloudtrail_event("AuthorizeSecurityGroupIngress", region="sa-east-1", user=root())
        cloudtrail_event("RunInstances", error="Client.UnauthorizedOperation", seed=1)
        cloudtrail_event("PutKeyPolicy", requestParameters={"keyId": "alias/ledger"})

    Args:
        name: the event name, such as ``StopInstances``.
        service: ``ec2`` or ``ec2.amazonaws.com``; required if the name does not determine the service.
        user: name of an IAM user, an identity from :mod:`trailforward.testing.identities`, or a complete
            ``userIdentity``; by default the caller in the sample, else the IAM user rosa.
        account: the account of the event.
        region: the Region of the event; by default that of the sample, else eu-west-1, or us-east-1 for
            global services.
        time: the time of the event, with a time zone.
        error: the error of a failed call: a code, or a code and a message.
        read_only: whether the call is read-only; by default derived from the name.
        source_ip: the source IP address of the caller.
        user_agent: the user agent of the caller.
        seed: the same seed gives the same IDs; without a seed, every event has new IDs.
        **changes: changes to the record: key or dotted path → value. Objects are merged.

    Raises:
        ValueError: the service is unknown, the time has no time zone, or a path does not exist.
    """
    event_source = source_of(name, service)
    if event_source == "signin.amazonaws.com":
        raise ValueError(f"{name} is not an API call: use console_sign_in or service_event")
    unique = unique_name(seed, event_source, name)
    sample = _samples().get((event_source, name))
    if sample is None:
        region = region or default_region(event_source)
        record = api_call_record(name, event_source, account, region, time, unique)
        user = "rosa" if user is None else user
    else:
        record = record_from_sample(sample, account, region, time, unique)
    if user is not None:
        _set_caller(record, user_identity(user, account, time))
    if error is not None:
        code, message = (error, _message(error, record)) if isinstance(error, str) else error
        record |= {"errorCode": code, "errorMessage": message, "responseElements": None}
    given = {"readOnly": read_only, "sourceIPAddress": source_ip, "userAgent": user_agent}
    record |= {key: value for key, value in given.items() if value is not None}
    return to_event(record, changes, unique)


def _set_caller(record: dict[str, Any], identity: dict[str, Any]) -> None:
    """Replaces the caller of a record, and the fields that depend on the caller."""
    record["userIdentity"] = identity
    record.pop("sessionCredentialFromConsole", None)
    if identity.get("type") == "AWSService":
        service = identity.get("invokedBy")
        record |= {"sourceIPAddress": service, "userAgent": service}
        record.pop("tlsDetails", None)
    else:
        record |= {"sourceIPAddress": SOURCE_IP, "userAgent": USER_AGENT}
        record.setdefault("tlsDetails", tls_details(record["eventSource"], record["awsRegion"]))


def _message(code: str, record: dict[str, Any]) -> str:
    if "AccessDenied" not in code and "Unauthorized" not in code:
        return f"An error occurred ({code})"
    identity = record["userIdentity"]
    who = identity.get("arn") or identity.get("invokedBy") or identity.get("principalId")
    action = f"{record['eventSource'].removesuffix('.amazonaws.com')}:{record['eventName']}"
    why = f"because no identity-based policy allows the {action} action"
    return f"User: {who} is not authorized to perform: {action} {why}"


@cache
def _samples() -> dict[tuple[str, str], str]:
    """(eventSource, eventName) → name of a sample of this call."""
    found: dict[tuple[str, str], str] = {}
    for name in samples.names():
        record = json.loads(samples.load(name))["detail"]
        if record.get("eventType") == "AwsApiCall" and "errorCode" not in record and name not in _NOT_A_BASE:
            found.setdefault((record["eventSource"], record["eventName"]), name)
    return found
