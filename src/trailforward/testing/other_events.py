"""Builds events that are not API calls: sign-ins, service events, console actions, insights, and others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from trailforward.testing._record_builder import (
    ACCOUNT,
    TIME,
    api_call_record,
    new_id,
    record_from_sample,
    require_timezone,
    to_event,
    unique_name,
    user_identity,
)
from trailforward.testing.event import Event
from trailforward.testing.event_changes import apply_changes
from trailforward.testing.identities import iso
from trailforward.testing.services import default_region, source_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.testing._record_builder import User


def console_sign_in(  # noqa: PLR0913  # one keyword for each field that rules test
    user: User = "rosa",
    *,
    mfa: bool = True,
    error: str | None = None,
    account: str = ACCOUNT,
    region: str | None = None,
    time: datetime = TIME,
    spelling: Literal["Sign In", "Signin"] = "Sign In",
    seed: object = None,
    **changes: Any,
) -> Event:
    """An event of a console sign-in: ``ConsoleLogin``.

    Args:
        user: as for :func:`cloudtrail_event`; for example ``root()``.
        mfa: whether multi-factor authentication was used.
        error: the error message of a failed sign-in, such as ``Failed authentication``.
        account: the account of the sign-in.
        region: the Region of the sign-in endpoint.
        time: the time of the event, with a time zone.
        spelling: the spelling in the detail-type. AWS uses both, so rules must match both.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`.
    """
    identity = user_identity(user, account, time)
    kind = identity.get("type")
    sample = {"Root": "root-console-login", "AssumedRole": "federated-console-login"}
    unique = unique_name(seed, "signin", "ConsoleLogin")
    record = record_from_sample(
        sample.get(kind or "", "console-login-without-mfa"), account, region, time, unique
    )
    if kind in {"IAMUser", "Root"}:
        identity.pop("sessionContext", None)  # there is neither a session nor a key yet
        identity["accessKeyId"] = ""
    data = record["additionalEventData"]
    data.pop("MFAIdentifier", None)
    data["MFAUsed"] = "Yes" if mfa else "No"
    if mfa and kind in {"IAMUser", "Root"}:
        device = "root-account-mfa-device" if kind == "Root" else identity.get("userName")
        data["MFAIdentifier"] = f"arn:aws:iam::{account}:mfa/{device}"
    if error is not None:
        record |= {"errorMessage": error, "responseElements": {"ConsoleLogin": "Failure"}}
        if kind == "IAMUser":
            rest = ("type", "accountId", "accessKeyId", "userName")
            identity = {key: identity[key] for key in rest if key in identity}
    event = to_event(record | {"userIdentity": identity}, changes, unique)
    event["detail-type"] = f"AWS Console {spelling} via CloudTrail"
    return event


def service_event(  # noqa: PLR0913  # one keyword for each field that rules test
    name: str = "RotateKey",
    *,
    service: str | None = None,
    details: Mapping[str, Any] | None = None,
    account: str = ACCOUNT,
    region: str | None = None,
    time: datetime = TIME,
    seed: object = None,
    **changes: Any,
) -> Event:
    """An event of a service without an API call: a key rotation, or a sign-in to IAM Identity Center.

    Args:
        name: the event name; ``UserAuthentication`` for Identity Center.
        service: as for :func:`cloudtrail_event`.
        details: the ``serviceEventDetails``; by default those of the sample, if there is one.
        account: the account of the event.
        region: the Region of the event.
        time: the time of the event, with a time zone.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`.
    """
    event_source = source_of(name, service)
    unique = unique_name(seed, event_source, name)
    samples_of = {
        ("kms.amazonaws.com", "RotateKey"): "kms-key-rotated",
        ("signin.amazonaws.com", "UserAuthentication"): "sso-user",
    }
    sample = samples_of.get((event_source, name))
    if sample is not None:
        record = record_from_sample(sample, account, region, time, unique)
    else:
        region = region or default_region(event_source)
        record = api_call_record(name, event_source, account, region, time, unique)
        for key in ("requestID", "tlsDetails"):
            del record[key]
        record |= {
            "userIdentity": {"accountId": account, "invokedBy": "AWS Internal"},
            "sourceIPAddress": "AWS Internal",
            "userAgent": "AWS Internal",
            "eventType": "AwsServiceEvent",
            "readOnly": False,
            "serviceEventDetails": {},
        }
    if details is not None:
        record["serviceEventDetails"] = dict(details)
    return to_event(record, changes, unique)


def console_action(  # noqa: PLR0913  # one keyword for each field that rules test
    name: str = "SetAdditionalContacts",
    *,
    service: str = "billingconsole",
    user: User | None = None,
    account: str = ACCOUNT,
    region: str = "us-east-1",
    time: datetime = TIME,
    seed: object = None,
    **changes: Any,
) -> Event:
    """An event of an action in the console that has no API.

    Args:
        name: the event name.
        service: the service name of the console.
        user: as for :func:`cloudtrail_event`; by default root.
        account: the account of the event.
        region: the Region of the event.
        time: the time of the event, with a time zone.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`.
    """
    event_source = source_of(name, service)
    unique = unique_name(seed, event_source, name)
    record = record_from_sample("billing-preferences-changed", account, region, time, unique)
    record |= {"eventSource": event_source, "eventName": name}
    if user is not None:
        record["userIdentity"] = user_identity(user, account, time)
    return to_event(record, changes, unique)


def insight_event(  # noqa: PLR0913  # one keyword for each field that rules test
    name: str = "TerminateInstances",
    *,
    state: Literal["Start", "End"] = "Start",
    service: str | None = None,
    error: str | None = None,
    account: str = ACCOUNT,
    region: str = "eu-west-1",
    time: datetime = TIME,
    seed: object = None,
    **changes: Any,
) -> Event:
    """An event of CloudTrail Insights about an unusual rate of calls or errors.

    Args:
        name: the name of the call whose rate is unusual.
        state: ``Start`` or ``End``. Events with the same seed belong to the same insight.
        service: as for :func:`cloudtrail_event`.
        error: the error code whose rate is unusual; None for the rate of calls.
        account: the account of the event.
        region: the Region of the event.
        time: the time of the event, with a time zone.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`; ``insightDetails`` is a key of the record.
    """
    event_source = source_of(name, service)
    unique = unique_name(seed, event_source, name)
    record = record_from_sample("insight-start", account, region, time, unique)
    details = record["insightDetails"]
    details |= {"state": state, "eventSource": event_source, "eventName": name}
    if error is not None:
        details |= {"insightType": "ApiErrorRateInsight", "errorCode": error}
    record["eventID"] = new_id(unique, f"eventID {state}")
    return to_event(record, changes, f"{unique}:{state}")


def network_activity_event(  # noqa: PLR0913  # one keyword for each field that rules test
    name: str = "PutObject",
    *,
    service: str | None = None,
    user: User | None = None,
    denied: bool = True,
    account: str = ACCOUNT,
    region: str = "eu-west-1",
    time: datetime = TIME,
    seed: object = None,
    **changes: Any,
) -> Event:
    """A network activity event: a call through a VPC endpoint, as the owner of the endpoint receives it.

    Args:
        name: the event name.
        service: as for :func:`cloudtrail_event`.
        user: as for :func:`cloudtrail_event`; by default a role of another account.
        denied: whether the endpoint policy denied the call.
        account: the account that owns the endpoint.
        region: the Region of the event.
        time: the time of the event, with a time zone.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`.
    """
    event_source = source_of(name, service)
    unique = unique_name(seed, event_source, name)
    record = record_from_sample("network-activity-denied", account, region, time, unique)
    if event_source != record["eventSource"]:
        del record["resources"]
    record |= {"eventSource": event_source, "eventName": name}
    if not denied:
        del record["errorCode"], record["errorMessage"]
    if user is not None:
        record["userIdentity"] = user_identity(user, account, time)
    return to_event(record, changes, unique)


def aggregated_event(  # one keyword for each field that rules test
    counts: Mapping[str, int] | None = None,
    *,
    service: str = "s3",
    account: str = ACCOUNT,
    region: str = "eu-west-1",
    time: datetime = TIME,
    seed: object = None,
    **changes: Any,
) -> Event:
    """A record of data events counted over five minutes. It has no envelope: EventBridge has no such event.

    Args:
        counts: event name → count; ``{"GetObject": 412}`` by default.
        service: as for :func:`cloudtrail_event`.
        account: the account of the event.
        region: the Region of the event.
        time: a time within the five minutes, with a time zone.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`.
    """
    event_source = source_of("", service)
    start = require_timezone(time).astimezone(UTC).replace(second=0, microsecond=0)
    start -= timedelta(minutes=start.minute % 5)
    statistics = [{"name": name, "value": value} for name, value in (counts or {"GetObject": 412}).items()]
    total = sum(item["value"] for item in statistics if isinstance(item["value"], int))
    caller = {"name": f"arn:aws:sts::{account}:assumed-role/ReportRunner/weekly", "value": total}
    record = {
        "eventVersion": "1.0",
        "accountId": account,
        "eventId": new_id(unique_name(seed, event_source, "aggregated"), "eventId"),
        "eventCategory": "Aggregated",
        "eventType": "AwsAggregatedEvent",
        "awsRegion": region,
        "eventSource": event_source,
        "timeWindow": {
            "windowStart": iso(start),
            "windowEnd": iso(start + timedelta(minutes=5)),
            "windowSize": "PT5M",
        },
        "summary": {
            "primaryDimension": {
                "dimension": "eventName",
                "statistics": statistics,
                "aggregationType": "Count",
            },
            "details": [{"dimension": "userIdentity", "statistics": [caller], "aggregationType": "Count"}],
        },
    }
    return Event(apply_changes(record, changes))
