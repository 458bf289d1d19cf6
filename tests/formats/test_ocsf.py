"""The OCSF formats produce events that the official schema of their version accepts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats import ocsf_report
from tests.support.depth import part
from tests.support.events import envelope
from trailforward import Config, ConfigError, EventError, Message, Origin
from trailforward.formats import load
from trailforward.models import parse_record
from trailforward.testing import samples

FORM = load("ocsf")
CORPUS = os.environ.get("TRAILFORWARD_CORPUS")

#: An Identity Center user typed a wrong password. Only ``serviceEventDetails`` reports the failure.
WRONG_PASSWORD = {
    "eventVersion": "1.08",
    "userIdentity": {
        "type": "IdentityCenterUser",
        "accountId": "111122223333",
        "onBehalfOf": {
            "userId": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
            "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1",
        },
        "credentialId": "c",
    },
    "eventTime": "2026-11-20T10:00:00Z",
    "eventSource": "signin.amazonaws.com",
    "eventName": "CredentialVerification",
    "awsRegion": "us-east-1",
    "sourceIPAddress": "198.51.100.7",
    "additionalEventData": {"CredentialType": "PASSWORD", "UserName": "jun@example.com"},
    "eventID": "55555555-5555-4555-8555-555555555555",
    "eventType": "AwsServiceEvent",
    "recipientAccountId": "111122223333",
    "serviceEventDetails": {"CredentialVerification": "Failure"},
}

#: A successful sign-in to Managed Grafana, which writes the HTTP status as the error code.
GRAFANA = {
    "userIdentity": {"type": "SAMLUser", "userName": "jun@example.com"},
    "eventSource": "grafana.amazonaws.com",
    "eventName": "login-auth.sso",
    "sourceIPAddress": "198.51.100.7, 10.0.0.1",
    "errorCode": "200",
    "additionalEventData": {"result": {"statusType": "success", "statusCode": "200"}},
    "eventType": "AwsApiCall",
}


def ocsf(raw: bytes, name: str = "ocsf") -> dict[str, Any]:
    """The OCSF event for these bytes."""
    return ocsf_report.convert(raw, name)


def of_record(record: Any, name: str = "ocsf") -> dict[str, Any]:
    """The OCSF event for a record without an envelope's fields. It is valid."""
    value = ocsf(json.dumps({"detail": record}).encode(), name)
    assert ocsf_report.errors(value) == []
    return value


@pytest.mark.parametrize("name", ocsf_report.VERSIONS)
@pytest.mark.parametrize("sample", samples.names())
def test_every_sample_is_valid(sample: str, name: str) -> None:
    """Each type of event becomes a valid event of its class and contains its record byte for byte."""
    raw = samples.load(sample)
    value = ocsf(raw, name)
    assert value["metadata"]["version"] == ocsf_report.VERSIONS[name]
    assert ocsf_report.errors(value) == []
    message = Message(raw, Origin("test"))
    assert load(name).data(message).endswith(b',"unmapped":{"record":' + message.detail + b"}}")


@pytest.mark.skipif(not CORPUS, reason="TRAILFORWARD_CORPUS is unset: it names a directory of *.ndjson")
@pytest.mark.parametrize("name", ocsf_report.VERSIONS)
def test_every_event_of_the_corpus_is_valid(name: str) -> None:
    """Every recorded event becomes a valid event."""
    for raw in part(ocsf_report.events(Path(str(CORPUS))), 5):
        assert ocsf_report.errors(ocsf(raw, name)) == []


def test_the_version_is_part_of_the_format() -> None:
    """The name of the format chooses the version, and a wrong name lists the right ones."""
    table = '[sinks.a]\nto = "file:a"\nformat = "{}"\n'
    for name in ocsf_report.VERSIONS:
        assert Config.from_toml(table.format(name)).sinks["a"].format == name
    with pytest.raises(ConfigError, match=r"use one of .*ocsf, ocsf-1\.8"):
        Config.from_toml(table.format("ocsf-1.9"))


