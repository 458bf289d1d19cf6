"""The package's tables: findings, global services, sign-ins, event classes, links."""

import json
import string
from typing import Any

import pytest

from tests.doctor.worlds import HERE, HOME, MEMBER, RULE_AT, ask, direct, rule, said
from trailforward.doctor import (
    CLASSES,
    Call,
    World,
    global_services,
    load_codes,
    reach,
    sign_in_regions,
    sign_ins,
)
from trailforward.doctor.world.links import describe
from trailforward.patterns import Pattern


def test_codes() -> None:
    """Every code has a kind, a severity, evidence, a reason, a fix and a source."""
    for code in load_codes().values():
        assert code.kind in {"ok", "break", "unknown", "warning", "note"}, code
        assert code.severity in {"critical", "warn", "info"}, code
        assert code.evidence in {"documented", "measured", "inferred", "uncertain"}, code
        assert code.why.endswith("."), code
        assert code.fix, code
        assert code.source.startswith("https://"), code
        assert (code.kind == "unknown") <= (code.evidence == "uncertain"), code


def test_templates() -> None:
    """The templates in the table use only plain field names."""
    for code in load_codes().values():
        named = [field for _, field, *_ in string.Formatter().parse(code.why + code.fix) if field is not None]
        assert all(field.isidentifier() for field in named), code


@pytest.mark.parametrize(
    ("fields", "region"),
    [
        ({"service": "iam.amazonaws.com"}, HOME),
        ({"service": "sts.amazonaws.com", "endpoint": "global"}, HOME),
        ({"service": "sts.amazonaws.com", "endpoint": "regional"}, HERE),
        ({"service": "sts.amazonaws.com"}, HERE),
        ({"service": "globalaccelerator.amazonaws.com"}, "us-west-2"),
        ({"service": "ec2.amazonaws.com"}, HERE),
        ({"service": "sso.amazonaws.com"}, HERE),
    ],
)
def test_recording_region(fields: dict[str, Any], region: str) -> None:
    """An event arrives at the bus of the Region that AWS documents as recording it."""
    world = {"accounts": {MEMBER: {HERE: "ENABLED", HOME: "ENABLED", "us-west-2": "ENABLED"}}}
    assert said(ask(world, **fields)) == (False, "NO_TRAIL", f"trails:{MEMBER}/{region}")


def test_uncertain_region() -> None:
    """If the recording Region is not documented, the result is unknown and names that Region."""
    verdict = ask(direct(), service="shield.amazonaws.com", source="aws.shield")
    assert said(verdict) == ("unknown", "EVENT_REGION_UNCERTAIN", f"region:{MEMBER}/{HERE}")
    assert "believed to record its calls in us-east-1" in verdict.why
    there = ask(direct(), service="shield.amazonaws.com", region=HOME)
    assert said(there) == (False, "NO_RULE", f"bus:{MEMBER}/{HOME}/default")


@pytest.mark.parametrize(
    ("partition", "region", "home"),
    [("aws-us-gov", "us-gov-east-1", "us-gov-west-1"), ("aws-cn", "cn-northwest-1", "cn-north-1")],
)
def test_other_partitions(partition: str, region: str, home: str) -> None:
    """In other partitions, IAM's Region is uncertain, and ARNs of rules have the partition."""
    queue = f"arn:{partition}:sqs:{region}:{MEMBER}:in"
    condition = {"ArnEquals": {"aws:SourceArn": f"arn:{partition}:events:{region}:{MEMBER}:rule/tf"}}
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "*",
        "Resource": queue,
        "Condition": condition,
    }
    world = direct(
        queue,
        accounts={MEMBER: {region: "ENABLED"}},
        rules=[rule(queue, region=region)],
        resources=[{"arn": queue, "policy": [statement]}],
    )
    assert ask(world, region=region).code == "OK"
    verdict = ask(world, region=region, service="iam.amazonaws.com")
    assert verdict.code == "EVENT_REGION_UNCERTAIN"
    assert home in verdict.why


def test_global_services() -> None:
    """Every row about a global service has evidence and a source."""
    rows = global_services()
    assert {row.service for row in rows if row.evidence == "documented"} == {
        f"{name}.amazonaws.com"
        for name in ("iam", "cloudfront", "route53", "organizations", "sts", "globalaccelerator")
    }
    assert {row.evidence for row in rows} == {"documented", "uncertain"}
    assert all(row.source for row in rows)


def test_sign_in_regions() -> None:
    """Five Regions need a check for sign-ins at global endpoints."""
    assert sign_in_regions() == ("ap-southeast-2", "eu-north-1", "us-east-1", "us-east-2", "us-west-2")
    assert [row.who for row in sign_ins()] == ["root user", "IAM user", "IAM user", "IAM user"]


def test_classes() -> None:
    """The nine classes of events have distinct results with an ordinary trail and rule."""
    world = World.model_validate(direct())
    codes = {kind.name: reach(world, kind.call(MEMBER, HERE)).code for kind in CLASSES}
    assert codes == {
        "write": "OK",
        "read": "RULE_STATE_READONLY",
        "kms-read": "RULE_STATE_READONLY",
        "sign-in": "OK",
        "global": "GLOBAL_ONLY_US_EAST_1",
        "data": "SELECTOR_EXCLUDES",
        "service": "OK",
        "insight": "SELECTOR_EXCLUDES",
        "network": "SELECTOR_EXCLUDES",
    }


