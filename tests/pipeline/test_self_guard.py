"""Events that the forwarder caused are recognised, without configuration; nobody else's are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.pipeline import self_guard
from trailforward.pipeline.self_guard import SelfGuard
from trailforward.testing import samples

ACCOUNT = "111122223333"
NAME = "trailforward"
FUNCTION = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{NAME}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/forwarder"
KEY = "ASIAIOSFODNN7EXAMPLE"
STREAM = f"arn:aws:kinesis:us-west-2:{ACCOUNT}:stream/cloudsec"
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:trailforward"


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


def session(
    role: str = "forwarder", name: str = NAME, account: str = ACCOUNT, *, issuer: bool = True, **more: Any
) -> dict[str, Any]:
    """The event of a role's session."""
    identity = {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        "accessKeyId": "ASIAOTHEROTHEROTHER0",
        **more,
    }
    if issuer:
        arn = f"arn:aws:iam::{account}:role/service-role/{role}"
        identity["sessionContext"] = {"sessionIssuer": {"type": "Role", "arn": arn}}
    return event(identity)


def by_service(service: str = "kinesis.amazonaws.com", **record: Any) -> dict[str, Any]:
    """The event of a service that acts for somebody."""
    return event({"type": "AWSService", "invokedBy": service}, **record)


def in_lambda(role: tuple[str, str] | None = None, **arguments: Any) -> SelfGuard:
    """The guard of a function without configuration; ``role`` is what STS answers."""
    guard = SelfGuard(function_name=NAME, access_key_id=KEY, ask_role=lambda: role, **arguments)
    guard.learn(FUNCTION)
    return guard


@pytest.mark.parametrize("issuer", [True, False])
def test_sessions_of_an_own_role(*, issuer: bool) -> None:
    """All sessions of a configured role are own, with or without its path, whatever the session's name."""
    guard = SelfGuard(own_arns=[ROLE])
    assert guard.is_own(session(name="any", issuer=issuer))
    assert not guard.is_own(session(role="other", issuer=issuer))
    assert not guard.is_own(session(account="123456789012", issuer=issuer))


def test_the_key_the_function_runs_with() -> None:
    """The access key of our own environment proves the event ours."""
    assert in_lambda().is_own(session(role="any", name="any", accessKeyId=KEY))
    assert not SelfGuard().is_own(session(accessKeyId=""))


