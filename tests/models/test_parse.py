from typing import Any

import pytest
from pydantic import ValidationError

from tests.models.records import (
    AGGREGATED,
    API_CALL,
    FAILED_SIGN_IN,
    IDENTITY_CENTER_SIGN_IN,
    INSIGHT,
    NETWORK_ACTIVITY,
    ROLE,
    SERVICE_EVENT,
    SIGN_IN,
)
from trailforward.models import (
    AggregatedEvent,
    ApiCall,
    CloudTrailRecord,
    ConsoleAction,
    ConsoleSignIn,
    EventVersion,
    Failure,
    InsightEvent,
    NetworkActivityEvent,
    ServiceEvent,
    parse_record,
)


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("AwsApiCall", ApiCall),
        ("AwsConsoleAction", ConsoleAction),
        ("AwsConsoleSignIn", ConsoleSignIn),
        ("AwsConsoleSignin", ConsoleSignIn),
        ("AwsServiceEvent", ServiceEvent),
        ("AwsVpceEvent", NetworkActivityEvent),
        ("AwsVpceEvents", NetworkActivityEvent),
        ("AwsCloudTrailInsight", InsightEvent),
        ("AwsAggregatedEvent", AggregatedEvent),
        ("AWSAPICALL", ApiCall),
        ("AwsFutureEvent", CloudTrailRecord),
        ("", CloudTrailRecord),
        (None, CloudTrailRecord),
        (["AwsApiCall"], CloudTrailRecord),
    ],
)
def test_kind(event_type: Any, kind: type[CloudTrailRecord]) -> None:
    """The class depends on eventType, in any of AWS's spellings; other types give a base record."""
    assert type(parse_record({"eventType": event_type})) is kind


def test_without_type() -> None:
    """A record without eventType, from an old format version, is a base record."""
    assert type(parse_record({"eventVersion": "1.01"})) is CloudTrailRecord


@pytest.mark.parametrize("value", [None, "text", 7, [], [{"eventType": "AwsApiCall"}]])
def test_values_that_are_not_objects(value: Any) -> None:
    """A value that is not an object raises an error."""
    with pytest.raises(ValidationError):
        parse_record(value)


def test_record_of_a_record() -> None:
    """A record is returned unchanged."""
    record = parse_record(API_CALL)
    assert parse_record(record) is record


def test_sign_in() -> None:
    """A sign-in contains the user, MFA, and AWS's additional data."""
    record = parse_record(SIGN_IN)
    assert isinstance(record, ConsoleSignIn)
    assert (record.actor, record.is_root, record.mfa, record.error) == ("root", True, True, None)
    assert record.sign_in.login_to == "https://console.aws.amazon.com/console/home"
    assert record.sign_in.mobile_version == "No"
    assert record.sign_in.mfa_used == "Yes"
    assert record.sign_in.mfa_identifier == "arn:aws:iam::111122223333:mfa/key"
    assert record.sign_in.mfa_type == "Virtual MFA"
    assert record.sign_in.saml_provider_arn == "arn:aws:iam::111122223333:saml-provider/example"


def test_failed_sign_in() -> None:
    """A failed sign-in has a message and no code, and a hidden name stays hidden."""
    record = parse_record(FAILED_SIGN_IN)
    assert record.error == Failure(None, "No username found in supplied account")
    assert (record.actor, record.mfa) == ("HIDDEN_DUE_TO_SECURITY_REASONS", False)


def test_failed_sign_in_without_message() -> None:
    """Failure in the response is an error even without a message."""
    record = parse_record({**SIGN_IN, "responseElements": {"ConsoleLogin": "Failure"}})
    assert record.error == Failure(None, "Failure")


@pytest.mark.parametrize("data", [None, "MFAUsed", {}, {"MFAUsed": 7}])
def test_sign_in_of_a_session(data: Any) -> None:
    """If a sign-in has no MFA data, the session decides."""
    session = {**ROLE, "sessionContext": {"attributes": {"mfaAuthenticated": "true"}}}
    assert parse_record({**SIGN_IN, "userIdentity": session, "additionalEventData": data}).mfa is True


def test_service_event() -> None:
    """The actor of a service event is AWS."""
    record = parse_record(SERVICE_EVENT)
    assert (record.actor, record.source_ip, record.source_service) == ("AWS Internal", None, "AWS Internal")
    assert record.error is None


def test_identity_center_sign_in() -> None:
    """A sign-in to IAM Identity Center has the user name, and the error Failure if it failed."""
    record = parse_record(IDENTITY_CENTER_SIGN_IN)
    assert (record.actor, record.error) == ("jun", Failure(None, "Failure"))


def test_service_event_with_error() -> None:
    """A service event with an error code has that error."""
    record = parse_record({**IDENTITY_CENTER_SIGN_IN, "errorCode": "Throttled"})
    assert record.error == Failure("Throttled", None)


def test_network_activity() -> None:
    """A denied call through an endpoint has the caller from the other account, and the error."""
    record = parse_record(NETWORK_ACTIVITY)
    assert record.actor == "AROAEXAMPLE:batch"
    assert record.error is not None
    assert record.error.code == "VpceAccessDenied"
    assert record.is_read_only is None
    assert record.event_version is not None
    assert record.event_version >= EventVersion("1.9")


def test_insight() -> None:
    """The actor of an insight is the identity with most of the unusual calls; its rates are numbers."""
    record = parse_record(INSIGHT)
    assert isinstance(record, InsightEvent)
    assert record.actor == "Loud"
    assert record.error is None
    assert record.insight_details is not None
    assert record.insight_details.error_code == "AccessDenied"
    context = record.insight_details.insight_context
    assert context is not None
    assert context.statistics is not None
    assert context.statistics.insight is not None
    assert context.statistics.insight.average == 12.5
    assert context.statistics.baseline_duration == 10080


@pytest.mark.parametrize(
    "attributions",
    [
        None,
        [],
        ["?"],
        [{"attribute": "userAgent", "insight": [{"value": "x", "average": 1}]}],
        [{"attribute": "userIdentityArn", "insight": []}],
        [{"attribute": "userIdentityArn", "insight": "?"}],
        [{"attribute": "userIdentityArn", "insight": [{"value": 7, "average": "?"}]}],
    ],
)
def test_insight_of_nobody(attributions: Any) -> None:
    """An insight without identities has no actor."""
    details = {"insightContext": {"attributions": attributions}}
    assert parse_record({**INSIGHT, "insightDetails": details}).actor is None


def test_aggregated() -> None:
    """An aggregated event has an event_id, a time window, and the identity with the most events as actor."""
    record = parse_record(AGGREGATED)
    assert isinstance(record, AggregatedEvent)
    assert record.event_id == "00000000-0000-4000-8000-00000000000d"
    assert record.account_id == "111122223333"
    assert record.actor == "loud"
    assert record.time_window is not None
    assert record.time_window.window_start is not None
    assert record.time_window.window_end is not None
    assert (record.time_window.window_end - record.time_window.window_start).total_seconds() == 300


@pytest.mark.parametrize(
    "summary",
    [
        None,
        {"primaryDimension": {"dimension": "eventName", "statistics": [{"name": "GetObject", "value": 1}]}},
        {"primaryDimension": {"dimension": "userIdentity", "statistics": "?"}},
        {"primaryDimension": {"dimension": "userIdentity", "statistics": [{"name": 7, "value": "?"}]}},
        {"details": "?"},
    ],
)
def test_aggregated_of_nobody(summary: Any) -> None:
    """An aggregated event without counts by identity has no actor."""
    assert parse_record({**AGGREGATED, "summary": summary}).actor is None
