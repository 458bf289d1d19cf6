"""The audit's stack: its permissions, its bucket, its alarms, and the definition of its state machine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sam.cfn import ACCOUNT, REGION, SAM, Refused, Stack, grants, listed, load
from tests.sam.test_templates import statements

TEMPLATE = load("audit.yaml")
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1111"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
LEAST = {"TrailBucket": "example-trail"}
WITH = {
    **LEAST,
    "TrailPrefix": "org/",
    "DeliveredBucket": "example-archive",
    "DeliveredPrefix": "events/",
    "DataKeyArns": f"{KEY},{KEY}2",
    "InventoryBucket": "example-inventory",
    "ConfigurationParameter": "/trailforward/config",
    "PolicyArns": f"arn:aws:iam::{ACCOUNT}:policy/destinations",
    "Sink": "archive",
    "OwnRoleArns": f"arn:aws:iam::{ACCOUNT}:role/forwarder",
    "Snapshot": "example-doctor/state/latest.json.gz",
    "DailyAudit": "enabled",
    "AlarmTopicArn": TOPIC,
    "ReportKeyArn": KEY,
    "LogsKeyArn": KEY,
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
}
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:trailforward"
REPORTS = "arn:aws:s3:::trailforward-reports"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:trailforward"
#: The rights of both functions in the report bucket, and to write their logs.
BOTH = {
    *(
        (f"s3:{name}", f"{REPORTS}/{prefix}/*")
        for name in ("GetObject", "PutObject")
        for prefix in ("runs", "reports")
    ),
    *(("s3:AbortMultipartUpload", f"{REPORTS}/{prefix}/*") for prefix in ("runs", "reports")),
    ("s3:ListBucket", REPORTS),
    *(
        (f"logs:{name}", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/trailforward/trailforward:*")
        for name in ("CreateLogStream", "PutLogEvents")
    ),
}
OPTIONAL = {
    ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/trailforward/config"),
    *(("kms:Decrypt", key) for key in (KEY, f"{KEY}2")),
    ("kms:GenerateDataKey", KEY),
}


def granted(stack: Stack, role: str) -> set[tuple[str, str]]:
    """Action and resource of each grant of a role's own policy."""
    (policy,) = stack.properties(role)["Policies"]
    return grants(policy["PolicyDocument"])


def test_each_function_may_do_what_it_does() -> None:
    """The reader reads both sides and can send nothing; the sender reads the trail; both write reports."""
    stack = Stack(TEMPLATE, **WITH)
    assert granted(stack, "ReaderRole") == BOTH | OPTIONAL | {
        ("s3:ListBucket", "arn:aws:s3:::example-trail"),
        ("s3:ListBucket", "arn:aws:s3:::example-archive"),
        ("s3:GetObject", "arn:aws:s3:::example-trail/org/*"),
        ("s3:GetObject", "arn:aws:s3:::example-archive/events/*"),
        ("s3:GetObject", "arn:aws:s3:::example-inventory/*"),
        ("s3:GetObject", "arn:aws:s3:::example-doctor/state/latest.json.gz"),
    }
    assert "ManagedPolicyArns" not in stack.properties("ReaderRole")
    assert granted(stack, "SenderRole") == BOTH | OPTIONAL | {
        ("s3:GetObject", "arn:aws:s3:::example-trail/org/*")
    }
    assert stack.properties("SenderRole")["ManagedPolicyArns"] == [WITH["PolicyArns"]]
    least = Stack(TEMPLATE, **LEAST)
    assert granted(least, "ReaderRole") == BOTH | {
        ("s3:ListBucket", "arn:aws:s3:::example-trail"),
        ("s3:GetObject", "arn:aws:s3:::example-trail/*"),
    }


