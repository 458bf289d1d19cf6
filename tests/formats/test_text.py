"""``text`` is a readable notification, and no event can add lines to it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.depth import part
from tests.support.events import envelope
from trailforward import EventError, Message, Origin
from trailforward.formats.text import Text
from trailforward.testing import samples

FORM = Text()
#: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: how a subject may begin, and what it may hold.
SUBJECT = re.compile(r"[!-~][ -~]{0,98}")


def message(raw: bytes) -> Message:
    """A message of these bytes."""
    return Message(raw, Origin("test"))


def of(name: str) -> Message:
    """A sample as a message."""
    return message(samples.load(name))


def made(**detail: Any) -> Message:
    """An event with these fields in its record."""
    return message(envelope(**detail))


def headline(event: Message) -> str:
    """The first line of a well-formed text."""
    lines = FORM.data(event).decode().split("\n")
    assert lines[-1] == ""
    assert lines[1] == ""
    for line in lines[2:-1]:
        assert re.match(r"[A-Z][A-Za-z ]+: .", line)
    assert all(line.isprintable() for line in lines)
    assert SUBJECT.fullmatch(FORM.subject(event))
    return lines[0]


HEADLINES = {
    "access-denied": "ReportRunner/weekly: secretsmanager:GetSecretValue in ap-northeast-2 (123456789012) "
    "from 198.51.100.17 at 2026-09-14T15:00:09Z: failed (AccessDenied)",
    "assume-role-by-service": "ec2.amazonaws.com: sts:AssumeRole on role/BatchWorker "
    "in eu-west-2 (111122223333) at 2026-09-14T11:00:03Z: succeeded",
    "console-login-failure": "somebody (name hidden): signin:ConsoleLogin in us-east-2 (111122223333) "
    "from 203.0.113.9 at 2026-09-14T03:27:08Z: failed (No username found in supplied account)",
    "console-login-without-mfa": "milan: signin:ConsoleLogin in eu-north-1 (123456789012) "
    "from 198.51.100.141 at 2026-09-14T06:40:52Z: succeeded without MFA",
    "function-code-replaced": "PlatformEngineer/ines@example.com: lambda:UpdateFunctionCode "
    "on invoice-export in eu-west-2 (111122223333) from 198.51.100.60 at 2026-09-14T09:41:26Z: succeeded",
    "guardduty-finding": "GuardDuty: Credentials of the instance i-0c9e8d7f6a5b43210 are used "
    "from outside AWS (UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS, high) "
    "on i-0c9e8d7f6a5b43210 in us-west-1 (111122223333) at 2026-09-14T14:20:00Z",
    "insight-start": "BatchWorker/i-0c9e8d7f6a5b43210: ApiCallRateInsight Start for ec2:TerminateInstances "
    "in us-east-2 (111122223333) at 2026-09-14T16:32:00Z: 14 a minute, usually less than 0.01",
    "kms-key-rotated": "AWS Internal: kms:RotateKey on key/b766ca85-1879-44c8-8b2f-5280909af792 "
    "in eu-central-1 (111122223333) at 2026-09-14T01:17:22Z: succeeded",
    "network-activity-denied": "AROAEXAMPLECOURIERAAA:export of 123456789012: s3:PutObject on not-our-bucket "
    "in eu-central-1 (111122223333) from 192.0.2.44 at 2026-09-14T17:45:12Z: failed (VpceAccessDenied)",
    "policy-attached": "PlatformEngineer/ines@example.com: iam:AttachUserPolicy "
    "on build-agent and policy/AdministratorAccess in us-east-1 (111122223333) "
    "from 198.51.100.60 at 2026-09-14T09:24:33Z: succeeded",
    "security-group-opened": "dora: ec2:AuthorizeSecurityGroupIngress on sg-0d5c1e7b9a3f24680 "
    "in eu-west-1 (111122223333) from 198.51.100.23 at 2026-09-14T09:12:44Z: succeeded",
    "snapshot-shared": "milan: ec2:ModifySnapshotAttribute on snap-0e1d2c3b4a5f69780 "
    "in me-central-1 (123456789012) from 198.51.100.141 at 2026-09-14T07:06:30Z: succeeded",
}


@pytest.mark.parametrize("name", HEADLINES)
def test_headlines(name: str) -> None:
    """The headline says who did what to which resource, where, from which address, when, and how it ended."""
    assert headline(of(name)) == HEADLINES[name]


ROLE = {
    "type": "AssumedRole",
    "arn": "arn:aws:sts::111122223333:assumed-role/Deploy/session-1",
    "accountId": "111122223333",
    "sessionContext": {"sourceIdentity": "jun@example.com"},
}
SHAPES: list[tuple[dict[str, Any], str]] = [
    (
        {
            "eventName": "DeleteFlowLogs",
            "requestParameters": {"DeleteFlowLogsRequest": {"FlowLogId": {"content": "fl-1", "tag": 1}}},
        },
        "rosa: ec2:DeleteFlowLogs on fl-1 in",
    ),
    (
        {
            "eventName": "DeleteFlowLogs",
            "requestParameters": {"DeleteFlowLogsRequest": {"FlowLogId": [{"content": "fl-1"}, {"tag": 2}]}},
        },
        "rosa: ec2:DeleteFlowLogs on fl-1 in",
    ),
    (
        {
            "eventName": "ModifySecurityGroupRules",
            "requestParameters": {
                "ModifySecurityGroupRulesRequest": {
                    "GroupId": "sg-1",
                    "SecurityGroupRule": {"SecurityGroupRuleId": "sgr-1"},
                }
            },
        },
        "rosa: ec2:ModifySecurityGroupRules on sg-1 in",
    ),
    (
        {
            "eventSource": "ssm.amazonaws.com",
            "eventName": "StartSession",
            "requestParameters": {"documentName": "SSM-Shell", "target": "i-1"},
        },
        "rosa: ssm:StartSession on i-1 in",
    ),
    (
        {
            "eventSource": "ssm.amazonaws.com",
            "eventName": "SendCommand",
            "requestParameters": {
                "documentName": "AWS-RunShellScript",
                "targets": [{"key": "InstanceIds", "values": ["i-1", "i-2"]}],
            },
        },
        "rosa: ssm:SendCommand on i-1 and i-2 in",
    ),
    (
        {
            "eventSource": "ssm.amazonaws.com",
            "eventName": "SendCommand",
            "requestParameters": {"targets": [{"key": "tag:Env", "values": ["prod"]}, "odd", {"key": 1}]},
        },
        "rosa: ssm:SendCommand on tag:Env=prod in",
    ),
    (
        {"eventSource": "cloudfront.amazonaws.com", "eventName": "CreateFunction2020_05_31"},
        "rosa: cloudfront:CreateFunction in",
    ),
    (
        {
            "eventSource": "iam.amazonaws.com",
            "eventName": "DeleteVirtualMFADevice",
            "requestParameters": {"serialNumber": "arn:aws:iam::111122223333:mfa/rosa"},
        },
        "rosa: iam:DeleteVirtualMFADevice on mfa/rosa in",
    ),
    ({"userIdentity": ROLE}, "Deploy/session-1 (started by jun@example.com): ec2:StopInstances in"),
]


@pytest.mark.parametrize(("detail", "start"), SHAPES)
def test_the_object_of_every_shape_of_request(detail: dict[str, Any], start: str) -> None:
    """The headline names the object that the call was about, and who started the session."""
    assert headline(made(**detail)).startswith(start)


@pytest.mark.parametrize(
    ("insight", "baseline", "rates"),
    [
        (3574.5950413223, 9.82222e-05, "3,575 a minute, usually less than 0.01"),
        (14.0, 0.25, "14 a minute, usually 0.25"),
        (1.5, 0, "1.5 a minute, usually 0"),
        (99.999, None, "100 a minute"),
        ("odd", True, "odd a minute, usually True"),
    ],
)
def test_rates_of_insights_are_readable(insight: Any, baseline: Any, rates: str) -> None:
    """An Insight's headline has its error code, and rates that a person can read."""
    details = {
        "state": "End",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeRegions",
        "insightType": "ApiErrorRateInsight",
        "errorCode": "Client.RequestLimitExceeded",
        "insightContext": {
            "statistics": {"insight": {"average": insight}, "baseline": {"average": baseline}}
        },
    }
    event = made(eventType="AwsCloudTrailInsight", userIdentity=None, insightDetails=details)
    line = headline(event)
    assert line.startswith(
        "ApiErrorRateInsight End for ec2:DescribeRegions (Client.RequestLimitExceeded) in eu-west-1"
    )
    assert line.endswith(f": {rates}")
    assert "\nError: Client.RequestLimitExceeded\n" in FORM.data(event).decode()