def test_only_those_who_use_it_load_it() -> None:
    """The format costs nothing at a cold start without it, and loads no models where it is used."""
    code = """
import sys
from trailforward import Config, Forwarder
Forwarder(Config.to("stdout:"))
assert not [name for name in sys.modules if "ocsf" in name]
from trailforward.formats import load
load("ocsf")
assert "trailforward.formats.ocsf" in sys.modules
assert "trailforward.models" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_schema_notices_invalid_events() -> None:
    """The check of these tests refuses an event that lacks what its class requires, or has too much."""
    good = ocsf(envelope(1))
    changes: list[dict[str, Any]] = [
        {"src_endpoint": {}},
        {"actor": {"user": {"type": "AWSService"}}},
        {"surprise": 1},
    ]
    for change in changes:
        assert ocsf_report.errors({**good, **change})
    assert ocsf_report.errors({**good, "type_uid": 1})
    assert ocsf_report.errors(good) == []


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_ADDRESSES = st.ip_addresses().map(str) | st.sampled_from(
    [
        "fe80::1%eth0",
        "::ffff:192.0.2.1",
        "198.51.100.7, 10.0.0.1",
        ",",
        "AWS Internal",
        "lambda.amazonaws.com",
    ]
)
_TIMES = st.datetimes().map(str) | st.sampled_from(["2026-11-20T10:00:00Z", "0001-01-01T00:00:00+14:00", "x"])
_TEXTS = st.text(max_size=20)
_IDENTITIES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["AWSService", "IAMUser", "IdentityCenterUser", "Unknown"]) | _VALUES,
        "userName": _TEXTS | _VALUES,
        "arn": _TEXTS | _VALUES,
        "accountId": _TEXTS | _VALUES,
        "invokedBy": _TEXTS | _VALUES,
        "onBehalfOf": st.dictionaries(st.sampled_from(["userId", "identityStoreArn"]), _VALUES) | _VALUES,
        "sessionContext": st.fixed_dictionaries(
            {},
            optional={
                "attributes": st.fixed_dictionaries({"creationDate": _TIMES}),
                "sessionIssuer": _VALUES,
            },
        )
        | _VALUES,
    },
)
_NAMES = ["CreateUser", "AttachGroupPolicy", "ChangePassword", "AssumeRole", "ConsoleLogin", "StopInstances"]
_SERVICES = ["iam", "sts", "signin", "account", "ec2"]
_RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "userIdentity": _IDENTITIES | _VALUES,
        "eventName": st.sampled_from(_NAMES) | _VALUES,
        "eventSource": st.sampled_from([f"{name}.amazonaws.com" for name in _SERVICES]) | _VALUES,
        "eventType": st.sampled_from(["AwsApiCall", "AwsConsoleSignIn", "AwsServiceEvent"]) | _VALUES,
        "eventTime": _TIMES | _VALUES,
        "sourceIPAddress": _ADDRESSES | _VALUES,
        "errorCode": st.sampled_from(["200", "AccessDenied", ""]) | _VALUES,
        "errorMessage": _VALUES,
        "requestParameters": st.dictionaries(
            st.sampled_from(["userName", "roleName", "groupName", "roleArn", "policyArn"]), _TEXTS | _VALUES
        )
        | _VALUES,
        "responseElements": st.dictionaries(st.sampled_from(["user", "role", "ConsoleLogin"]), _VALUES)
        | _VALUES,
        "additionalEventData": st.dictionaries(st.sampled_from(["result", "UserName", "LoginTo"]), _VALUES)
        | _VALUES,
        "serviceEventDetails": _VALUES,
        "insightDetails": _VALUES,
        "timeWindow": st.fixed_dictionaries({"windowStart": _TIMES, "windowEnd": _TIMES}) | _VALUES,
        "resources": st.lists(st.dictionaries(st.sampled_from(["ARN", "type", "accountId"]), _VALUES))
        | _VALUES,
        "recipientAccountId": _VALUES,
    },
)


@given(record=_RECORDS | _VALUES, name=st.sampled_from(sorted(ocsf_report.VERSIONS)))
def test_any_record_becomes_a_valid_event(record: Any, name: str) -> None:
    """Whatever a record contains, its OCSF event is valid, and its status agrees with the model's error."""
    value = of_record(record, name)
    if isinstance(record, dict):
        assert (value["status_id"] == 2) == (parse_record(record).error is not None)


