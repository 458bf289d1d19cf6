"""The self-guard hides the pipeline's own calls on its own resources, and nothing else of anybody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.arn import Arn
from trailforward.aws import own_calls
from trailforward.aws.own_calls import OwnCall
from trailforward.config import Config
from trailforward.pipeline.self_guard import Author, SelfGuard, build_guard
from trailforward.sources._own_calls import reading_calls
from trailforward.testing import samples

ACCOUNT = "111122223333"
NAME = "trailforward"
FUNCTION = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{NAME}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/forwarder"
KEY = "ASIAIOSFODNN7EXAMPLE"
STREAM = f"arn:aws:kinesis:us-west-2:{ACCOUNT}:stream/cloudsec"
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:trailforward"
QUEUE_URL = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/trailforward"
KMS_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/k-1"
BUCKET = "arn:aws:s3:::trail-logs"
SECRET = f"arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret:siem-AbCdEf"


def event(identity: dict[str, Any], **record: Any) -> dict[str, Any]:
    """An envelope with this identity in its record."""
    return {
        "detail": {
            "userIdentity": identity,
            "awsRegion": "eu-west-1",
            "recipientAccountId": ACCOUNT,
            **record,
        }
    }


def identity(
    role: str = "forwarder", name: str = NAME, account: str = ACCOUNT, **more: Any
) -> dict[str, Any]:
    """A role's session."""
    issuer = f"arn:aws:iam::{account}:role/service-role/{role}"
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        "accessKeyId": "ASIAOTHEROTHEROTHER0",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": issuer}},
        **more,
    }


def call(name: str, **record: Any) -> dict[str, Any]:
    """``SERVICE:EVENT`` and what the call named."""
    service, _, event_name = name.partition(":")
    return {"eventSource": f"{service}.amazonaws.com", "eventName": event_name, **record}


PUT = call("kinesis:PutRecords", requestParameters={"streamARN": STREAM}, awsRegion="us-west-2")


def by_service(service: str, name: str, **record: Any) -> dict[str, Any]:
    """The event of a service that acts on its own."""
    return event({"type": "AWSService", "invokedBy": service}, **call(name, **record))


def guard(*own_arns: str, **arguments: Any) -> SelfGuard:
    """The guard of a function that sends to a stream."""
    calls = [OwnCall("kinesis.amazonaws.com", ("PutRecords",), STREAM)]
    for arn in own_arns:
        calls += reading_calls(Arn.parse(arn))
    made = SelfGuard(own_arns=own_arns, function_name=NAME, calls=calls, **arguments)
    made.learn(FUNCTION)
    return made


#: The start of the IDs of the findings that a Security Hub sink imports.
START = f"arn:aws:securityhub:us-west-2:{ACCOUNT}:product/{ACCOUNT}/default/trailforward/"


@pytest.mark.parametrize(
    ("findings", "own"),
    [
        ([{"Id": f"{START}1"}], True),
        ([{"Id": f"{START}1"}, {"Id": f"{START}2"}], True),
        ([{"finding_info": {"uid": f"{START}1"}}], True),
        ([{"Id": f"{START}1"}, {"Id": "another"}], False),
        ([{"Id": "another", "finding_info": {"uid": f"{START}1"}}], False),
        ([{"Id": 5, "finding_info": 5}], False),
        ([{}], False),
        ([None], False),
        ([], False),
        ({"Id": f"{START}1"}, False),
        (None, False),
    ],
)
def test_events_about_findings(findings: Any, *, own: bool) -> None:
    """An event of Security Hub is own if it is about nothing but findings that the pipeline imported."""
    found = {"source": "aws.securityhub", "detail-type": "any", "detail": {"findings": findings}}
    assert guard(findings=[START]).is_own(found) is own
    assert not guard().is_own(found)
    assert not guard(findings=[START]).is_own({**found, "source": "aws.other"})
    assert not guard(findings=[START]).is_own({**found, "detail": findings})


# Who it was.


