"""``cloudtrail_event`` builds realistic events of API calls."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trailforward
from trailforward.models import ApiCall
from trailforward.testing import (
    assumed_role,
    aws_account,
    aws_service,
    cloudtrail_event,
    federated_user,
    iam_user,
    identity_center_user,
    root,
    samples,
    web_identity_user,
)
from trailforward.testing.services import known

TOP = ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"]
IDENTITIES = {
    "IAMUser": iam_user("rosa"),
    "AssumedRole": assumed_role("OpsAdmin", "jun"),
    "Root": root(),
    "AWSService": aws_service("lambda"),
    "FederatedUser": federated_user("noor"),
    "WebIdentityUser": web_identity_user("repo:example/app"),
    "IdentityCenterUser": identity_center_user(),
    "AWSAccount": aws_account(),
}
CALLS = [(service, name) for service, name in known() if service != "signin"]


@pytest.mark.parametrize(("service", "name"), CALLS, ids=[name for _, name in CALLS])
def test_every_known_call_is_an_event_of_its_service(service: str, name: str) -> None:
    """A known event name needs no service, and envelope and record agree."""
    event = cloudtrail_event(name)
    record = event.record
    assert list(event) == TOP
    assert event["detail-type"] == "AWS API Call via CloudTrail"
    assert event["source"] == f"aws.{service}"
    assert record["eventSource"] == f"{service}.amazonaws.com"
    assert record["eventName"] == name
    assert (event["account"], event["region"], event["time"]) == (
        record["recipientAccountId"],
        record["awsRegion"],
        record["eventTime"],
    )
    assert record["managementEvent"] == (record["eventCategory"] == "Management")
    (parsed,) = trailforward.parse(event)
    assert isinstance(parsed.detail, ApiCall)
    assert parsed.detail.actor


def test_a_call_with_a_sample_has_its_parameters_and_response() -> None:
    """Details of the sample are kept; its Region and account are replaced everywhere."""
    event = cloudtrail_event("AuthorizeSecurityGroupIngress", region="sa-east-1", account="123456789012")
    sample = json.loads(samples.load("security-group-opened"))
    record = event.record
    assert record["requestParameters"] == sample["detail"]["requestParameters"]
    assert record["tlsDetails"]["clientProvidedHostHeader"] == "ec2.sa-east-1.amazonaws.com"
    assert record["responseElements"]["requestId"] == record["requestID"]
    assert record["userIdentity"]["arn"] == "arn:aws:iam::123456789012:user/dora"
    assert b"eu-west-1" not in event.raw
    assert b"111122223333" not in event.raw


def test_an_unknown_call_is_a_plain_record_of_the_service_given() -> None:
    """Any name makes an event if the service is given."""
    record = cloudtrail_event("DescribeThing", service="iot").record
    assert record["eventSource"] == "iot.amazonaws.com"
    assert record["readOnly"] is True
    assert record["requestParameters"] is record["responseElements"] is None
    assert record["userIdentity"]["userName"] == "rosa"
    assert cloudtrail_event("X", service="iot.amazonaws.com")["source"] == "aws.iot"
    assert cloudtrail_event("X", service="cloudwatch")["source"] == "aws.monitoring"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "CreateThing"}, "unknown service of CreateThing"),
        ({"name": "ConsoleLogin"}, "use console_sign_in or service_event"),
        ({"time": datetime(2026, 1, 1)}, "the time has no time zone"),  # noqa: DTZ001  # the point
        ({"name": "StopLogging", "time": datetime(2026, 1, 1)}, "the time has no time zone"),  # noqa: DTZ001  # the point
        ({"requestParameters": [], "requestParameters.a": 1}, "leads to"),
    ],
)
def test_what_cannot_be_guessed_is_asked_for(options: dict[str, Any], message: str) -> None:
    """Instead of guessing, the call raises an error that says what to write."""
    with pytest.raises(ValueError, match=message):
        cloudtrail_event(**options)


@pytest.mark.parametrize("kind", IDENTITIES)
def test_users_of_every_kind(kind: str) -> None:
    """Each identity becomes a ``userIdentity`` of its type, in the account of the event, with its session."""
    at = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)
    event = cloudtrail_event("StopLogging", user=IDENTITIES[kind], account="123456789012", time=at)
    identity = event.record["userIdentity"]
    assert identity["type"] == kind
    assert b"111122223333" not in event.raw
    assert len(identity.get("principalId", "").partition(":")[0]) in {0, 3, 12, 21}
    attributes = identity.get("sessionContext", {}).get("attributes")
    assert attributes is None or attributes["creationDate"] == "2027-03-04T04:46:07Z"
    (parsed,) = trailforward.parse(event)
    assert parsed.detail.actor
    assert parsed.detail.is_root == (kind == "Root")


def test_a_service_calls_from_no_address() -> None:
    """A call by a service has the service's name as address and user agent, and no TLS details."""
    record = cloudtrail_event("CreateKey", user=aws_service("events")).record
    assert record["sourceIPAddress"] == record["userAgent"] == "events.amazonaws.com"
    assert "tlsDetails" not in record
    record = cloudtrail_event("AssumeRole", user=assumed_role("Deploy")).record
    assert record["sourceIPAddress"] == "203.0.113.7"
    assert record["tlsDetails"]["clientProvidedHostHeader"] == "sts.eu-west-2.amazonaws.com"


