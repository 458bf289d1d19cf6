"""The ocsf format produces OCSF 1.1.0 with the required fields of API Activity and Authentication."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.events import envelope
from trailforward import EventError, Message, Origin
from trailforward.formats import load
from trailforward.testing import samples

FORM = load("ocsf")

#: https://schema.ocsf.io/1.1.0/classes/api_activity and …/authentication, with the profile cloud.
BASE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid", "cloud"}
REQUIRED = {6003: BASE | {"actor", "api", "src_endpoint"}, 3002: BASE | {"user"}}
CATEGORY = {6003: 6, 3002: 3}
ACTIVITIES = {6003: {0, 1, 2, 3, 4, 99}, 3002: {0, 1, 2, 3, 4, 99}}
#: Objects of which at least one attribute must be there (constraint "at_least_one").
ACTOR = {"process", "user", "invoked_by", "session", "app_name", "app_uid"}
USER = {"account", "name", "uid"}
ENDPOINT = {"ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid", "interface_name"}


def ocsf(raw: bytes) -> dict[str, Any]:
    """The OCSF event for these bytes."""
    value: dict[str, Any] = json.loads(FORM.data(Message(raw, Origin("test"))))
    return value


def check(value: dict[str, Any]) -> None:
    """The fields that the schema requires of an event."""
    kind = value["class_uid"]
    assert value.keys() >= REQUIRED[kind]
    assert value["category_uid"] == CATEGORY[kind]
    assert value["activity_id"] in ACTIVITIES[kind]
    assert value["type_uid"] == kind * 100 + value["activity_id"]
    assert value["severity_id"] in {0, 1, 2, 3, 4, 5, 6, 99}
    assert value["status_id"] in {0, 1, 2, 99}
    assert type(value["time"]) is int
    assert value["metadata"]["version"] == "1.1.0"
    assert value["metadata"]["product"]["vendor_name"]
    assert value["cloud"]["provider"]
    if kind == 6003:
        assert value["api"]["operation"]
        assert value["actor"].keys() & ACTOR
        assert value["src_endpoint"].keys() & ENDPOINT
    else:
        assert value["user"].keys() & USER
        assert value["dst_endpoint"].keys() & ENDPOINT


@pytest.mark.parametrize("name", samples.names())
def test_every_event_has_what_the_schema_requires(name: str) -> None:
    """Each type of event becomes a valid event of its class and contains its record byte for byte."""
    raw = samples.load(name)
    check(ocsf(raw))
    message = Message(raw, Origin("test"))
    assert FORM.data(message).endswith(b',"unmapped":{"record":' + message.detail + b"}}")


@pytest.mark.parametrize(
    "record",
    [
        b"{}",
        b"[]",
        b'"text"',
        b"null",
        b'{"userIdentity":[],"resources":[3,{}],"eventName":3}',
        b'{"eventType":"AwsConsoleSignIn"}',
    ],
)
def test_hostile_events_are_valid_too(record: bytes) -> None:
    """Required fields that the record lacks, or that have another type, get a default."""
    check(ocsf(b'{"detail":' + record + b"}"))


def test_an_api_call_is_mapped_as_security_lake_does() -> None:
    """Caller, action, resource, source address, and result are in the fields that queries use."""
    value = ocsf(envelope(1, errorCode="AccessDenied", errorMessage="no", userAgent="cli", requestID="r"))
    assert value["class_name"] == "API Activity"
    assert value["actor"]["user"] == {"type": "IAMUser", "name": "rosa", "account": {"uid": "111122223333"}}
    assert value["api"] == {
        "operation": "StopInstances",
        "service": {"name": "ec2.amazonaws.com"},
        "request": {"uid": "r"},
        "response": {"error": "AccessDenied", "message": "no"},
    }
    assert value["src_endpoint"] == {"ip": "203.0.113.7"}
    assert value["http_request"] == {"user_agent": "cli"}
    assert value["cloud"] == {"provider": "AWS", "region": "eu-west-1", "account": {"uid": "111122223333"}}
    assert (value["status"], value["status_code"], value["time"]) == (
        "Failure",
        "AccessDenied",
        1777886100000,
    )
    assert (value["activity_name"], value["metadata"]["uid"][-1]) == ("Update", "1")


def test_a_sign_in_is_an_authentication() -> None:
    """A console sign-in contains the user, the result, and whether MFA was used."""
    value = ocsf(samples.load("root-console-login"))
    assert (value["class_uid"], value["activity_name"], value["user"]["type"]) == (3002, "Logon", "Root")
    assert isinstance(value["is_mfa"], bool)
    failed = envelope(
        1, eventType="AwsConsoleSignIn", eventName="CheckMfa", responseElements={"ConsoleLogin": "Failure"}
    )
    assert (ocsf(failed)["activity_id"], ocsf(failed)["status"]) == (99, "Failure")


@pytest.mark.parametrize(
    ("name", "more", "activity"),
    [
        ("CreateUser", {}, 1),
        ("GetObject", {}, 2),
        ("Frobnicate", {"readOnly": True}, 2),
        ("PutBucketPolicy", {}, 3),
        ("DeleteTrail", {}, 4),
        ("Frobnicate", {}, 99),
    ],
)
def test_actions_are_create_read_update_or_delete(name: str, more: dict[str, Any], activity: int) -> None:
    """The activity follows from `readOnly` or the event name; anything else is Other."""
    assert ocsf(envelope(1, eventName=name, **more))["activity_id"] == activity


def test_sessions_and_resources_are_kept() -> None:
    """A role's session, its MFA, and the resources of a call are included; empty parts are not."""
    identity = {
        "type": "AssumedRole",
        "arn": "arn:aws:sts::111122223333:assumed-role/Deploy/rosa",
        "sessionContext": {
            "sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/Deploy", "userName": "Deploy"},
            "attributes": {"mfaAuthenticated": "false", "creationDate": "2026-05-04T09:00:00Z"},
        },
    }
    resources = [{"ARN": "arn:aws:s3:::x", "accountId": "111122223333", "type": "AWS::S3::Bucket"}, {}]
    value = ocsf(envelope(1, userIdentity=identity, resources=resources))
    assert value["actor"]["session"] == {
        "created_time": 1777885200000,
        "is_mfa": False,
        "issuer": "arn:aws:iam::111122223333:role/Deploy",
    }
    assert value["resources"] == [
        {"uid": "arn:aws:s3:::x", "type": "AWS::S3::Bucket", "owner": {"account": {"uid": "111122223333"}}}
    ]


def test_a_service_is_a_source_without_an_address() -> None:
    """A call by a service contains the name of the service."""
    value = ocsf(
        envelope(
            1, sourceIPAddress="events.amazonaws.com", userIdentity={"invokedBy": "events.amazonaws.com"}
        )
    )
    assert value["src_endpoint"] == {"svc_name": "events.amazonaws.com"}
    assert value["actor"] == {"invoked_by": "events.amazonaws.com"}


def test_bytes_that_are_not_an_event() -> None:
    """Bytes that are not an event raise an error, and the format has no subject."""
    with pytest.raises(EventError):
        ocsf(b"no json")
    assert FORM.subject(Message(envelope(1), Origin("test"))) == ""
