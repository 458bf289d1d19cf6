"""Calls of an API: ``cloudtrail_event``.

Events begin with a sample where there is one for the call, so that parameters and answers look like the real
thing.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from trailforward.testing import samples
from trailforward.testing._record_builder import (
    ACCOUNT,
    ADDRESS,
    AGENT,
    TIME,
    call,
    enveloped,
    from_sample,
    tls,
    told,
    unique_text,
)
from trailforward.testing.services import default_region, source_of

if TYPE_CHECKING:
    from datetime import datetime

    from trailforward.testing._record_builder import User
    from trailforward.testing.event import Event

#: No model for a call: caused by trailforward's own demo, and odd on purpose.
_UNFIT = {"own-put-records", "numbers-and-escapes"}


def cloudtrail_event(  # noqa: PLR0913  # one keyword for each thing that rules look at
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
    """A call of an API.

    ::

        cloudtrail_event("AuthorizeSecurityGroupIngress", region="sa-east-1", user=root())
        cloudtrail_event("RunInstances", error="Client.UnauthorizedOperation", seed=1)
        cloudtrail_event("PutKeyPolicy", requestParameters={"keyId": "alias/ledger"})

    Args:
        name: of the call.
        service: ``ec2`` or ``ec2.amazonaws.com``; needed for names that do not tell.
        user: name of an IAM user, an identity of :mod:`trailforward.testing.identities`, or a whole
            ``userIdentity``; by default whoever the sample tells of, else the IAM user rosa.
        account: where it happened.
        region: where it happened; by default where the sample did, else eu-west-1, or us-east-1 for global
            services.
        time: when; aware.
        error: why it failed: a code, or a code and a message.
        read_only: whether it changes nothing; by default the name tells.
        source_ip: of the caller.
        user_agent: of the caller.
        seed: the same seed gives the same ids; without it every event has ids of its own.
        **changes: of the record: key or dotted path → value. Objects are merged.

    Raises:
        ValueError: the service is unknown, the time has no zone, or a path leads nowhere.
    """
    event_source = source_of(name, service)
    if event_source == "signin.amazonaws.com":
        raise ValueError(f"{name} is no call of an API: use console_sign_in or service_event")
    unique = unique_text(seed, event_source, name)
    sample = _samples().get((event_source, name))
    if sample is None:
        region = region or default_region(event_source)
        record = call(name, event_source, account, region, time, unique)
        user = "rosa" if user is None else user
    else:
        record = from_sample(sample, account, region, time, unique)
    if user is not None:
        _act(record, told(user, account, time))
    if error is not None:
        code, message = (error, _message(error, record)) if isinstance(error, str) else error
        record |= {"errorCode": code, "errorMessage": message, "responseElements": None}
    given = {"readOnly": read_only, "sourceIPAddress": source_ip, "userAgent": user_agent}
    record |= {key: value for key, value in given.items() if value is not None}
    return enveloped(record, changes, unique)


def _act(record: dict[str, Any], identity: dict[str, Any]) -> None:
    """Gives a call another caller, and what goes with one."""
    record["userIdentity"] = identity
    record.pop("sessionCredentialFromConsole", None)
    if identity.get("type") == "AWSService":
        service = identity.get("invokedBy")
        record |= {"sourceIPAddress": service, "userAgent": service}
        record.pop("tlsDetails", None)
    else:
        record |= {"sourceIPAddress": ADDRESS, "userAgent": AGENT}
        record.setdefault("tlsDetails", tls(record["eventSource"], record["awsRegion"]))


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
    """The sample of each call that has one: (eventSource, eventName) → its name."""
    found: dict[tuple[str, str], str] = {}
    for name in samples.names():
        record = json.loads(samples.load(name))["detail"]
        if record.get("eventType") == "AwsApiCall" and "errorCode" not in record and name not in _UNFIT:
            found.setdefault((record["eventSource"], record["eventName"]), name)
    return found