FINDINGS: list[tuple[str, dict[str, Any], str]] = [
    (
        "aws.securityhub",
        {
            "findings": [
                {
                    "Id": "arn:aws:securityhub:eu-west-1:111122223333:finding/1",
                    "Title": "S3 buckets should block public access.",
                    "Types": ["Software and Configuration Checks"],
                    "Severity": {"Label": "MEDIUM"},
                    "Description": "A bucket allows public access.",
                    "Resources": [{"Id": "arn:aws:s3:::example"}],
                }
            ]
        },
        "Security Hub: S3 buckets should block public access (Software and Configuration Checks, medium)",
    ),
    (
        "aws.securityhub",
        {"findings": [{"finding_info": {"title": "Exposure", "uid": "1"}, "severity": "Critical"}]},
        "Security Hub: Exposure (critical) in eu-west-1",
    ),
    (
        "aws.securityhub",
        {"findings": [{"FindingProviderFields": {"Severity": {"Label": "HIGH"}, "Types": ["T"]}}]},
        "Security Hub: Finding (T, high) in eu-west-1",
    ),
    ("aws.securityhub", {"findings": [{"Title": "Bare"}]}, "Security Hub: Bare in eu-west-1"),
    ("aws.securityhub", {"findings": [5]}, "X in eu-west-1"),
    (
        "aws.guardduty",
        {"type": "Policy:S3/X", "severity": 5},
        "GuardDuty: Policy:S3/X (Policy:S3/X, medium) in",
    ),
    (
        "aws.guardduty",
        {"type": "T", "severity": "odd", "resource": {"s3BucketDetails": [{"name": "b"}]}},
        "GuardDuty: T (T) on b in",
    ),
]