@pytest.mark.parametrize("issuer", [True, False])
def test_sessions_of_an_own_role(*, issuer: bool) -> None:
    """All sessions of a configured role are own, with or without its path, whatever the session's name."""
    known = guard(ROLE)

    def own(**about: Any) -> Author:
        who = identity(**about)
        if not issuer:
            del who["sessionContext"]
        return known.author(event(who, **PUT))

    assert own(name="any") is Author.PIPELINE
    assert own(role="other") is Author.OTHERS
    assert own(account="123456789012") is Author.OTHERS


def test_the_key_the_function_runs_with() -> None:
    """The access key of the process proves the session, where there is such a key."""
    who = identity(role="any", name="any", accessKeyId=KEY)
    assert guard(access_key_id=KEY).is_own(event(who, **PUT))
    assert not guard().is_own(event(identity(accessKeyId=""), **PUT))


@pytest.mark.parametrize("qualifier", ["", ":live", ":7"])
def test_credentials_issued_to_the_function(qualifier: str) -> None:
    """``inScopeOf`` that names the function, in any version, proves the session."""
    scope = {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": FUNCTION + qualifier}
    assert guard().is_own(event(identity(name="any", inScopeOf=scope), **PUT))
    scope["credentialsIssuedTo"] = FUNCTION + "-other"
    assert not guard().is_own(event(identity(name="any", inScopeOf=scope), **PUT))


def test_nothing_is_learned_from_events() -> None:
    """A forged event cannot make the guard hide a role's real events."""
    known = guard(access_key_id=KEY)
    assert known.is_own(event(identity(role="admin", inScopeOf={"credentialsIssuedTo": FUNCTION}), **PUT))
    assert known.is_own(event(identity(role="admin", accessKeyId=KEY), **PUT))
    assert not known.is_own(event(identity(role="admin"), **PUT))


# What it did.


def test_a_foreign_call_of_the_own_role_is_unusual() -> None:
    """What the function's role does and the pipeline never does is forwarded, and marked as unusual."""
    known = guard(ROLE)
    for record in (
        call("cloudtrail:StopLogging", requestParameters={"name": "trail"}),
        call("kinesis:DeleteStream", requestParameters={"streamARN": STREAM}),
        call("sts:AssumeRole", requestParameters={"roleArn": ROLE, "externalId": STREAM}),
        call("sts:GetCallerIdentity", requestParameters=None),
        call("iam:PutRecords", requestParameters={"streamARN": STREAM}),
        {},
    ):
        assert known.author(event(identity(), **record)) is Author.UNUSUAL_SELF
        assert known.author(event(identity(role="admin"), **record)) is Author.OTHERS


OTHER = STREAM + "-other"


@pytest.mark.parametrize(
    "record",
    [
        {"requestParameters": {"streamARN": OTHER}},
        {"requestParameters": {"streamName": "cloudsec"}, "awsRegion": "eu-west-1"},
        {"requestParameters": {"streamARN": STREAM, "streamName": "other"}},
        {"requestParameters": {"streamARN": STREAM}, "resources": [{"ARN": OTHER}]},
        {"requestParameters": {"comment": "x"}, "resources": [{"ARN": STREAM}] * 100 + [{"ARN": OTHER}]},
        {"requestParameters": None, "resources": None},
        {"requestParameters": {"streamARN": OTHER}, "errorCode": "AccessDenied"},
    ],
    ids=json.dumps,
)
def test_an_own_call_on_another_resource_is_unusual(record: dict[str, Any]) -> None:
    """Every resource that a call names must be the pipeline's; one of several is not enough."""
    request = {**PUT, **record}
    assert guard(ROLE).author(event(identity(), **request)) is Author.UNUSUAL_SELF


def test_a_delivery_that_failed_is_own() -> None:
    """A rejected PutRecords on the own stream is filtered, even if the record names no resource."""
    denied = {**PUT, "errorCode": "AccessDenied"}
    assert guard(ROLE).is_own(event(identity(), **denied))
    assert guard(ROLE).is_own(event(identity(), **denied | {"requestParameters": None}))
    stopped = call("kinesis:StopStreamEncryption", errorCode="AccessDenied", requestParameters=None)
    assert not guard(ROLE).is_own(event(identity(), **stopped))


def test_a_failed_call_that_is_not_a_delivery_must_name_its_resource() -> None:
    """A refused attempt to read some secret is forwarded, even if the record does not say which."""
    known = guard(ROLE)
    known._calls.add(OwnCall("secretsmanager.amazonaws.com", ("GetSecretValue",), SECRET))
    reading = call("secretsmanager:GetSecretValue", awsRegion="us-west-2")
    assert known.is_own(event(identity(), **reading, requestParameters={"secretId": SECRET}))
    refused = {**reading, "errorCode": "AccessDenied"}
    assert not known.is_own(event(identity(), **refused, requestParameters=None))
    assert not known.is_own(event(identity(), **refused, requestParameters={"secretId": "siem"}))


# AWS services.


@pytest.mark.parametrize("service", ["lambda.amazonaws.com", "events.amazonaws.com"])
def test_services_assuming_an_own_role(service: str) -> None:
    """Lambda and EventBridge assuming a role of the pipeline are part of each delivery."""
    known = guard(ROLE)

    def taken(by: str, request: Any) -> bool:
        return known.is_own(by_service(by, "sts:AssumeRole", requestParameters=request))

    assert taken(service, {"roleArn": ROLE})
    assert not taken(service, {"roleArn": ROLE + "-other"})
    assert not taken(service, {"roleArn": ROLE + "-other", "externalId": ROLE})
    assert not taken(service, {"roleArn": "none"})
    assert not taken("ec2.amazonaws.com", {"roleArn": ROLE})
    assert not taken(service, None)


def test_a_session_name_does_not_make_a_role_own() -> None:
    """Lambda assuming an unknown role is forwarded, also if the session is named like the function."""
    request = {"roleArn": ROLE, "roleSessionName": NAME}
    assert not guard().is_own(by_service("lambda.amazonaws.com", "sts:AssumeRole", requestParameters=request))


OWN = [ROLE, QUEUE, KMS_KEY, BUCKET, f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/trail:*", STREAM]
DELIVERIES = [
    ("events.amazonaws.com", "sqs:SendMessage", {"requestParameters": {"queueUrl": QUEUE_URL}}),
    ("events.amazonaws.com", "sqs:SendMessage", {"resources": [{"ARN": QUEUE}]}),
    ("sns.amazonaws.com", "sqs:SendMessage", {"resources": [{"ARN": QUEUE}]}),
    ("sqs.amazonaws.com", "lambda:Invoke", {"requestParameters": {"functionName": NAME}}),
    ("lambda.amazonaws.com", "lambda:Invoke", {"requestParameters": {"functionName": f"{NAME}:live"}}),
    ("lambda.amazonaws.com", "lambda:Invoke", {"requestParameters": {"functionName": f"{FUNCTION}:live"}}),
    (
        "sns.amazonaws.com",
        "lambda:Invoke",
        {"requestParameters": {"functionName": f"{ACCOUNT}:function:{NAME}"}},
    ),
    ("sqs.amazonaws.com", "sqs:ReceiveMessage", {"resources": [{"ARN": QUEUE}]}),
    ("lambda.amazonaws.com", "logs:CreateLogStream", {"requestParameters": {"logGroupName": "/trail"}}),
    (
        "lambda.amazonaws.com",
        "logs:CreateLogStream",
        {"requestParameters": {"logGroupName": f"/aws/lambda/{NAME}"}},
    ),
    ("logs.amazonaws.com", "kinesis:PutRecord", {"resources": [{"ARN": STREAM}]}),
    (
        "cloudtrail.amazonaws.com",
        "s3:PutObject",
        {"requestParameters": {"bucketName": "trail-logs", "key": "a/b"}},
    ),
    (
        "events.amazonaws.com",
        "kms:GenerateDataKey",
        {"requestParameters": {"encryptionContext": {"aws:sqs:arn": QUEUE}}},
    ),
    (
        "kinesis.amazonaws.com",
        "kms:GenerateDataKey",
        {"requestParameters": {"encryptionContext": {"aws:kinesis:arn": STREAM}}},
    ),
    ("sqs.amazonaws.com", "kms:Decrypt", {"resources": [{"ARN": KMS_KEY}]}),
]


@pytest.mark.parametrize(("service", "name", "record"), DELIVERIES, ids=str)
def test_services_delivering_to_own_resources(service: str, name: str, record: dict[str, Any]) -> None:
    """A service's delivery to the queue, function, log group, or key counts as the pipeline's own call."""
    assert guard(*OWN).is_own(by_service(service, name, **record))
    assert not guard(ROLE).is_own(by_service("ec2.amazonaws.com", name, **record))
    assert not guard(*OWN).is_own(event({"type": "IAMUser"}, **call(name, **record)))
    delete = name.partition(":")[0] + ":DeleteEverything"
    assert not guard(*OWN).is_own(by_service(service, delete, **record))


@pytest.mark.parametrize(
    ("service", "name", "record"),
    [
        # Attack 3: any parameter may hold the ARN of a destination.
        (
            "ec2.amazonaws.com",
            "sts:AssumeRole",
            {"requestParameters": {"roleArn": "arn:aws:iam::111122223333:role/x", "externalId": STREAM}},
        ),
        (
            "events.amazonaws.com",
            "sts:AssumeRole",
            {"requestParameters": {"roleArn": "arn:aws:iam::111122223333:role/x", "externalId": ROLE}},
        ),
        (
            "s3.amazonaws.com",
            "s3:DeleteObject",
            {"requestParameters": {"bucketName": "trail-logs", "key": "a"}},
        ),
        (
            "s3.amazonaws.com",
            "s3:LifecycleExpiration:DeleteObject",
            {"resources": [{"ARN": f"{BUCKET}/a"}, {"ARN": BUCKET}]},
        ),
        ("kms.amazonaws.com", "kms:DisableKey", {"resources": [{"ARN": KMS_KEY}]}),
        ("events.amazonaws.com", "sqs:PurgeQueue", {"requestParameters": {"queueUrl": QUEUE_URL}}),
        (
            "events.amazonaws.com",
            "sqs:SendMessage",
            {"requestParameters": {"queueUrl": QUEUE_URL + "2", "messageBody": QUEUE}},
        ),
        (
            "events.amazonaws.com",
            "sqs:SendMessage",
            {"requestParameters": {"queueUrl": QUEUE_URL}, "resources": [{"ARN": QUEUE + "2"}]},
        ),
        (
            "events.amazonaws.com",
            "sqs:SendMessage",
            {"requestParameters": {"comment": QUEUE}, "resources": None},
        ),
        (
            "autoscaling.amazonaws.com",
            "kms:Decrypt",
            {"requestParameters": {"encryptionContext": {"aws:sqs:arn": QUEUE}}},
        ),
        ("lambda.amazonaws.com", "lambda:Invoke", {"requestParameters": {"functionName": f"{NAME}-other"}}),
        (
            "sns.amazonaws.com",
            "sqs:SendMessage",
            {
                "requestParameters": {"queueUrl": QUEUE_URL},
                "recipientAccountId": "4",
                "awsRegion": "us-east-1",
                "resources": [{"ARN": QUEUE.replace("eu", "us")}],
            },
        ),
    ],
    ids=str,
)
def test_services_that_mention_own_resources(service: str, name: str, record: dict[str, Any]) -> None:
    """A service's event that only names the pipeline's ARNs, or does something else, is forwarded."""
    assert guard(*OWN).author(by_service(service, name, **record)) is Author.OTHERS


def test_keys_used_with_the_own_role() -> None:
    """A service that uses a key with the function's role, for a resource of the pipeline, is own."""
    known = guard(*OWN)
    context = {"requestParameters": {"encryptionContext": {"aws:kinesis:arn": STREAM}}}
    via = identity(invokedBy="kinesis.amazonaws.com")
    assert known.is_own(event(via, **call("kms:GenerateDataKey", **context)))
    assert not known.is_own(event(identity(), **call("kms:GenerateDataKey", **context)))
    assert not known.is_own(event(via, **call("kms:ScheduleKeyDeletion", **context)))
    other = {"requestParameters": {"encryptionContext": {"aws:kinesis:arn": OTHER}}}
    assert not known.is_own(event(via, **call("kms:GenerateDataKey", **other)))


def test_the_functions_environment_is_decrypted_with_its_role() -> None:
    """Lambda decrypts the function's environment with the function's role: own, for this function alone."""
    for arn, own in ((FUNCTION, True), (FUNCTION + "-other", False)):
        record = {"requestParameters": {"encryptionContext": {"aws:lambda:FunctionArn": arn}}}
        assert guard(ROLE).is_own(event(identity(), **call("kms:Decrypt", **record))) is own
        assert not guard(ROLE).is_own(event(identity(), **call("kms:GenerateDataKey", **record)))


def test_a_service_that_delivers_with_an_own_role() -> None:
    """EventBridge sending with a role of ``own_arns`` to the own queue is own; code is not."""
    known = guard(ROLE, QUEUE)
    sending = call("sqs:SendMessage", requestParameters={"queueUrl": QUEUE_URL})
    assert known.is_own(event(identity(invokedBy="events.amazonaws.com"), **sending))
    assert known.is_own(event(identity(), **sending, sourceIPAddress="events.amazonaws.com"))
    assert known.author(event(identity(), **sending, sourceIPAddress="203.0.113.7")) is Author.UNUSUAL_SELF


# Sources that only payloads name.

POLLING = call("sqs:ReceiveMessage", requestParameters={"queueUrl": QUEUE_URL})


def learned(known: SelfGuard, arn: str) -> SelfGuard:
    """The guard after a payload that names a source."""
    parsed = Arn.parse(arn)
    known.learn_source(parsed, reading_calls(parsed))
    return known


def test_polling_of_the_source_that_lambda_names() -> None:
    """Without a queue in ``own_arns``, polling the queue of the payload counts as own, and only polling."""
    known = learned(guard(ROLE), QUEUE)
    assert known.is_own(event(identity(), **POLLING))
    sending = {**POLLING, "eventName": "SendMessage"}
    assert not known.is_own(event(identity(), **sending))
    assert not known.is_own(event(identity(role="admin"), **POLLING))
    assert not known.is_own(by_service("sns.amazonaws.com", "sqs:SendMessage", resources=[{"ARN": QUEUE}]))


def test_payloads_teach_nothing_where_the_source_is_configured() -> None:
    """A queue or stream in ``own_arns`` is the only source: whoever invokes the function adds none."""
    known = learned(guard(ROLE, STREAM), QUEUE)
    assert not known.is_own(event(identity(), **POLLING))


def test_payloads_teach_a_few_sources_of_the_own_account_and_region() -> None:
    """Another account's or Region's queue is not learned, and at most eight are."""
    for foreign in (QUEUE.replace(ACCOUNT, "123456789012"), QUEUE.replace("eu-west-1", "us-east-1")):
        known = learned(guard(ROLE), foreign)
        region, account = foreign.split(":")[3:5]
        request = {"resources": [{"ARN": foreign}], "awsRegion": region, "recipientAccountId": account}
        assert not known.is_own(event(identity(), **call("sqs:ReceiveMessage", **request)))
    known = guard(ROLE)
    for number in range(20):
        learned(known, f"{QUEUE}-{number}")
    own = [
        number
        for number in range(20)
        if known.is_own(
            event(identity(), **call("sqs:ReceiveMessage", resources=[{"ARN": f"{QUEUE}-{number}"}]))
        )
    ]
    assert own == list(range(8))


# Configurations.

GROUPS = f"arn:aws:ec2:eu-west-1:{ACCOUNT}:security-group/*"
TOML = f"""
own_arns = ["{ROLE}", "{QUEUE}", "{BUCKET}"]
retry_queue = "{QUEUE}-retries"
dead_letter = "{QUEUE}-dead"
own_calls = [
    {{ call = "ec2:RevokeSecurityGroupIngress", resource = "{GROUPS}" }},
    {{ call = "ec2:DescribeSecurityGroups", resource = "*" }},
]

[sinks.stream]
to = "{STREAM}"

[sinks.siem]
to = "https://siem.example.com/in"
auth = {{ type = "bearer", secret = "{SECRET}#token" }}

[sinks.lake]
to = "s3://lake/security?region=eu-west-1"
"""


@pytest.fixture(name="configured")
def _configured() -> SelfGuard:
    environ = {"TRAILFORWARD_CONFIG": "ssm:/trailforward/config", "AWS_REGION": "eu-west-1"}
    made = build_guard(Config.from_toml(TOML), environ)
    made.learn(FUNCTION)
    return made


@pytest.mark.parametrize(
    ("name", "record", "author"),
    [
        ("sqs:SendMessageBatch", {"resources": [{"ARN": f"{QUEUE}-dead"}]}, Author.PIPELINE),
        ("sqs:SendMessageBatch", {"resources": [{"ARN": f"{QUEUE}-retries"}]}, Author.PIPELINE),
        ("sqs:ReceiveMessage", {"resources": [{"ARN": f"{QUEUE}-retries"}]}, Author.PIPELINE),
        ("sqs:ReceiveMessage", {"resources": [{"ARN": f"{QUEUE}-dead"}]}, Author.UNUSUAL_SELF),
        ("sqs:DeleteMessageBatch", {"requestParameters": {"queueUrl": QUEUE_URL}}, Author.PIPELINE),
        ("sqs:SendMessageBatch", {"requestParameters": {"queueUrl": QUEUE_URL}}, Author.UNUSUAL_SELF),
        ("secretsmanager:GetSecretValue", {"requestParameters": {"secretId": SECRET}}, Author.PIPELINE),
        (
            "secretsmanager:GetSecretValue",
            {"requestParameters": {"secretId": SECRET + "2"}},
            Author.UNUSUAL_SELF,
        ),
        ("ssm:GetParameter", {"requestParameters": {"name": "/trailforward/config"}}, Author.PIPELINE),
        ("ssm:GetParameter", {"requestParameters": {"name": "/prod/password"}}, Author.UNUSUAL_SELF),
        (
            "ssm:GetParameters",
            {"requestParameters": {"names": ["/trailforward/config"]}},
            Author.UNUSUAL_SELF,
        ),
        (
            "s3:PutObject",
            {"requestParameters": {"bucketName": "lake", "key": "security/2026/x.gz"}},
            Author.PIPELINE,
        ),
        (
            "s3:PutObject",
            {"resources": [{"ARN": "arn:aws:s3:::lake/security/x"}, {"ARN": "arn:aws:s3:::lake"}]},
            Author.PIPELINE,
        ),
        (
            "s3:PutObject",
            {"requestParameters": {"bucketName": "lake", "key": "other/x.gz"}},
            Author.UNUSUAL_SELF,
        ),
        (
            "s3:GetObject",
            {"requestParameters": {"bucketName": "lake", "key": "security/x.gz"}},
            Author.UNUSUAL_SELF,
        ),
        (
            "s3:GetObject",
            {"requestParameters": {"bucketName": "trail-logs", "key": "AWSLogs/x.gz"}},
            Author.PIPELINE,
        ),
        (
            "s3:GetObject",
            {"requestParameters": {"bucketName": "trail-logs-2", "key": "x"}},
            Author.UNUSUAL_SELF,
        ),
        ("ec2:RevokeSecurityGroupIngress", {"requestParameters": {"groupId": "sg-1"}}, Author.PIPELINE),
        (
            "ec2:RevokeSecurityGroupIngress",
            {"requestParameters": {"groupId": "sg-1"}, "awsRegion": "us-east-1"},
            Author.UNUSUAL_SELF,
        ),
        (
            "ec2:AuthorizeSecurityGroupIngress",
            {"requestParameters": {"groupId": "sg-1"}},
            Author.UNUSUAL_SELF,
        ),
        ("ec2:DescribeSecurityGroups", {"requestParameters": {}}, Author.PIPELINE),
        (
            "logs:PutLogEvents",
            {"requestParameters": {"logGroupName": f"/aws/lambda/{NAME}"}},
            Author.PIPELINE,
        ),
        (
            "logs:DeleteLogGroup",
            {"requestParameters": {"logGroupName": f"/aws/lambda/{NAME}"}},
            Author.UNUSUAL_SELF,
        ),
    ],
    ids=str,
)
def test_a_configuration_is_the_list(
    configured: SelfGuard, name: str, record: dict[str, Any], author: Author
) -> None:
    """The calls of sinks, queues, secrets, sources, and ``own_calls`` are own on exactly their resources."""
    assert configured.author(event(identity(), **call(name, **record))) is author


def test_samples() -> None:
    """Of all sample events, one is caused by trailforward's own function, and only that is filtered."""
    stream = "arn:aws:kinesis:us-west-2:123456789012:stream/trailforward-demo"
    role = "arn:aws:iam::123456789012:role/trailforward-demo-role"
    known = build_guard(Config.to(stream, own_arns=[role]))
    own = [name for name in samples.names() if known.is_own(json.loads(samples.load(name)))]
    assert own == ["own-put-records"]


# Anything at all.

WORDS = st.sampled_from(
    [
        *(ROLE, FUNCTION, STREAM, QUEUE, KEY, NAME, BUCKET, KMS_KEY, "", "arn:"),
        *("AssumedRole", "AWSService", "lambda.amazonaws.com", "events.amazonaws.com"),
        *(f"{service}.amazonaws.com" for service in ("sqs", "kms", "sts", "s3", "kinesis", "ssm", "events")),
        *("SendMessage", "Decrypt", "AssumeRole", "PutObject", "PutRecords", "GetParameters", "PutEvents"),
    ]
)
NAMES = st.sampled_from(
    [
        *(
            "type",
            "arn",
            "accessKeyId",
            "sessionContext",
            "sessionIssuer",
            "inScopeOf",
            "credentialsIssuedTo",
        ),
        *("invokedBy", "requestParameters", "roleArn", "roleSessionName", "resources", "ARN", "queueUrl"),
        *(
            "streamName",
            "functionName",
            "encryptionContext",
            "awsRegion",
            "userIdentity",
            "bucketName",
            "key",
        ),
        *("eventSource", "eventName", "errorCode", "names", "entries", "eventBusName", "sourceIPAddress"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@given(VALUES, VALUES, VALUES, WORDS, WORDS)
def test_any_json(detail: Any, who: Any, request: Any, source: str, name: str) -> None:
    """No event, however malformed, makes the guard fail."""
    if isinstance(detail, dict):
        detail |= {"userIdentity": who, "requestParameters": request}
        detail.setdefault("eventSource", source)
        detail.setdefault("eventName", name)
    if isinstance(who, dict):
        who.setdefault("type", "AWSService")
        who.setdefault("invokedBy", "events.amazonaws.com")
    assert guard(*OWN, access_key_id=KEY).author({"detail": detail, "source": who}) in Author


@pytest.mark.parametrize("arn", [None, "", "x", 5, f"arn:aws:sts::{ACCOUNT}:federated-user/{NAME}"])
def test_sessions_that_tell_no_role(arn: Any) -> None:
    """A session without a readable role is nobody's we know."""
    assert guard(ROLE).author(event({"type": "AssumedRole", "arn": arn}, **PUT)) is Author.OTHERS


def test_long_texts_are_not_remembered() -> None:
    """Events may contain strings of any length; the guard's memory of them stays small."""
    known = guard(ROLE)
    before = own_calls._parsed.cache_info().currsize
    long = "arn:aws:iam::111122223333:role/" + "x" * 100_000
    who = {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": long}}, "arn": long}
    assert known.author(event(who)) is Author.OTHERS
    assert own_calls._parsed.cache_info().currsize == before
    assert own_calls._parsed.cache_info().maxsize == 1_024


BUS = f"arn:aws:events:us-west-2:{ACCOUNT}:event-bus/security"


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({}, True),
        ({"source": "aws.ec2"}, False),
        ({"source": None}, False),
        ({"detail-type": "AWS API Call via CloudTrail"}, False),
        ({"detail-type": None}, False),
        ({"resources": [BUS.replace("security", "other")]}, False),
        ({"resources": []}, False),
        ({"resources": [BUS, BUS]}, False),
        ({"resources": ["x"]}, False),
        ({"resources": None}, False),
    ],
    ids=repr,
)
def test_an_event_that_a_sink_put_on_its_bus_is_own(changes: dict[str, Any], *, own: bool) -> None:
    """An event with the sink's source and detail type on the sink's bus has been forwarded already."""
    guard = build_guard(Config.from_toml(f'[sinks.bus]\nto = "{BUS}"\n'))
    put = {
        "source": "trailforward",
        "detail-type": "CloudTrail Event by trailforward",
        "resources": [BUS],
        "detail": {},
    }
    assert guard.is_own({**put, **changes}) is own
