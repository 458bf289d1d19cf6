"""The daily doctor of the stack: its permissions, its bucket, its alarms, and the roles in other accounts."""

from __future__ import annotations

from tests.sam.cfn import ACCOUNT, REGION, Stack, grants, load
from tests.sam.test_templates import DOCTOR, SINKS
from trailforward.doctor.daily import Settings, daily_policy
from trailforward.doctor.discover import policy

TEMPLATE = load("template.yaml")
READ_ROLE = f"arn:aws:iam::*:role/trailforward-{REGION}-read"
WITH = {**SINKS, **DOCTOR, "AlarmTopicArn": SINKS["SnsTopicArn"], "CustomerKey": "true"}


def test_it_is_off_by_default() -> None:
    """Without DailyDoctor=enabled, the stack has nothing of the doctor."""
    assert [name for name in Stack(TEMPLATE, **SINKS).present if "Doctor" in name] == []


def test_the_role_may_do_what_the_command_prints() -> None:
    """The role's policy is what ``trailforward iam daily-doctor`` prints, no more."""
    stack = Stack(TEMPLATE, **WITH)
    (written,) = stack.properties("DoctorRole")["Policies"]
    wanted = daily_policy(
        [READ_ROLE],
        bucket="arn:aws:s3:::trailforward-doctorbucket",
        topic=SINKS["SnsTopicArn"],
        log_group=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/trailforward/trailforward-doctor",
        keys=[stack.outputs["KeyArn"]],
    )
    assert grants(written["PolicyDocument"]) == grants(wanted)
    alone = Stack(TEMPLATE, **SINKS, DailyDoctor="enabled")
    (written,) = alone.properties("DoctorRole")["Policies"]
    actions = {action for action, _ in grants(written["PolicyDocument"])}
    assert not actions & {"sts:AssumeRole", "sns:Publish", "kms:Decrypt"}


def test_the_role_in_other_accounts_reads_and_trusts_only_the_doctor() -> None:
    """doctor-role.yaml has the name that the doctor assumes, only reads, and asks for the external ID."""
    stack = Stack(TEMPLATE, **WITH)
    role = Stack(
        load("doctor-role.yaml"),
        HubRegion=REGION,
        DoctorRoleArn=stack.outputs["DoctorRoleArn"],
        ExternalId=DOCTOR["DoctorExternalId"],
    ).properties("DoctorReadRole")
    assert role["RoleName"] == READ_ROLE.rpartition("/")[2]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/trailforward-{REGION}-doctor"},
        "StringEquals": {"sts:ExternalId": "a-b-c"},
    }
    (written,) = role["Policies"]
    assert grants(written["PolicyDocument"]) == grants(policy())


def test_the_function_reads_its_settings() -> None:
    """The function's environment is what it reads: the queue as destination, the topic, and the accounts."""
    stack = Stack(TEMPLATE, **WITH, Topology="hub")
    variables = stack.properties("Doctor")["Environment"]["Variables"]
    assert Settings.from_env(variables) == Settings(
        stack="trailforward",
        bucket="trailforward-doctorbucket",
        destinations=(stack.outputs["EventQueueArn"],),
        topic=SINKS["SnsTopicArn"],
        whole_organization=True,
        role=READ_ROLE.rpartition("/")[2],
        external_id="a-b-c",
    )
    regional = Stack(TEMPLATE, **SINKS, DailyDoctor="enabled").properties("Doctor")
    assert Settings.from_env(regional["Environment"]["Variables"]).regions == (REGION,)


def test_a_missing_run_raises_an_alarm() -> None:
    """The alarm counts missing data of more than a day as a failure, within CloudWatch's limits."""
    alarm = Stack(TEMPLATE, **WITH).properties("DoctorFailedAlarm")
    assert alarm["TreatMissingData"] == "breaching"
    assert 86_400 < alarm["Period"] * alarm["DatapointsToAlarm"] <= 7 * 86_400
    assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]
    assert alarm["AlarmActions"] == [SINKS["SnsTopicArn"]]


def test_the_bucket_is_private() -> None:
    """The bucket is encrypted, blocks public access, demands TLS, and deletes reports after some time."""
    stack = Stack(TEMPLATE, **WITH)
    bucket = stack.properties("DoctorBucket")
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == stack.outputs["KeyArn"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert {"snapshots/", "reports/"} < {
        rule.get("Prefix") for rule in bucket["LifecycleConfiguration"]["Rules"]
    }
    (denial,) = stack.properties("DoctorBucketPolicy")["PolicyDocument"]["Statement"]
    assert (denial["Effect"], denial["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