@pytest.mark.parametrize(
    ("record", "status", "code"),
    [
        ({"eventName": "StopInstances", "errorCode": "AccessDenied"}, "Failure", "AccessDenied"),
        ({"eventName": "ConsoleLogin", "errorMessage": "Failed authentication"}, "Failure", None),
        (WRONG_PASSWORD, "Failure", None),
        (WRONG_PASSWORD | {"serviceEventDetails": {"CredentialVerification": "Success"}}, "Success", None),
        (
            {
                "eventType": "AwsConsoleSignIn",
                "eventName": "ExternalIdPDirectoryLogin",
                "responseElements": {"ExternalIdPDirectoryLogin": "Failure"},
            },
            "Failure",
            None,
        ),
        (GRAFANA, "Success", "200"),
        (GRAFANA | {"errorCode": "401"}, "Failure", "401"),
        (
            GRAFANA | {"additionalEventData": {"result": {"statusType": "failure", "statusCode": "401"}}},
            "Failure",
            "401",
        ),
        (
            {
                "eventType": "AwsServiceEvent",
                "eventName": "Token_POST",
                "errorCode": "",
                "additionalEventData": {"responseParameters": {"status": 400.0}},
            },
            "Failure",
            "400",
        ),
        (
            {
                "eventType": "AwsServiceEvent",
                "eventName": "Login_GET",
                "additionalEventData": {"responseParameters": {"status": 200.0}},
            },
            "Success",
            None,
        ),
        (
            {
                "eventSource": "bedrock-agentcore.amazonaws.com",
                "eventName": "InvokeGateway",
                "responseElements": {"statusCode": 401},
            },
            "Failure",
            "401",
        ),
        ({"eventName": "PutIntegrationResponse", "responseElements": {"statusCode": 400}}, "Success", None),
        ({"eventName": "DescribeFleets", "responseElements": {"state": "Failure"}}, "Success", None),
        (
            {"eventType": "AwsCloudTrailInsight", "insightDetails": {"errorCode": "AccessDenied"}},
            "Unknown",
            None,
        ),
    ],
)
def test_the_status_comes_from_every_place_that_reports_a_failure(
    record: dict[str, Any], status: str, code: str | None
) -> None:
    """OCSF and the readable formats agree about failures; a 2xx error code is a success."""
    value = of_record(record)
    assert (value["status"], value.get("status_code")) == (status, code)
    assert (parse_record(record).error is not None) == (status == "Failure")


def test_a_success_code_is_not_an_error_in_the_text_format() -> None:
    """The readable notification says that the call succeeded, and OCSF has the status as a response code."""
    message = Message(json.dumps({"detail": GRAFANA}).encode(), Origin("test"))
    assert b": succeeded" in load("text").data(message)
    assert "failed" not in load("text").subject(message)
    assert of_record(GRAFANA)["api"]["response"] == {"code": 200}


def test_an_address_list_has_the_first_address() -> None:
    """The source is the client, not the proxies behind it, as the model's ``source_ip``."""
    assert of_record(GRAFANA)["src_endpoint"] == {"ip": "198.51.100.7"}
    assert str(parse_record(GRAFANA).source_ip) == "198.51.100.7"