def test_the_state_machine_may_do_what_its_maps_do() -> None:
    """It invokes its functions, starts and redrives its own children, and reads and writes their lists."""
    stack = Stack(TEMPLATE, **WITH)
    found = granted(stack, "StateMachineRole")
    assert {one for one in found if not one[0].startswith("logs:")} == {
        *(("lambda:InvokeFunction", f"{FUNCTION}-{name}") for name in ("Reader", "Sender")),
        ("states:StartExecution", MACHINE),
        *(
            (f"states:{name}Execution", f"arn:aws:states:{REGION}:{ACCOUNT}:execution:trailforward/*")
            for name in ("Describe", "Stop", "Redrive")
        ),
        *(
            (f"s3:{name}", f"{REPORTS}/runs/*")
            for name in ("GetObject", "PutObject", "ListMultipartUploadParts", "AbortMultipartUpload")
        ),
        *((f"kms:{name}", KEY) for name in ("Decrypt", "GenerateDataKey")),
    }
    (trust,) = stack.properties("StateMachineRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnEquals": {"aws:SourceArn": MACHINE},
    }
    # The policy cannot refer to the state machine, so the text must be its ARN.
    assert stack.resolve({"Ref": "StateMachine"}) == MACHINE


def test_wildcards_are_below_one_prefix_or_have_no_resources() -> None:
    """Only actions without resources have ``*``; other wildcards are at the end of a name."""
    for name, statement in statements(TEMPLATE, **WITH):
        if statement["Effect"] == "Deny":
            continue
        for arn in listed(statement["Resource"]):
            if arn == "*":
                assert (name, statement["Sid"]) == ("StateMachineRole", "Logs")
                assert {action.split(":")[0] for action in statement["Action"]} == {"logs"}
            else:
                assert arn.count("*") <= 1
                assert "*" not in arn or arn.endswith(("/*", ":*"))


def test_every_role_has_the_boundary() -> None:
    """Where an organization requires a permissions boundary, all roles have it."""
    stack = Stack(TEMPLATE, **WITH)
    roles = [one["Properties"] for one in stack.resources.values() if one["Type"] == "AWS::IAM::Role"]
    assert len(roles) == 4
    assert {role["PermissionsBoundary"] for role in roles} == {WITH["PermissionsBoundary"]}


def test_the_report_bucket_is_private_and_keeps_what_a_redrive_needs() -> None:
    """It is encrypted, versioned, without public access, for TLS only, and deletes runs after the redrive."""
    stack = Stack(TEMPLATE, **WITH)
    bucket = stack.properties("Reports")
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == KEY
    plain = Stack(TEMPLATE, **LEAST).properties("Reports")["BucketEncryption"]
    assert plain["ServerSideEncryptionConfiguration"] == [
        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    ]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    days = {
        rule.get("Prefix"): rule.get("ExpirationInDays") for rule in bucket["LifecycleConfiguration"]["Rules"]
    }
    assert int(days["runs/"]) > 14
    assert days["reports/"] == "400"
    (denial,) = stack.properties("ReportsPolicy")["PolicyDocument"]["Statement"]
    assert (denial["Effect"], denial["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_a_missing_audit_raises_an_alarm() -> None:
    """No complete audit for more than a day is an alarm; a missing event is the other one."""
    stack = Stack(TEMPLATE, **WITH)
    failed, missing = (stack.properties(f"{name}Alarm") for name in ("AuditFailed", "UnexpectedMissing"))
    assert failed["TreatMissingData"] == "breaching"
    assert 86_400 < failed["Period"] * failed["DatapointsToAlarm"] <= 7 * 86_400
    assert missing["TreatMissingData"] == "ignore"
    assert (missing["Threshold"], missing["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert failed["AlarmActions"] == missing["AlarmActions"] == [TOPIC]
    off = Stack(TEMPLATE, **LEAST)
    assert not {name for name in off.present if "Alarm" in name or "Daily" in name}


def test_the_daily_rule_starts_only_this_state_machine() -> None:
    """The rule's role may start this state machine; its input is one that the first state accepts."""
    stack = Stack(TEMPLATE, **WITH)
    assert granted(stack, "DailyRole") == {("states:StartExecution", MACHINE)}
    (target,) = stack.properties("DailyRule")["Targets"]
    assert json.loads(target["Input"]) == {"mode": "audit", "publish": True}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"DailyAudit": "enabled"}, "Set DeliveredBucket"),
        ({"Sink": "x"}, "Set ConfigurationParameter"),
        ({"OwnRoleArns": f"arn:aws:iam::{ACCOUNT}:role/x"}, "Set ConfigurationParameter"),
        ({"PolicyArns": f"arn:aws:iam::{ACCOUNT}:policy/x"}, "Set ConfigurationParameter"),
        ({"TrailPrefix": "no-slash"}, "must end with a slash"),
        ({"TrailPrefix": "a*/"}, "must end with a slash"),
        ({"GroupsPerChild": "11"}, "GroupsPerChild"),
        ({"AuditSchedule": "rate(1 hour)"}, "must be a time of day"),
    ],
)
def test_contradictions_are_refused(parameters: dict[str, str], said: str) -> None:
    """Parameters that contradict each other are refused before anything is created."""
    with pytest.raises(Refused, match=said):
        Stack(TEMPLATE, **LEAST, **parameters)