@pytest.mark.parametrize("qualifier", ["", ":live", ":7"])
def test_credentials_issued_to_the_function(qualifier: str) -> None:
    """``inScopeOf`` that names our function, in any version, proves the event ours."""
    guard = SelfGuard()
    guard.learn(FUNCTION + ":prod")
    scope = {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": FUNCTION + qualifier}
    assert guard.is_own(session(name="any", inScopeOf=scope))
    scope["credentialsIssuedTo"] = FUNCTION + "-other"
    assert not guard.is_own(session(name="any", inScopeOf=scope))


def test_zero_configuration() -> None:
    """A session named like the function, in its account, is own; STS is asked once, and tells the role."""
    asked = []

    def ask() -> tuple[str, str]:
        asked.append(1)
        return ACCOUNT, "forwarder"

    guard = SelfGuard(function_name=NAME, ask_role=ask)
    guard.learn(FUNCTION)
    assert not guard.is_own(session(name="somebody"))
    assert not asked
    assert guard.is_own(session())
    assert guard.is_own(session(name="another-session-of-our-role"))
    assert not guard.is_own(session(role="admin"))
    assert len(asked) == 1


def test_a_name_proves_nothing_where_the_role_is_known() -> None:
    """Naming a session of another role like the function hides nothing, if STS or ``own_arns`` tell ours."""
    assert not in_lambda((ACCOUNT, "forwarder")).is_own(session(role="admin"))
    assert not in_lambda(own_arns=[ROLE]).is_own(session(role="admin"))
    assert not in_lambda().is_own(session(role="admin", account="123456789012"))
    assert not in_lambda().is_own(session(role="admin", name=f"x-{NAME}"))


def test_where_sts_is_silent_a_loop_is_the_greater_harm() -> None:
    """Without any word of our role, a session of the function's name in its account counts as ours."""
    assert in_lambda().is_own(session(role="any"))
    assert not SelfGuard().is_own(session(role="any"))


def test_nothing_is_learnt_from_events() -> None:
    """A forged event cannot make the guard hide a role's real events."""
    guard = in_lambda((ACCOUNT, "forwarder"))
    scope = {"credentialsIssuedTo": FUNCTION}
    assert guard.is_own(session(role="admin", name="x", inScopeOf=scope))
    assert guard.is_own(session(role="admin", name="x", accessKeyId=KEY))
    assert not guard.is_own(session(role="admin", name="x"))


@pytest.mark.parametrize("service", ["lambda.amazonaws.com", "events.amazonaws.com"])
def test_services_assuming_an_own_role(service: str) -> None:
    """Lambda and EventBridge assuming a role of the pipeline is the pipeline's own doing."""
    guard = SelfGuard(own_arns=[ROLE])
    assert guard.is_own(by_service(service, requestParameters={"roleArn": ROLE}))
    assert not guard.is_own(by_service(service, requestParameters={"roleArn": ROLE + "-other"}))
    assert not guard.is_own(by_service(service, requestParameters={"roleArn": "none"}))
    assert not guard.is_own(by_service("ec2.amazonaws.com", requestParameters={"roleArn": ROLE}))
    assert not guard.is_own(by_service(service, requestParameters=None))


def test_lambda_assuming_an_unknown_role_for_the_function() -> None:
    """Lambda names the session after the function: that needs no configuration."""
    request = {"roleArn": ROLE, "roleSessionName": NAME}
    assert in_lambda().is_own(by_service("lambda.amazonaws.com", requestParameters=request))
    assert not in_lambda().is_own(by_service("events.amazonaws.com", requestParameters=request))
    other = request | {"roleArn": ROLE.replace(ACCOUNT, "123456789012")}
    assert not in_lambda().is_own(by_service("lambda.amazonaws.com", requestParameters=other))
    assert not SelfGuard().is_own(by_service("lambda.amazonaws.com", requestParameters=request))


OWN = [
    STREAM,
    QUEUE,
    FUNCTION,
    f"arn:aws:firehose:eu-west-1:{ACCOUNT}:deliverystream/lake",
    f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/k-1",
    f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/trail:*",
    "arn:aws:s3:::lake",
]


@pytest.mark.parametrize(
    "record",
    [
        {"resources": [None, {"ARN": 3}, {"ARN": "x"}, {"ARN": STREAM}]},
        {"resources": [{"ARN": "arn:aws:s3:::lake/2026/x.gz"}, {"ARN": "arn:aws:s3:::lake"}]},
        {"resources": [{"ARN": f"{FUNCTION}:live"}]},
        {"requestParameters": {"queueUrl": f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/trailforward"}},
        {"requestParameters": {"streamName": "cloudsec"}, "awsRegion": "us-west-2"},
        {"requestParameters": {"streamARN": STREAM}},
        {"requestParameters": {"deliveryStreamName": "lake"}},
        {"requestParameters": {"functionName": NAME}},
        {"requestParameters": {"functionName": f"{NAME}:live"}},
        {"requestParameters": {"functionName": f"{ACCOUNT}:function:{NAME}"}},
        {"requestParameters": {"functionName": f"{FUNCTION}:live"}},
        {"requestParameters": {"logGroupName": "/trail"}},
        {"requestParameters": {"keyId": "k-1"}},
        {"requestParameters": {"encryptionContext": {"aws:sqs:arn": QUEUE}, "keyId": "other"}},
    ],
    ids=json.dumps,
)
def test_services_touching_own_resources(record: dict[str, Any]) -> None:
    """What a service does to a queue, stream, function or key of ours is the pipeline's own doing."""
    assert SelfGuard(resources=OWN).is_own(by_service(**record))
    assert SelfGuard(own_arns=OWN).is_own(by_service(**record))
    assert not SelfGuard(own_arns=[ROLE]).is_own(by_service(**record))
    assert not SelfGuard(resources=OWN).is_own(event({"type": "IAMUser"}, **record))


@pytest.mark.parametrize(
    "record",
    [
        {"requestParameters": {"streamName": "cloudsec"}},
        {
            "requestParameters": {"streamName": "cloudsec"},
            "awsRegion": "us-west-2",
            "recipientAccountId": "4",
        },
        {"requestParameters": {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/trailforward"}},
        {"requestParameters": {"functionName": f"{NAME}-other"}},
        {"requestParameters": {"comment": "cloudsec"}},
        {"resources": [{"ARN": "arn:aws:s3:::lake-other/x"}]},
    ],
    ids=json.dumps,
)
def test_services_touching_other_resources(record: dict[str, Any]) -> None:
    """The same name in another Region or account, or a longer name, is not ours."""
    assert not SelfGuard(resources=OWN).is_own(by_service(**record))


def test_the_function_and_its_log_group_are_own() -> None:
    """Once an invocation told the function's ARN, its invocations and log streams by services are own."""
    guard = SelfGuard()
    guard.learn("not an ARN")
    guard.learn(FUNCTION)
    guard.learn(f"{FUNCTION}:live")
    assert guard.is_own(by_service(requestParameters={"functionName": NAME}))
    assert guard.is_own(by_service(requestParameters={"logGroupName": f"/aws/lambda/{NAME}"}))


def test_samples() -> None:
    """Of all sample events, one is caused by trailforward's own function, and only that is filtered."""
    guard = SelfGuard(
        function_name="trailforward-demo", ask_role=lambda: ("123456789012", "trailforward-demo-role")
    )
    own = [name for name in samples.names() if guard.is_own(json.loads(samples.load(name)))]
    assert own == ["own-put-records"]


WORDS = st.sampled_from(
    [
        ROLE,
        FUNCTION,
        STREAM,
        QUEUE,
        KEY,
        NAME,
        "AssumedRole",
        "AWSService",
        "lambda.amazonaws.com",
        "",
        "arn:",
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
        *("streamName", "functionName", "encryptionContext", "awsRegion", "userIdentity"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@given(VALUES, VALUES, VALUES)
def test_any_json(detail: Any, identity: Any, request: Any) -> None:
    """No event, however malformed, makes the guard fail."""
    if isinstance(detail, dict):
        detail |= {"userIdentity": identity, "requestParameters": request}
    if isinstance(identity, dict):
        identity.setdefault("type", "AWSService")
    assert in_lambda(own_arns=OWN).is_own({"detail": detail}) in {True, False}


@pytest.mark.parametrize("arn", [None, "", "x", 5, f"arn:aws:sts::{ACCOUNT}:federated-user/{NAME}"])
def test_sessions_that_tell_no_role(arn: Any) -> None:
    """A session without a readable role is nobody's we know."""
    assert not in_lambda(own_arns=[ROLE]).is_own(event({"type": "AssumedRole", "arn": arn}))


def test_long_texts_are_no_resources_of_ours_and_are_not_remembered() -> None:
    """Events may hold texts of any length; what the guard remembers of them stays small."""
    before = self_guard._arn.cache_info().currsize
    long = "arn:aws:iam::111122223333:role/" + "x" * 100_000
    identity = {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": long}}, "arn": long}
    assert not SelfGuard(own_arns=["arn:aws:iam::111122223333:role/x"]).is_own(
        {"source": "aws.ec2", "detail": {"userIdentity": identity}}
    )
    assert self_guard._arn.cache_info().currsize <= before + 1  # the configured one