def test_class_with_other_resources() -> None:
    """A class's example call can have other resources."""
    kind = next(kind for kind in CLASSES if kind.name == "data")
    asked = kind.call(MEMBER, HERE, resources=[{"type": "AWS::S3::Object", "arn": "arn:aws:s3:::pay/1"}])
    assert asked.event(HERE)["detail"]["resources"] == [
        {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::pay/1"}
    ]
    assert asked.name == "s3:PutObject"


def test_source_by_default() -> None:
    """A call without a source gets its service's source."""
    event = Call(account=MEMBER, region=HERE, service="iam.amazonaws.com", event_name="CreateUser").event(
        HOME
    )
    assert event["source"] == "aws.iam"
    assert "readOnly" not in event["detail"]


@pytest.mark.parametrize(
    ("link", "text"),
    [
        (RULE_AT, f"rule tf (default bus, {HERE}, account {MEMBER})"),
        (
            f"rule:{MEMBER}/{HERE}/aws.partner/x/1/tf",
            f"rule tf (bus aws.partner/x/1, {HERE}, account {MEMBER})",
        ),
        (f"target:{MEMBER}/{HERE}/b/tf/t1", f"target t1 of rule tf (bus b, {HERE}, account {MEMBER})"),
        (f"bus:{MEMBER}/{HERE}/default", f"default bus in {HERE} of account {MEMBER}"),
        (f"trail:{MEMBER}/{HERE}/main", f"trail main of account {MEMBER} (home {HERE})"),
        (f"putevents:{MEMBER}/{HERE}", f"PutEvents in {HERE} of account {MEMBER}"),
        ("role:arn", "role arn"),
    ],
)
def test_links_have_descriptions(link: str, text: str) -> None:
    """Every link has a description."""
    assert describe(link) == text


OWN_QUEUE = f"arn:aws:sqs:{HERE}:{MEMBER}:in"


@pytest.mark.parametrize(
    ("resource", "request_", "own"),
    [
        (OWN_QUEUE, {"queueUrl": f"https://sqs.{HERE}.amazonaws.com/{MEMBER}/in"}, True),
        (OWN_QUEUE, {"queueUrl": f"https://sqs.{HERE}.amazonaws.com/{MEMBER}/other"}, False),
        (OWN_QUEUE, {"queueUrl": 7}, False),
        (OWN_QUEUE, {"encryptionContext": {"aws:sqs:arn": OWN_QUEUE, "n": 1}}, True),
        (OWN_QUEUE, {"encryptionContext": "x"}, False),
        (f"arn:aws:lambda:{HERE}:{MEMBER}:function:f", {"functionName": "f"}, True),
        (
            f"arn:aws:lambda:{HERE}:{MEMBER}:function:f",
            {"functionName": f"arn:aws:lambda:{HERE}:{MEMBER}:function:f"},
            True,
        ),
        (f"arn:aws:logs:{HERE}:{MEMBER}:log-group:/aws/lambda/f", {"logGroupName": "/aws/lambda/f"}, True),
        (f"arn:aws:kinesis:{HERE}:{MEMBER}:stream/s", {"streamName": "t"}, False),
    ],
)
def test_own_resources(resource: str, request_: dict[str, Any], own: bool) -> None:  # noqa: FBT001
    """A service's call on one of the pipeline's resources is recognized by ARN, URL or name."""
    world = direct(own={"resources": [resource]})
    asked = {"identity": {"type": "AWSService"}, "requestParameters": request_}
    loops = [warning for warning in ask(world, **asked).warnings if warning.code == "LOOP_RISK"]
    assert bool(loops) is own
    person = ask(world, **asked | {"identity": {"type": "IAMUser", "sessionContext": None}})
    assert "LOOP_RISK" not in {warning.code for warning in person.warnings}


def test_loop_finding() -> None:
    """The loop finding has the reason, the effect, and the exclusion that prevents it."""
    world = direct(own={"roles": ["arn:aws:iam::1:role/own"]})
    session = {"sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/own"}}}
    sent = ask(world, identity=session, eventName="PutRecords")
    loop = next(item for item in sent.warnings if item.code == "LOOP_RISK")
    assert "made with the role arn:aws:iam::1:role/own" in loop.why
    assert '{"exists": false}' in loop.fix
    pattern = json.loads("{" + loop.fix.partition("role: ")[2].removesuffix(".") + "}")
    assert Pattern({"detail": pattern}).matches(
        {"detail": {"eventName": "StopLogging", "userIdentity": session}}
    )
    own = {"eventName": "PutRecords", "userIdentity": session}
    assert not Pattern({"detail": pattern}).matches({"detail": own})


def test_what_the_pipeline_never_calls_is_not_a_loop() -> None:
    """StopLogging with the function's role is a thief's: nobody is advised to leave it out."""
    world = direct(own={"roles": ["arn:aws:iam::1:role/own"]})
    session = {"sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/own"}}}
    verdict = ask(world, identity=session, eventName="StopLogging")
    assert "LOOP_RISK" not in {warning.code for warning in verdict.warnings}