def test_mfa_is_text_as_in_cloudtrail() -> None:
    """A long-term key has no session; sessions have MFA as the text true or false."""
    assert "sessionContext" not in cloudtrail_event(user="rosa").record["userIdentity"]
    for mfa in (True, False):
        (parsed,) = trailforward.parse(cloudtrail_event(user=iam_user("rosa", mfa=mfa)))
        assert parsed.detail.mfa is mfa


def test_users_of_other_accounts() -> None:
    """An identity may belong to another account than the event."""
    for user in (iam_user("rosa", account="123456789012"), assumed_role("Deploy", account="123456789012")):
        record = cloudtrail_event(user=user).record
        assert record["userIdentity"]["accountId"] == "123456789012"
        assert record["recipientAccountId"] == "111122223333"


def test_a_whole_identity_is_taken_as_it_is() -> None:
    """A dict is used as the ``userIdentity``."""
    assert cloudtrail_event(user={"type": "Unknown"}).record["userIdentity"] == {"type": "Unknown"}


def test_errors() -> None:
    """A failed call has a code, a message, and no response."""
    record = cloudtrail_event("AuthorizeSecurityGroupIngress", user="rosa", error="AccessDenied").record
    assert (
        "user/rosa is not authorized to perform: ec2:AuthorizeSecurityGroupIngress" in record["errorMessage"]
    )
    assert record["responseElements"] is None
    keys = list(record)
    assert keys[keys.index("userAgent") : keys.index("requestParameters")] == [
        "userAgent",
        "errorCode",
        "errorMessage",
    ]
    assert cloudtrail_event(error="Throttling").record["errorMessage"] == "An error occurred (Throttling)"
    assert cloudtrail_event(error=("A", "b")).record["errorMessage"] == "b"


def test_keywords_for_what_rules_look_at() -> None:
    """Source IP address, user agent, and read-only can be set."""
    record = cloudtrail_event(read_only=True, source_ip="198.51.100.1", user_agent="curl/8").record
    assert (record["readOnly"], record["sourceIPAddress"], record["userAgent"]) == (
        True,
        "198.51.100.1",
        "curl/8",
    )


def test_changes_reach_the_envelope() -> None:
    """Other keywords are keys of the record, also dotted; the envelope matches the changed record."""
    changes: dict[str, Any] = {"requestParameters.a.b": 1}
    event = cloudtrail_event(awsRegion="eu-north-1", recipientAccountId="123456789012", **changes)
    assert (event["region"], event["account"]) == ("eu-north-1", "123456789012")
    assert event.record["requestParameters"] == {"a": {"b": 1}}


def test_times_are_written_as_cloudtrail_writes_them() -> None:
    """Times may have any time zone; events contain UTC in whole seconds."""
    at = datetime(2026, 5, 4, 9, 15, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    for name in ("StopLogging", "StopInstances"):
        assert cloudtrail_event(name, time=at)["time"] == "2026-05-04T07:15:00Z"


@settings(deadline=None)
@given(st.integers() | st.text())
def test_a_seed_repeats_ids(seed: object) -> None:
    """The same seed gives the same event, byte for byte; another seed, or none, gives other IDs."""
    event = cloudtrail_event("StopLogging", seed=seed)
    assert event.raw == cloudtrail_event("StopLogging", seed=seed).raw
    others = [cloudtrail_event("StopLogging", seed=(seed, 1)), cloudtrail_event("StopLogging")]
    others += [cloudtrail_event("StopLogging"), cloudtrail_event("StopInstances", seed=seed)]
    for ids in zip(
        *((e["id"], e.record["eventID"], e.record["requestID"]) for e in [event, *others]), strict=True
    ):
        assert len(set(ids)) == 5


def test_an_event_is_a_dict_and_its_bytes() -> None:
    """``raw`` follows the dict; ``with_changes`` keeps the original, and unsets before it sets."""
    event = cloudtrail_event()
    assert json.loads(event.raw) == event
    other = event.with_changes({"detail.userAgent": "curl"}, ["detail.requestID"])
    assert other.record["userAgent"] == "curl"
    assert "requestID" in event.record
    assert "requestID" not in json.loads(other.raw)["detail"]
    assert event.with_changes() == event