def test_a_service_has_no_user() -> None:
    """A call by an AWS service has no user without a name, and a role assumption has the role."""
    value = of_record(
        {
            "userIdentity": {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"},
            "eventSource": "sts.amazonaws.com",
            "eventName": "AssumeRole",
            "sourceIPAddress": "lambda.amazonaws.com",
            "requestParameters": {"roleArn": "arn:aws:iam::111122223333:role/f", "roleSessionName": "f"},
        }
    )
    assert value["actor"] == {"invoked_by": "lambda.amazonaws.com"}
    assert (value["class_uid"], value["activity_name"]) == (3002, "Logon")
    assert value["user"] == {"name": "f", "uid": "arn:aws:iam::111122223333:role/f"}


def test_an_identity_center_user_has_a_name_and_an_id() -> None:
    """The ID is the user's in the identity store, and the name is the one that was typed."""
    value = of_record(WRONG_PASSWORD)
    assert value["class_uid"] == 3002
    assert value["user"] == value["actor"]["user"]
    assert value["user"]["uid"] == "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
    assert value["user"]["name"] == "jun@example.com"
    assert value["actor"]["idp"] == {"uid": "arn:aws:identitystore::111122223333:identitystore/d-1"}


@pytest.mark.parametrize(
    ("name", "request_", "activity", "user"),
    [
        ("CreateUser", {"userName": "jun"}, "Create", {"name": "jun"}),
        ("CreateRole", {"roleName": "Ops"}, "Create", {"name": "Ops"}),
        ("AttachUserPolicy", {"userName": "jun", "policyArn": "p"}, "Attach Policy", {"name": "jun"}),
        ("DeleteRolePolicy", {"roleName": "Ops", "policyName": "p"}, "Detach Policy", {"name": "Ops"}),
        ("DeleteUser", {"userName": "jun"}, "Delete", {"name": "jun"}),
        ("EnableMFADevice", {"userName": "jun"}, "MFA Factor Enable", {"name": "jun"}),
        ("DeactivateMFADevice", {"userName": "jun"}, "MFA Factor Disable", {"name": "jun"}),
        ("UpdateLoginProfile", {"userName": "jun"}, "Password Reset", {"name": "jun"}),
        ("ChangePassword", None, "Password Change", {"type": "IAMUser", "name": "rosa"}),
        ("AddUserToGroup", {"userName": "jun", "groupName": "g"}, "Attach Policy", {"name": "jun"}),
        ("DeleteGroup", {"groupName": "g"}, "Delete", {"groups": [{"name": "g"}]}),
        ("UpdateAccountPasswordPolicy", {}, "Other", {"account": {"uid": "111122223333"}}),
    ],
)
def test_changes_of_users_and_roles_are_account_changes(
    name: str, request_: Any, activity: str, user: dict[str, Any]
) -> None:
    """IAM calls that change users, roles, groups, and policies have the changed user or role."""
    raw = envelope(1, eventSource="iam.amazonaws.com", eventName=name, requestParameters=request_)
    for form in ocsf_report.VERSIONS:
        value = ocsf(raw, form)
        assert ocsf_report.errors(value) == []
        assert (value["class_uid"], value["activity_name"]) == (3001, activity)
        assert value["user"].items() >= user.items()
        assert value["api"]["operation"] == name


def test_other_services_have_calls_with_the_same_names() -> None:
    """Only IAM, sign-in, and account management change accounts; other services have API Activity."""
    for source in ("transfer.amazonaws.com", "elasticache.amazonaws.com"):
        assert ocsf(envelope(1, eventSource=source, eventName="CreateUser"))["class_uid"] == 6003
    assert ocsf(envelope(1, eventSource="iam.amazonaws.com", eventName="ListUsers"))["class_uid"] == 6003


def test_an_insight_names_the_call_that_it_is_about() -> None:
    """An Insights event has the unusual call, CloudTrail as its actor, and an unknown status."""
    record = json.loads(samples.load("insight-start"))["detail"]
    value = of_record(record)
    assert value["api"]["operation"] == record["insightDetails"]["eventName"]
    assert value["status"] == "Unknown"
    assert value["actor"] == {"invoked_by": "cloudtrail.amazonaws.com"}
    assert value["src_endpoint"] == {"svc_name": "cloudtrail.amazonaws.com"}


def test_a_missing_time_is_replaced() -> None:
    """Without an event time, the time is the envelope's, else the end of the counted window, else zero."""
    window = {"timeWindow": {"windowStart": "2025-10-30 23:45:00", "windowEnd": "2025-10-30 23:50:00"}}
    value = of_record(window)
    assert (value["time"], value["end_time"] - value["start_time"]) == (value["end_time"], 300_000)
    raw = json.dumps({"time": "2026-11-20T10:00:00Z", "detail": {"eventTime": "soon", **window}}).encode()
    assert ocsf(raw)["time"] == 1795168800000
    assert of_record({"eventTime": None})["time"] == 0


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


def test_resources_without_an_arn_are_left_out() -> None:
    """A resource without an ARN is left out, because OCSF requires a name or an ID."""
    value = ocsf(envelope(1, resources=[{"type": "AWS::S3::Object"}, {"ARNPrefix": "arn:aws:s3:::x/"}]))
    assert value["resources"] == [{"uid": "arn:aws:s3:::x/"}]


def test_bytes_that_are_not_an_event() -> None:
    """Bytes that are not an event raise an error, and the format has no subject."""
    with pytest.raises(EventError):
        ocsf(b"no json")
    assert FORM.subject(Message(envelope(1), Origin("test"))) == ""
