"""All other kinds of event: sign-ins, service events, console actions, insights, network activity, counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from trailforward.testing._record_builder import (
    ACCOUNT,
    TIME,
    aware,
    call,
    enveloped,
    from_sample,
    new_id,
    told,
    unique_text,
)
from trailforward.testing.event import Event
from trailforward.testing.event_changes import apply_changes
from trailforward.testing.identities import iso
from trailforward.testing.services import default_region, source_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.testing._record_builder import User


def console_sign_in(  # noqa: PLR0913  # one keyword for each thing that rules look at
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
    """A sign-in to the console: ``ConsoleLogin``.

    Args:
        user: as for :func:`cloudtrail_event`; ``root()``, say.
        mfa: whether multi-factor authentication was used.
        error: why it failed: ``Failed authentication``.
        account: that was entered.
        region: of the sign-in endpoint.
        time: when; aware.
        spelling: of the detail-type, of which AWS has two: rules must match both.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`.
    """
    identity = told(user, account, time)
    kind = identity.get("type")
    sample = {"Root": "root-console-login", "AssumedRole": "federated-console-login"}
    unique = unique_text(seed, "signin", "ConsoleLogin")
    record = from_sample(sample.get(kind or "", "console-login-without-mfa"), account, region, time, unique)
    if kind in {"IAMUser", "Root"}:
        identity.pop("sessionContext", None)  # there is no session yet, and no key
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
    event = enveloped(record | {"userIdentity": identity}, changes, unique)
    event["detail-type"] = f"AWS Console {spelling} via CloudTrail"
    return event


def service_event(  # noqa: PLR0913  # one keyword for each thing that rules look at
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
    """What a service did of its own accord: a key was rotated, somebody signed in by Identity Center.

    Args:
        name: of the event; ``UserAuthentication`` for Identity Center.
        service: as for :func:`cloudtrail_event`.
        details: the record's ``serviceEventDetails``; by default those of the sample, if there is one.
        account: where it happened.
        region: where it happened.
        time: when; aware.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`.
    """
    event_source = source_of(name, service)
    unique = unique_text(seed, event_source, name)
    samples_of = {
        ("kms.amazonaws.com", "RotateKey"): "kms-key-rotated",
        ("signin.amazonaws.com", "UserAuthentication"): "sso-user",
    }
    sample = samples_of.get((event_source, name))
    if sample is not None:
        record = from_sample(sample, account, region, time, unique)
    else:
        region = region or default_region(event_source)
        record = call(name, event_source, account, region, time, unique)
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
    return enveloped(record, changes, unique)


def console_action(  # noqa: PLR0913  # one keyword for each thing that rules look at
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
    """Something done in the console that has no API.

    Args:
        name: of the action.
        service: the console's.
        user: as for :func:`cloudtrail_event`; by default root.
        account: where it happened.
        region: where it happened.
        time: when; aware.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`.
    """
    event_source = source_of(name, service)
    unique = unique_text(seed, event_source, name)
    record = from_sample("billing-preferences-changed", account, region, time, unique)
    record |= {"eventSource": event_source, "eventName": name}
    if user is not None:
        record["userIdentity"] = told(user, account, time)
    return enveloped(record, changes, unique)


def insight_event(  # noqa: PLR0913  # one keyword for each thing that rules look at
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
    """CloudTrail noticed an unusual rate of calls, or of errors.

    Args:
        name: of the call whose rate is unusual.
        state: ``End`` of the insight that ``Start`` of the same seed began.
        service: as for :func:`cloudtrail_event`.
        error: the code whose rate is unusual; None for the rate of calls.
        account: where it happened.
        region: where it happened.
        time: when; aware.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`; ``insightDetails`` is one of the keys.
    """
    event_source = source_of(name, service)
    unique = unique_text(seed, event_source, name)
    record = from_sample("insight-start", account, region, time, unique)
    details = record["insightDetails"]
    details |= {"state": state, "eventSource": event_source, "eventName": name}
    if error is not None:
        details |= {"insightType": "ApiErrorRateInsight", "errorCode": error}
    record["eventID"] = new_id(unique, f"eventID {state}")
    return enveloped(record, changes, f"{unique}:{state}")


def network_activity_event(  # noqa: PLR0913  # one keyword for each thing that rules look at
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
    """A call through a VPC endpoint, as the endpoint's owner sees it.

    Args:
        name: of the call.
        service: as for :func:`cloudtrail_event`.
        user: as for :func:`cloudtrail_event`; by default a role of another account.
        denied: whether the endpoint's policy denied it.
        account: the endpoint's owner.
        region: where it happened.
        time: when; aware.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`.
    """
    event_source = source_of(name, service)
    unique = unique_text(seed, event_source, name)
    record = from_sample("network-activity-denied", account, region, time, unique)
    if event_source != record["eventSource"]:
        del record["resources"]
    record |= {"eventSource": event_source, "eventName": name}
    if not denied:
        del record["errorCode"], record["errorMessage"]
    if user is not None:
        record["userIdentity"] = told(user, account, time)
    return enveloped(record, changes, unique)


def aggregated_event(  # one keyword for each thing that rules look at
    counts: Mapping[str, int] | None = None,
    *,
    service: str = "s3",
    account: str = ACCOUNT,
    region: str = "eu-west-1",
    time: datetime = TIME,
    seed: object = None,
    **changes: Any,
) -> Event:
    """Data events counted over five minutes: a bare record, since EventBridge has no such event.

    Args:
        counts: event name → how often; ``{"GetObject": 412}`` by default.
        service: as for :func:`cloudtrail_event`.
        account: where it happened.
        region: where it happened.
        time: a moment within the five minutes; aware.
        seed: as for :func:`cloudtrail_event`.
        **changes: as for :func:`cloudtrail_event`.
    """
    event_source = source_of("", service)
    start = aware(time).astimezone(UTC).replace(second=0, microsecond=0)
    start -= timedelta(minutes=start.minute % 5)
    statistics = [{"name": name, "value": value} for name, value in (counts or {"GetObject": 412}).items()]
    total = sum(item["value"] for item in statistics if isinstance(item["value"], int))
    caller = {"name": f"arn:aws:sts::{account}:assumed-role/ReportRunner/weekly", "value": total}
    record = {
        "eventVersion": "1.0",
        "accountId": account,
        "eventId": new_id(unique_text(seed, event_source, "aggregated"), "eventId"),
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