@pytest.mark.parametrize(("source", "detail", "start"), FINDINGS)
def test_findings(source: str, detail: dict[str, Any], start: str) -> None:
    """The headline of a finding has its title, type, severity, and resource."""
    raw = {"detail-type": "X", "source": source, "region": "eu-west-1", "account": "111122223333"}
    assert headline(message(json.dumps({**raw, "detail": detail}).encode())).startswith(start)


@pytest.mark.parametrize("name", samples.names())
def test_every_kind_of_event(name: str) -> None:
    """Every sample has a headline with Region and account, and a subject that SNS accepts."""
    event = json.loads(samples.load(name))
    place = f" in {event['region']} ({event['account']})"
    assert place in headline(of(name))
    assert place in FORM.subject(of(name))


SUBJECTS = {
    "access-denied": "secretsmanager:GetSecretValue by ReportRunner/weekly "
    "in ap-northeast-2 (123456789012): failed",
    "console-login-without-mfa": "signin:ConsoleLogin by milan in eu-north-1 (123456789012): without MFA",
    "guardduty-finding": "[HIGH] GuardDuty: UnauthorizedAccess:IAMUser/InstanceCredentialExfil... "
    "in us-west-1 (111122223333)",
    "insight-start": "ApiCallRateInsight Start for ec2:TerminateInstances by ...8d7f6a5b43210 "
    "in us-east-2 (111122223333)",
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_subjects(name: str) -> None:
    """A subject has action, actor, Region, and failure; a long actor loses its beginning."""
    assert FORM.subject(of(name)) == SUBJECTS[name]


def test_details() -> None:
    """The details below the headline contain what an analyst needs next."""
    text = FORM.data(of("network-activity-denied")).decode()
    assert "\nError: The request was denied due to a VPC endpoint policy\n" in text
    assert "\nResource: arn:aws:s3:::not-our-bucket\n" in text
    text = FORM.data(of("root-console-login")).decode()
    assert "\nRoot: yes\n" in text
    assert "\nMFA: " in text
    text = FORM.data(of("security-group-opened")).decode()
    assert '\nRequest: {"groupId": "sg-0d5c1e7b9a3f24680", ' in text
    assert "\nEvent ID: 2c63888f-28f0-4481-be6d-dce7a7ace732\n" in text
    assert "\nService event: {" in FORM.data(of("kms-key-rotated")).decode()


@pytest.mark.parametrize(
    ("name", "parameters", "what"),
    [
        (
            "StopInstances",
            {"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}},
            "i-1 and i-2",
        ),
        ("StopInstances", {"instanceIds": ["i-1", "i-2", "i-3"]}, "i-1 and 2 more"),
        ("DeleteTrail", {"name": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}, "trail/main"),
        ("GetRole", {"roleName": "r", "versionId": "v1"}, "r"),
        (
            "AssumeRole",
            {"roleSessionName": "s", "roleArn": "arn:aws:iam::123456789012:role/x"},
            "arn:aws:iam::123456",
        ),
        ("CreateVpc", {"tagSet": {"items": [{"key": "k"}]}, "filters": {"items": [{"name": "n"}]}}, ""),
        ("CreateKey", {"description": "d", "count": 1, "keyId": 5, "policyName": ""}, ""),
        ("PutObject", {"bucketName": "b", "key": "k", "Host": "h"}, "b"),
        ("X", {"arn:": 1, "thingArn": "arn:aws:x", "": ""}, "arn:aws:x"),
        (None, {"functionName": "f"}, "f"),
        ("X", "text", ""),
        ("X", ["list"], ""),
    ],
)
def test_what_a_call_was_about(name: Any, parameters: Any, what: str) -> None:
    """The resource comes from the parameter that the event name mentions, else from the first identifier."""
    line = headline(made(eventName=name, requestParameters=parameters))
    before, _, after = line.partition(" in eu-west-1 ")
    assert after
    assert before.partition(" on ")[2].startswith(what) if what else " on " not in before


def test_resources_come_first() -> None:
    """The resources that CloudTrail lists take precedence over the request."""
    resources = [{"ARN": f"arn:aws:s3:::b/{n}"} for n in range(4)] + ["odd", {"type": "x"}]
    line = headline(made(resources=resources, requestParameters={"bucketName": "other"}))
    assert " on b/0 and 3 more in " in line


@pytest.mark.parametrize(
    ("identity", "who"),
    [
        ({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/Ops/jun"}, "Ops/jun: "),
        (
            {"type": "AWSAccount", "principalId": "AIDA", "accountId": "123456789012"},
            "AIDA of 123456789012: ",
        ),
        ({"type": "AWSAccount", "accountId": "123456789012"}, "123456789012: "),
        ({"type": "Root", "accountId": "111122223333"}, "root: "),
        ({}, "ec2:StopInstances "),
        (None, "ec2:StopInstances "),
        ("text", "ec2:StopInstances "),
    ],
)
def test_who(identity: Any, who: str) -> None:
    """The actor is readable, and an actor of another account is marked."""
    assert headline(made(userIdentity=identity)).startswith(who)


HOSTILE = [
    "line\nError: forged\r\nmore",
    "\u2028\u2029\u0085\x0b\x0c\x1b[31m\u202e",
    "\ud800",
    "x" * 100_000,
    "\n" * 100_000,
    "é" * 400,
    "{what} %s \\n",
]
PLACES = [
    "eventName",
    "eventSource",
    "sourceIPAddress",
    "errorCode",
    "errorMessage",
    "userAgent",
    "eventTime",
    "eventID",
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_forge_nothing(value: str) -> None:
    """Line breaks, control characters, and very long values in any field stay within one bounded line."""
    identity = {"type": "IAMUser", "userName": value, "arn": value, "accessKeyId": value, "accountId": value}
    event = made(
        **dict.fromkeys(PLACES, value),
        userIdentity=identity,
        requestParameters={value: value, "instanceId": value},
        resources=[{"ARN": value}] * 50,
        serviceEventDetails=[value],
    )
    for hostile in (
        event,
        message(json.dumps({"detail-type": value, "region": value, "detail": {}}).encode()),
    ):
        headline(hostile)
        data = FORM.data(hostile)
        assert len(data) < 50_000
        assert b"\nError: forged" not in data


def test_depth_is_not_shown() -> None:
    """A request with 1,000 nested levels still gives a notification."""
    raw = '{"detail":{"eventName":"X","requestParameters":{"a":' + "[" * 990 + "]" * 990 + "}}}"
    text = FORM.data(message(raw.encode())).decode()
    assert re.search(r"\nRequest: (\(nested too deeply to show\)|\{.*\})\n", text)


@pytest.mark.parametrize(
    "detail", ["text", 5, None, [], {}, {"eventType": "AwsCloudTrailInsight", "insightDetails": {}}]
)
def test_odd_details(detail: Any) -> None:
    """An event without a record still has a headline that says where it came from."""
    raw = json.dumps({"detail-type": "Odd", "account": "1", "detail": detail})
    assert " in an unknown Region (1)" in headline(message(raw.encode()))
    assert headline(message(b'{"detail":1}')) == "an event in an unknown Region"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    [
        *(
            "userIdentity",
            "eventTime",
            "eventSource",
            "eventName",
            "sourceIPAddress",
            "errorCode",
            "resources",
        ),
        *(
            "requestParameters",
            "responseElements",
            "insightDetails",
            "additionalEventData",
            "serviceEventDetails",
        ),
    ]
)
TYPES = st.sampled_from(
    ["AwsApiCall", "AwsConsoleSignIn", "AwsServiceEvent", "AwsCloudTrailInsight", "AwsVpceEvent", "x"]
)


@given(st.dictionaries(FIELDS, VALUES), TYPES, VALUES)
def test_wrong_types_everywhere(detail: dict[str, Any], kind: str, value: Any) -> None:
    """For any event, the text has one headline, and the subject follows SNS's rules."""
    event = {"detail-type": value, "account": value, "region": value, "time": value}
    headline(message(json.dumps({**event, "detail": {**detail, "eventType": kind}}).encode()))


@pytest.mark.parametrize("raw", [b"no json", b"[]", b"{}"])
def test_bytes_that_are_not_an_event(raw: bytes) -> None:
    """Bytes that are not an event raise an error that says why."""
    with pytest.raises(EventError):
        FORM.data(message(raw))
    with pytest.raises(EventError):
        FORM.subject(message(raw))


CORPUS = os.environ.get("TRAILFORWARD_CORPUS")


@pytest.mark.skipif(not CORPUS, reason="TRAILFORWARD_CORPUS is unset: it names a directory of *.ndjson")
def test_every_event_of_the_corpus() -> None:
    """Every recorded event has a headline with its Region and, if it has one, its action."""
    for path in sorted(Path(str(CORPUS)).glob("*.ndjson")):
        for line in part(filter(None, path.read_bytes().split(b"\n")), 5):
            event = message(line)
            text = headline(event)
            assert f" in {event.event['region']}" in text
            name = event.record.get("eventName")
            assert not isinstance(name, str) or re.sub(r"20\d\d_?\d\d_?\d\d(v\d+)?$", "", name) in text
