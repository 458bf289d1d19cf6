"""Policies: statements, principals, conditions and selectors, evaluated as AWS does."""

from typing import Any

import pytest

from tests.doctor.worlds import HERE, HOME, MEMBER, QUEUE, ROLE, ask, direct
from trailforward.doctor.delivery.policies import policy_allows
from trailforward.doctor.delivery.request import Request
from trailforward.doctor.delivery.ternary import every, negate, some
from trailforward.doctor.delivery.wildcards import like

RULE_ARN = f"arn:aws:events:{HERE}:{MEMBER}:rule/tf"
SERVICE = Request(
    "events.amazonaws.com", "sqs:SendMessage", QUEUE, {"aws:sourcearn": RULE_ARN, "aws:sourceaccount": MEMBER}
)
BY_ROLE = Request(ROLE, "sqs:SendMessage", QUEUE, {"aws:principalorgid": "o-1"})
ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
DENY = ALLOW | {"Effect": "Deny"}


@pytest.mark.parametrize(
    ("request_", "statement", "expected"),
    [
        (SERVICE, {}, True),
        (SERVICE, {"Action": ["sqs:ReceiveMessage", "SQS:Send*"]}, True),
        (SERVICE, {"Action": "sqs:ReceiveMessage"}, False),
        (SERVICE, {"Action": None, "NotAction": "sqs:ReceiveMessage"}, True),
        (SERVICE, {"Action": None, "NotAction": "sqs:*"}, False),
        (SERVICE, {"Resource": f"arn:aws:sqs:*:{MEMBER}:i?"}, True),
        (SERVICE, {"Resource": None}, True),
        (SERVICE, {"Resource": None, "NotResource": QUEUE}, False),
        (SERVICE, {"Resource": 7}, False),
        (SERVICE, {"Effect": "Perhaps"}, False),
        (SERVICE, {"Principal": {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}}, True),
        (SERVICE, {"Principal": {"Service": "sns.amazonaws.com"}}, False),
        (SERVICE, {"Principal": {"AWS": "*"}}, True),
        (SERVICE, {"Principal": {"AWS": MEMBER}}, False),
        (SERVICE, {"Principal": ["*"]}, True),
        (SERVICE, {"Principal": None, "NotPrincipal": {"AWS": MEMBER}}, True),
        (BY_ROLE, {"Principal": {"AWS": MEMBER}}, True),
        (BY_ROLE, {"Principal": {"AWS": [f"arn:aws:iam::{MEMBER}:root"]}}, True),
        (BY_ROLE, {"Principal": {"AWS": ROLE}}, True),
        (BY_ROLE, {"Principal": {"AWS": ROLE + "x"}}, False),
        (BY_ROLE, {"Principal": {"Service": "events.amazonaws.com"}}, False),
    ],
)
def test_elements(request_: Request, statement: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    """Principal, action and resource elements are evaluated as IAM does, in every form."""
    merged = {key: value for key, value in {**ALLOW, **statement}.items() if value is not None}
    assert policy_allows([merged], request_, needs_allow=True) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {"aws:SourceAccount": MEMBER}}, True),
        ({"StringEquals": {"AWS:sourceaccount": ["1", MEMBER]}}, True),
        ({"StringEquals": {"aws:SourceAccount": "1"}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": "1"}}, True),
        ({"StringEqualsIgnoreCase": {"aws:SourceArn": RULE_ARN.upper()}}, True),
        ({"StringLike": {"aws:SourceArn": "arn:aws:events:*"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:*:rule/t?"}}, True),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:events:*"}}, False),
        ({"ForAnyValue:StringEquals": {"aws:SourceAccount": MEMBER}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}, False),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, False),
        ({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, True),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, True),
        ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, True),
        ({"Null": {"aws:SourceArn": "false"}}, True),
        ({"Null": {"aws:SourceArn": True}}, False),
        ({"Null": {"aws:SourceVpce": "true"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}, None),
        ({"NumericLessThan": {"aws:SourceAccount": 7}}, None),
        ({"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}}, None),
        ({"StringEquals": {"aws:SourceOrgID": "o-1"}}, None),
        ({"StringEquals": {"aws:SourceOrgID": "o-1", "aws:SourceAccount": "1"}}, False),
        ({"StringEquals": "oops"}, None),
        ("oops", None),
        ({}, True),
    ],
)
def test_conditions(condition: Any, expected: bool | None) -> None:  # noqa: FBT001
    """Conditions hold, fail, or are unknown; unknown is never an allow."""
    assert policy_allows([ALLOW | {"Condition": condition}], SERVICE, needs_allow=True) is expected


def test_decision() -> None:
    """Deny overrides allow; no statement is enough only if no allow is needed; unknown stays unknown."""
    perhaps = {"Condition": {"StringEquals": {"aws:SourceOrgID": "o-1"}}}
    assert policy_allows([ALLOW, DENY], SERVICE, needs_allow=True) is False
    assert policy_allows([DENY], SERVICE, needs_allow=False) is False
    assert policy_allows([], SERVICE, needs_allow=False) is True
    assert policy_allows([], SERVICE, needs_allow=True) is False
    assert policy_allows([ALLOW, DENY | perhaps], SERVICE, needs_allow=True) is None
    assert policy_allows([DENY | perhaps], SERVICE, needs_allow=True) is False
    assert policy_allows([ALLOW, ALLOW | perhaps], SERVICE, needs_allow=True) is True


def test_wildcards() -> None:
    """Only IAM's two wildcards are special."""
    assert like("a*c", "a/b\nc")
    assert like("a?c", "abc")
    assert not like("a?c", "ac")
    assert not like("[ab].c", "axc")


def test_three_valued_logic() -> None:
    """Three-valued logic follows Kleene's rules."""
    assert (every([True, None]), every([None, False]), every([])) == (None, False, True)
    assert (some([False, None]), some([None, True]), some([])) == (None, True, False)
    assert negate(None) is None


OBJECT = [{"type": "AWS::S3::Object", "arn": "arn:aws:s3:::pay/2026/1.csv"}]
FUNCTION = [{"type": "AWS::Lambda::Function", "arn": f"arn:aws:lambda:{HERE}:{MEMBER}:function:f"}]


def data(kind: str, *values: str, **more: Any) -> dict[str, Any]:
    """A basic selector of data events only."""
    resources = [{"Type": kind, "Values": list(values)}]
    return {"basic": [{"IncludeManagementEvents": False, "DataResources": resources, **more}]}


def fields(*selectors: dict[str, Any], category: str = "Data") -> dict[str, Any]:
    """One advanced selector for a category."""
    return {"advanced": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": [category]}, *selectors]}]}


def arn(**operators: list[str]) -> dict[str, Any]:
    """A field selector for the resource's ARN."""
    return {"Field": "resources.ARN", **operators}


@pytest.mark.parametrize(
    ("selectors", "resources", "taken"),
    [
        (data("AWS::S3::Object", "arn:aws:s3"), OBJECT, True),
        (data("AWS::S3::Object", "arn:aws:s3:::pay/2025"), OBJECT, False),
        (data("AWS::S3::Object", "arn:aws:s3", ReadWriteType="ReadOnly"), OBJECT, False),
        (data("AWS::S3::Object", "arn:aws:s3", ReadWriteType="WriteOnly"), OBJECT, True),
        (data("AWS::S3::Object", "arn:aws:s3"), FUNCTION, False),
        (data("AWS::Lambda::Function", "arn:aws:lambda"), FUNCTION, True),
        (data("AWS::Lambda::Function", FUNCTION[0]["arn"]), FUNCTION, True),
        (data("AWS::Lambda::Function", FUNCTION[0]["arn"][:-1]), FUNCTION, False),
        (data("AWS::S3::Object", "arn:aws:s3", Novelty=1), OBJECT, None),
        (data("AWS::S3::Object", "arn:aws:s3:::x", Novelty=1), OBJECT, False),
        (fields(arn(StartsWith=["arn:aws:s3:::x", "arn:aws:s3:::pay"])), OBJECT, True),
        (fields(arn(EndsWith=[".csv"])), OBJECT, True),
        (fields(arn(EndsWith=[".txt"])), OBJECT, False),
        (fields(arn(NotStartsWith=["arn:aws:s3:::x"])), OBJECT, True),
        (fields(arn(NotStartsWith=["arn:aws:s3:::x", "arn:aws:s3:::pay"])), OBJECT, False),
        (fields(arn(NotEndsWith=[".csv"])), OBJECT, False),
        (fields(arn(StartsWith=["arn:aws:s3:::pay"], NotEndsWith=[".txt"])), OBJECT, True),
        (fields(arn(NotEquals=["x"])), [], None),
        (fields({"Field": "readOnly", "Equals": ["false"]}), OBJECT, True),
        (fields({"Field": "userIdentity.type", "NotEquals": ["AWSService"]}), OBJECT, True),
        (fields({"Field": "vpcEndpointId", "NotEquals": ["x"]}), OBJECT, None),
        (fields(arn(Regex=[".*"])), OBJECT, None),
        (fields(category="Management"), OBJECT, False),
        ({"advanced": [{"Name": "empty"}]}, OBJECT, False),
    ],
)
def test_selectors(selectors: dict[str, Any], resources: list[Any], taken: bool | None) -> None:  # noqa: FBT001
    """Selectors match data events as in CloudTrail; unknown operators give unknown."""
    world = direct()
    world["trails"][0]["selectors"] = selectors
    verdict = ask(world, category="Data", resources=resources)
    code = {True: "OK", False: "SELECTOR_EXCLUDES", None: "NOT_UNDERSTOOD"}[taken]
    assert verdict.code == code


def test_selector_words() -> None:
    """For an event that no trail selects, the finding names its kind and the trails."""
    verdict = ask(direct(), category="Data", resources=OBJECT)
    assert verdict.why == (
        f"The event selectors of the trails in {HERE} of account {MEMBER} exclude the event: "
        "no running trail (main) selects write Data events (AWS::S3::Object) of ec2.amazonaws.com."
    )
    assert HOME not in verdict.why
