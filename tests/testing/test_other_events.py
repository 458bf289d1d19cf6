"""Events that are not API calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import trailforward
from trailforward.models import (
    AggregatedEvent,
    ConsoleAction,
    ConsoleSignIn,
    InsightEvent,
    NetworkActivityEvent,
    ServiceEvent,
)
from trailforward.testing import (
    aggregated_event,
    assumed_role,
    console_action,
    console_sign_in,
    iam_user,
    insight_event,
    network_activity_event,
    root,
    service_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.testing import Event

KINDS: dict[str, tuple[Callable[..., Event], type[trailforward.CloudTrailRecord]]] = {
    "AWS Console Sign In via CloudTrail": (console_sign_in, ConsoleSignIn),
    "AWS Service Event via CloudTrail": (service_event, ServiceEvent),
    "AWS Console Action via CloudTrail": (console_action, ConsoleAction),
    "AWS Insight via CloudTrail": (insight_event, InsightEvent),
    "AWS Network Activity Event via CloudTrail": (network_activity_event, NetworkActivityEvent),
}


def parsed(event: Event) -> trailforward.CloudTrailRecord:
    """The typed record of the event."""
    (found,) = trailforward.parse(event)
    return found.detail


@pytest.mark.parametrize("detail_type", KINDS)
def test_every_kind_is_what_it_says(detail_type: str) -> None:
    """Each function works without arguments, and sets account, Region, and time."""
    make, model = KINDS[detail_type]
    at = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert isinstance(parsed(make()), model)
    event = make(account="123456789012", region="me-central-1", time=at, seed=1, tlsDetails=None)
    assert event["detail-type"] == detail_type
    assert (event["account"], event["region"]) == ("123456789012", "me-central-1")
    assert event["time"] == event.record["eventTime"] == "2027-03-04T05:06:07Z"
    assert event.record["tlsDetails"] is None
    again = make(account="123456789012", region="me-central-1", time=at, seed=1, tlsDetails=None)
    assert event.raw == again.raw
    assert make()["id"] != make()["id"]


@pytest.mark.parametrize("user", ["rosa", root(), iam_user("rosa", mfa=True)])
@pytest.mark.parametrize("mfa", [True, False])
def test_sign_ins_tell_of_mfa(user: str, mfa: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Users sign in without a session or an access key, and the record contains MFA and its device."""
    event = console_sign_in(user, mfa=mfa)
    record = parsed(event)
    assert isinstance(record, ConsoleSignIn)
    assert record.mfa is mfa
    assert record.error is None
    assert "sessionContext" not in event.record["userIdentity"]
    assert ("MFAIdentifier" in event.record["additionalEventData"]) == mfa


def test_failed_sign_ins() -> None:
    """A failure has a message without a code, and for an IAM user only the name."""
    event = console_sign_in(error="Failed authentication")
    assert event.record["responseElements"] == {"ConsoleLogin": "Failure"}
    assert "errorCode" not in event.record
    assert list(event.record["userIdentity"]) == ["type", "accountId", "accessKeyId", "userName"]
    assert parsed(console_sign_in(root(), error="Failed authentication")).is_root


def test_federated_sign_ins() -> None:
    """A role session signs in with its session and without an MFA device."""
    record = console_sign_in(assumed_role("SecurityAudit", "noor")).record
    assert record["userIdentity"]["arn"].endswith("assumed-role/SecurityAudit/noor")
    assert record["additionalEventData"].keys() & {"MFAIdentifier", "SamlProviderArn"} == {"SamlProviderArn"}


def test_sign_ins_have_both_spellings() -> None:
    """AWS spells the detail-type in two ways, and both are available."""
    assert console_sign_in()["detail-type"] == "AWS Console Sign In via CloudTrail"
    assert console_sign_in(spelling="Signin")["detail-type"] == "AWS Console Signin via CloudTrail"


def test_service_events() -> None:
    """Known service events are like their samples, others have the given details; none has a caller."""
    assert service_event().record["serviceEventDetails"]["rotationType"] == "AUTOMATIC"
    assert parsed(service_event("UserAuthentication")).actor == "ines@example.com"
    record = service_event("NodeReplaced", service="eks", details={"node": "a"}).record
    assert record["serviceEventDetails"] == {"node": "a"}
    assert record["userIdentity"] == {"accountId": "111122223333", "invokedBy": "AWS Internal"}
    assert record["userAgent"] == record["sourceIPAddress"] == "AWS Internal"
    assert service_event("X", service="eks").record["serviceEventDetails"] == {}
    assert "requestID" not in record


def test_console_actions() -> None:
    """The default caller is root; name, service, and user can be set."""
    assert parsed(console_action()).is_root
    record = console_action("Other", service="other", user="rosa").record
    assert (record["eventName"], record["eventSource"]) == ("Other", "other.amazonaws.com")
    assert record["userIdentity"]["userName"] == "rosa"


def test_insights_begin_and_end() -> None:
    """Start and End of one seed share only their ``sharedEventID``."""
    start, end = (insight_event("RunInstances", state=state, seed=1) for state in ("Start", "End"))
    assert start.record["sharedEventID"] == end.record["sharedEventID"]
    assert start.record["eventID"] != end.record["eventID"]
    assert start["id"] != end["id"]
    assert end.record["insightDetails"]["state"] == "End"
    assert start["source"] == "aws.cloudtrail"
    details = insight_event("Decrypt", error="AccessDenied").record["insightDetails"]
    assert details["insightType"] == "ApiErrorRateInsight"
    assert (details["errorCode"], details["eventSource"]) == ("AccessDenied", "kms.amazonaws.com")


def test_network_activity() -> None:
    """By default, the call is denied and comes from another account; both can be changed."""
    record = network_activity_event().record
    assert record["errorCode"] == "VpceAccessDenied"
    assert record["userIdentity"]["accountId"] == "123456789012"
    record = network_activity_event("Decrypt", denied=False, user="rosa").record
    assert not {"errorCode", "errorMessage", "resources"} & record.keys()
    assert record["userIdentity"]["userName"] == "rosa"


def test_counts() -> None:
    """Aggregated events are records of five minutes without an envelope, and parse as such."""
    event = aggregated_event(
        {"GetObject": 3, "PutObject": 4}, time=datetime(2026, 5, 4, 9, 14, 59, tzinfo=UTC)
    )
    assert event.record is event
    record = parsed(event)
    assert isinstance(record, AggregatedEvent)
    assert record.actor == "ReportRunner/weekly"
    assert event["timeWindow"]["windowStart"] == "2026-05-04T09:10:00Z"
    assert event["timeWindow"]["windowEnd"] == "2026-05-04T09:15:00Z"
    assert event["summary"]["details"][0]["statistics"][0]["value"] == 7
    assert aggregated_event(seed=1) == aggregated_event(seed=1) != aggregated_event(seed=2)
    assert aggregated_event(seed=1, accountId="123456789012")["accountId"] == "123456789012"