def maps() -> dict[str, Any]:
    """The maps of the state machine."""
    states = Stack(TEMPLATE, **WITH).properties("StateMachine")["Definition"]["States"]
    return {name: state for name, state in states.items() if state["Type"] == "Map"}


def test_maps_are_distributed_with_express_children() -> None:
    """Each map reads JSON Lines, has Express children below 5 minutes, and writes their results to S3."""
    found = maps()
    assert set(found) == {"ReadLogFiles", "ReadDelivered", "ReadLater", "Compare", "Explain", "Forward"}
    for name, state in found.items():
        assert state["ItemProcessor"]["ProcessorConfig"] == {
            "Mode": "DISTRIBUTED",
            "ExecutionType": "EXPRESS",
        }
        (child,) = state["ItemProcessor"]["States"].values()
        assert child["TimeoutSeconds"] < 300
        assert state["ItemReader"]["ReaderConfig"] == {"InputType": "JSONL"}
        assert state["ResultWriter"]["Resource"] == "arn:aws:states:::s3:putObject"
        assert state["ResultWriter"]["Parameters"]["Prefix.$"] == "$.results"
        assert state["ResultPath"] is None
        assert state["Label"] == name
        assert len(name) <= 40
        batches = name not in {"Compare", "Explain"}
        assert ("ItemBatcher" in state) == batches
    tolerant = {name for name, state in found.items() if "ToleratedFailurePercentagePath" in state}
    # What else is not read would count as missing, or as arrived.
    assert tolerant == {"ReadLogFiles", "Forward"}


def test_only_the_sender_forwards() -> None:
    """The function that has the destinations' permissions does nothing but forward."""
    states = Stack(TEMPLATE, **WITH).properties("StateMachine")["Definition"]["States"]
    tasks = [state for state in states.values() if state["Type"] == "Task"]
    tasks += [next(iter(state["ItemProcessor"]["States"].values())) for state in maps().values()]
    functions = {one["Parameters"]["Payload"]["do"]: one["Parameters"]["FunctionName"] for one in tasks}
    assert {do for do, name in functions.items() if name.endswith("Sender")} == {"forward"}
    assert set(functions) - {"forward"} == {
        *("check", "list", "read-trail", "read-delivered", "read-later", "index", "compare", "work"),
        *("explain", "report", "add-up"),
    }


def test_the_package_is_for_the_functions_python() -> None:
    """The Makefile builds for the Python and the architecture of the template."""
    text = (SAM / "audit" / "Makefile").read_text()
    function = TEMPLATE["Globals"]["Function"]
    assert f"AUDIT_PYTHON ?= {function['Runtime'].removeprefix('python')}\n" in text
    assert f"AUDIT_ARCHITECTURE ?= {function['Architectures'][0]}\n" in text
