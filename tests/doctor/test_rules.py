"""Verdicts on rules: for which of the calls in its pattern a rule fires, and why not for the others."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doctor.worlds import (
    CENTRAL,
    HERE,
    HOME,
    HUB,
    HUB_QUEUE,
    LONG,
    MEMBER,
    QUEUE,
    ROLE,
    ask,
    resource,
    role,
    rule,
    trail,
)
from tests.doctor.worlds import direct as direct_world
from tests.doctor.worlds import hub as hub_world
from tests.support.depth import part
from tests.support.real_events import real_events
from trailforward.doctor import World
from trailforward.doctor.report import render, survey
from trailforward.doctor.rules import RuleVerdict, judge_rules
from trailforward.doctor.rules.intended import MOST_CALLS
from trailforward.doctor.rules.read_only import read_only
from trailforward.errors import PatternError
from trailforward.patterns import Pattern
from trailforward.patterns.cloudtrail import CODES

CALL = "AWS API Call via CloudTrail"
DATA = {
    "basic": [
        {"DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::logs/"]}]},
    ]
}


def judged(pattern: Any, *, world: dict[str, Any] | None = None, **more: Any) -> RuleVerdict:
    """The verdict on a rule with this pattern, which sends to a queue in its Region."""
    data = world or direct_world(rules=[rule(pattern=pattern, **more)])
    return judge_rules(World.model_validate(data))[0]


def codes(verdict: RuleVerdict) -> dict[str, str]:
    """For each call: the code of the reason, or its status."""
    return {call.call: call.finding.code if call.finding else call.status for call in verdict.calls}


def named(service: str, *names: str, **detail: Any) -> dict[str, Any]:
    """A pattern for some calls of a service."""
    return {
        "source": [f"aws.{service}"],
        "detail-type": [CALL],
        "detail": {"eventName": list(names), **detail},
    }


def test_each_call_has_its_own_verdict() -> None:
    """A rule that names two calls can fire for one of them only; the other has the reason."""
    verdict = judged(named("secretsmanager", "PutSecretValue", "GetSecretValue"))
    assert verdict.status == "partly"
    assert codes(verdict) == {
        "secretsmanager:PutSecretValue": "arrives",
        "secretsmanager:GetSecretValue": "RULE_STATE_READONLY",
    }
    assert judged(named("secretsmanager", "GetSecretValue"), state=LONG).status == "arrives"


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        (named("iam", "CreateUser"), "RULE_GLOBAL_REGION"),
        (named("globalaccelerator", "CreateAccelerator"), "RULE_GLOBAL_REGION"),
        (named("ec2", "DescribeInstances"), "RULE_STATE_READONLY"),
        (named("s3", "PutObject"), "SELECTOR_EXCLUDES"),
        (named("signin", "ConsoleLogin"), "PATTERN_SIGN_IN"),
        (named("ec2", "runInstances"), "PATTERN_EVENT_NAME"),
        ({**named("ec2", "RunInstances"), "resources": ["arn:aws:ec2:*"]}, "PATTERN_EMPTY_RESOURCES"),
        (named("ec2", "RunInstances", readOnly=["false"]), "PATTERN_VALUE_TYPE"),
        ({"source": ["aws.ec2"], "detail-type": ["AWS API call via Cloudtrail"]}, "PATTERN_DETAIL_TYPE"),
        (
            {"source": ["aws.cloudwatch"], "detail": {"eventSource": ["events.amazonaws.com"]}},
            "PATTERN_SOURCE_MISMATCH",
        ),
        (
            {"source": [{"prefix": "aws."}], "detail": {"eventName": {"prefix": ["Put"]}}},
            "PATTERN_OPERATOR_OUTSIDE_LIST",
        ),
        ({"source": ["aws.iam"], "details": {"eventName": ["CreateUser"]}}, "PATTERN_FIELD_NAME"),
        ({"detail-type": ["AWS Insight via CloudTrail"], "source": ["aws.cloudtrail"]}, "SELECTOR_EXCLUDES"),
    ],
)
def test_why_a_rule_can_never_fire(pattern: dict[str, Any], code: str) -> None:
    """A rule that cannot fire for any of its calls is named with the reason, and the survey is blind."""
    world = direct_world(rules=[rule(pattern=pattern)])
    verdict = judged(pattern)
    assert (verdict.status, set(codes(verdict).values())) == ("never", {code})
    found = survey(World.model_validate(world), accounts=[MEMBER], regions=[HERE], narrow_rules=True)
    assert (found.exit_code, found.headline) == (1, "1 of 1 rule cannot fire")


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        (named("sts", "GetSessionToken"), "RULE_READ_ONLY_UNKNOWN"),
        (named("sts", "AssumeRole"), "RULE_READER_UNUSUAL"),
        (named("ec2", "RunInstances", quantum=["x"]), "PATTERN_UNKNOWN"),
        (named("ec2", "RunInstance"), "PATTERN_UNKNOWN"),
        (named("lambda", "CreateFunction"), "PATTERN_UNKNOWN"),
        (named("ec2", "RunInstances") | {"account": [HUB]}, "RULE_NO_EXAMPLE"),
        ({"source": ["aws.ec2"], "detail-type": ["AWS Quantum Event via CloudTrail"]}, "PATTERN_UNKNOWN"),
        ({"source": [{"future-operator": 1}]}, "NOT_UNDERSTOOD"),
    ],
)
def test_what_is_not_known_is_unknown(pattern: dict[str, Any], code: str) -> None:
    """Doubtful names, fields, and calls make a rule unknown, with the knowledge that is missing."""
    verdict = judged(pattern)
    assert (verdict.status, set(codes(verdict).values())) == ("unknown", {code})
    world = World.model_validate(direct_world(rules=[rule(pattern=pattern)]))
    assert survey(world, accounts=[MEMBER], regions=[HERE], narrow_rules=True).exit_code == 2


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": [{"prefix": "aws."}]},
        {
            "detail-type": ["AWS Console Sign In via CloudTrail"],
            "detail": {"userIdentity": {"type": ["Root"]}},
        },
        {"source": ["aws.kms"], "detail-type": ["AWS Service Event via CloudTrail"]},
        {
            "detail-type": [CALL],
            "detail": {"errorCode": ["AccessDenied", {"suffix": "UnauthorizedOperation"}]},
        },
        {
            "source": ["aws.ec2"],
            "detail": {"eventName": [{"prefix": "Create"}], "sourceIPAddress": [{"cidr": "192.0.2.0/24"}]},
        },
        {
            "source": ["aws.s3"],
            "detail": {
                "$or": [
                    {"eventName": [{"anything-but": "ListBuckets"}]},
                    {"eventName": ["ListBuckets"], "errorCode": [{"exists": True}]},
                ]
            },
        },
        named(
            "ec2",
            "CreateVolume",
            requestParameters={"size": [{"numeric": [">", 100]}], "tagSet": {"items": {"key": ["a"]}}},
        ),
        named("lambda", "CreateFunction20150331"),
        named("ec2", "StartSomethingNew2031"),
    ],
)
def test_rules_that_fire(pattern: dict[str, Any]) -> None:
    """Broad and narrow patterns, free-form fields, and new names fire if nothing speaks against it."""
    assert codes(judged(pattern)) == dict.fromkeys(codes(judged(pattern)), "arrives")


def test_rules_about_other_events_are_not_judged() -> None:
    """A rule for events that do not come from CloudTrail gets no verdict, and is never called blind."""
    pattern = {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]}
    world = World.model_validate(direct_world(rules=[rule(pattern=pattern)]))
    assert judged(pattern).status == "other"
    found = survey(world, accounts=[MEMBER], regions=[HERE], narrow_rules=True)
    assert (found.exit_code, found.headline) == (2, "No rule is about CloudTrail events")


def test_a_rule_may_fire_in_vain() -> None:
    """A rule fires, but its target does not receive the event: the verdict names the broken link."""
    pattern = named("ec2", "RunInstances")
    world = direct_world(rules=[rule(pattern=pattern)], resources=[{"arn": QUEUE}])
    verdict = judged(pattern, world=world)
    assert (verdict.status, codes(verdict)) == ("undelivered", {"ec2:RunInstances": "QUEUE_POLICY"})


def test_each_target_counts() -> None:
    """If one of two targets receives the events, the other one is named."""
    other = QUEUE.replace(":in", ":other")
    pattern = named("ec2", "RunInstances")
    targets = [{"id": "good", "arn": QUEUE}, {"id": "bad", "arn": other}]
    world = direct_world(
        rules=[rule(pattern=pattern, targets=targets)],
        resources=[resource(QUEUE), {"arn": other}],
        destinations=[QUEUE, other],
    )
    assert codes(judged(pattern, world=world)) == {
        "ec2:RunInstances": "arrives",
        "ec2:RunInstances, target bad": "QUEUE_POLICY",
    }


def test_the_same_rule_in_the_right_region_is_enough() -> None:
    """A rule about IAM in two Regions fires in us-east-1; the other one is not a fault."""
    pattern = named("iam", "CreateUser")
    queue = QUEUE.replace(HERE, HOME)
    rules = [rule(pattern=pattern), rule(queue, pattern=pattern, region=HOME)]
    world = direct_world(
        rules=rules, resources=[resource(QUEUE), resource(queue)], destinations=[QUEUE, queue]
    )
    found = judge_rules(World.model_validate(world))
    assert [verdict.status for verdict in found] == ["elsewhere", "arrives"]
    assert survey(World.model_validate(world), accounts=[MEMBER], narrow_rules=True).exit_code == 0


def test_data_events_need_a_selector() -> None:
    """A rule about a bucket fires if a trail selects its data events, and is blind or unknown otherwise."""
    selected = direct_world(trails=[trail(selectors=DATA)])
    for bucket, code in (("logs", "arrives"), ("other", "RULE_DATA_RESOURCE"), (None, "arrives")):
        request = {"requestParameters": {"bucketName": [bucket]}} if bucket else {}
        pattern = named("s3", "PutObject", **request)
        world = {**selected, "rules": [rule(pattern=pattern)]}
        assert codes(judged(pattern, world=world)) == {"s3:PutObject": code}


def test_rules_on_other_buses() -> None:
    """A rule on a custom bus fires for what another rule forwards; without one, it is unknown or cannot."""
    pattern = named("ec2", "RunInstances", "DescribeInstances")
    rules = [
        rule(CENTRAL, target={"role": ROLE}),
        rule(HUB_QUEUE, name="in", account=HUB, region=HOME, bus="central", state=LONG, pattern=pattern),
    ]
    verdict = judge_rules(World.model_validate(hub_world(rules=rules)))[1]
    assert codes(verdict) == {"ec2:RunInstances": "arrives", "ec2:DescribeInstances": "RULE_STATE_READONLY"}
    alone = hub_world(rules=rules[1:])
    assert set(codes(judged(pattern, world=alone)).values()) == {"RULE_SENDER_UNKNOWN"}
    private = {**alone, "buses": [{**alone["buses"][0], "policy": []}]}
    assert set(codes(judged(pattern, world=private)).values()) == {"RULE_ON_NON_DEFAULT_BUS"}
    for open_way in (
        rule(name="other", targets=[], unread={"targets": "AccessDenied"}),
        rule(CENTRAL.replace(HOME, "{{unknown the Region}}"), name="other"),
    ):
        more = {**private, "rules": [*private["rules"], open_way]}
        assert set(codes(judged(pattern, world=more)).values()) == {"RULE_SENDER_UNKNOWN"}


def test_the_cost_of_a_rule_is_bounded() -> None:
    """A rule that names more calls than the limit is judged for those only, and says so."""
    names = [f"Put{letter}{number}" for letter in "abcdefgh" for number in range(20)]
    verdict = judged(named("ec2", *names))
    assert len(verdict.calls) == MOST_CALLS + 1
    assert verdict.calls[-1].finding.code == "RULE_TOO_MANY_CALLS"  # type: ignore[union-attr]


def test_every_lint_about_cloudtrail_has_a_finding() -> None:
    """Every problem of a pattern that makes a rule blind has an entry in findings.toml."""
    from trailforward.doctor import load_codes

    uncertain = {"unknown-name", "unknown-field", "renamed-call"}
    wanted = {f"PATTERN_{code.upper().replace('-', '_')}" for code in CODES.keys() - uncertain}
    assert wanted <= load_codes().keys()


@pytest.mark.parametrize("form", ["json", "markdown", "sarif", "html", "terminal"])
def test_every_report_has_the_verdicts(form: Any) -> None:
    """Every format names the call that arrives, the call that cannot, and the reason; no class of events."""
    pattern = named("secretsmanager", "PutSecretValue", "GetSecretValue")
    world = World.model_validate(direct_world(rules=[rule(pattern=pattern)]))
    found = survey(world, accounts=[MEMBER], regions=[HERE], narrow_rules=True)
    text = render(found, form).replace("\\_", "_")
    assert "secretsmanager:GetSecretValue" in text
    assert "RULE_STATE_READONLY" in text
    assert (form == "sarif") or "secretsmanager:PutSecretValue" in text
    assert "Nothing arrives" not in text
    assert "No events arrive" not in text


def test_a_grid_shows_only_rules_with_faults_of_their_own() -> None:
    """Beside the grid, a rule is shown if it cannot fire for a call that it names; that gives status 1."""
    rules = [rule(), rule(name="narrow", pattern=named("ec2", "DescribeInstances"))]
    world = World.model_validate(direct_world(rules=rules, accounts={MEMBER: {HERE: "ENABLED"}}))
    write = [kind for kind in survey(world).classes if kind.name == "write"]
    found = survey(world, classes=write)
    assert (found.exit_code, found.counts["covered"]) == (1, 1)
    assert found.headline == "1 of 2 rules cannot fire"
    shown = render(found, "terminal").partition("Rules\n")[2].partition("Findings")[0]
    assert "narrow" in shown
    assert "tf " not in shown


def test_a_disabled_rule_beside_a_grid_is_not_a_fault() -> None:
    """A disabled rule does not make a covered world blind; alone in a template, it does."""
    rules = [rule(), rule(name="off", pattern=named("ec2", "RunInstances"), state="DISABLED")]
    world = direct_world(rules=rules, accounts={MEMBER: {HERE: "ENABLED"}})
    write = [kind for kind in survey(World.model_validate(world)).classes if kind.name == "write"]
    assert survey(World.model_validate(world), classes=write).exit_code == 0
    alone = World.model_validate({**world, "rules": rules[1:]})
    assert survey(alone, classes=write, narrow_rules=True).exit_code == 1


def _anything_arrives(event: dict[str, Any]) -> dict[str, Any]:
    """A world in which every event of a record's Region reaches a queue through one rule."""
    account, region = event["detail"]["recipientAccountId"], event["detail"]["awsRegion"]
    queue = f"arn:aws:sqs:{region}:{account}:in"
    listed: list[dict[str, str]] = event["detail"].get("resources") or [{}]
    kinds = {item.get("type", "AWS::S3::Object") for item in listed}
    values = [
        {"Field": "resources.type", "Equals": sorted(kinds)},
        {"Field": "eventCategory", "Equals": ["Data"]},
    ]
    advanced = [
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
        {"FieldSelectors": values},
    ]
    return {
        "accounts": {account: {region: "ENABLED"}},
        "trails": [trail(account=account, home=region, selectors={"advanced": advanced}, insights=["x"])],
        "resources": [resource(queue)],
        "destinations": [queue],
    }


@pytest.mark.skipif("TRAILFORWARD_CORPUS" not in os.environ, reason="TRAILFORWARD_CORPUS is not set")
def test_real_records_never_make_a_rule_impossible() -> None:
    """A rule whose pattern is made of a real record never gets the verdict that it cannot fire."""
    checked, kinds = 0, set()
    for event in part(real_events(), 35):
        detail = event["detail"]
        fields: dict[str, Any] = {
            key: [detail[key]] for key in ("eventSource", "eventName", "awsRegion", "eventType")
        }
        fields |= {
            key: [detail[key]] for key in ("errorCode", "readOnly", "managementEvent") if key in detail
        }
        if isinstance(detail.get("requestParameters"), dict):
            flat: dict[str, Any] = {
                k: [v] for k, v in detail["requestParameters"].items() if isinstance(v, (str, bool))
            }
            fields |= {"requestParameters": flat} if flat else {}
        pattern = {"source": [event["source"]], "detail-type": [event["detail-type"]], "detail": fields}
        try:
            Pattern(pattern)
        except PatternError:
            continue
        world = _anything_arrives(event)
        account, region = detail["recipientAccountId"], detail["awsRegion"]
        made = rule(world["destinations"][0], account=account, region=region, state=LONG, pattern=pattern)
        (verdict,) = judge_rules(World.model_validate({**world, "rules": [made]}))
        assert verdict.status in {"arrives", "unknown"}, (json.dumps(pattern), codes(verdict))
        kinds.add(verdict.status)
        checked += 1
    assert checked > 60
    assert "arrives" in kinds


_names = st.sampled_from(["CreateUser", "GetObject", "ConsoleLogin", "createuser", "X*", "", "RunInstances"])
_conditions = st.lists(
    st.one_of(
        _names,
        st.booleans(),
        st.none(),
        st.integers(-5, 5),
        st.sampled_from([{"prefix": "Get"}, {"exists": False}, {"anything-but": ["x"]}, {"wildcard": "*e*"}]),
        st.sampled_from([{"numeric": [">", 0, "<", 5]}, {"cidr": "192.0.2.0/24"}, {"suffix": "r"}]),
    ),
    min_size=1,
    max_size=3,
)
_fields = st.dictionaries(
    st.sampled_from(
        ["eventName", "readOnly", "errorCode", "sourceIPAddress", "awsRegion", "managementEvent"]
    ),
    _conditions,
    min_size=1,
    max_size=4,
)
_patterns = st.fixed_dictionaries(
    {"detail": st.one_of(_fields, st.fixed_dictionaries({"$or": st.lists(_fields, min_size=2, max_size=3)}))},
    optional={
        "source": st.lists(st.sampled_from(["aws.iam", "aws.s3", "aws.ec2", "x"]), min_size=1, max_size=2),
        "detail-type": st.lists(
            st.sampled_from([CALL, "AWS Insight via CloudTrail"]), min_size=1, max_size=2
        ),
        "account": _conditions,
        "resources": _conditions,
    },
)


@given(_patterns, st.sampled_from(["ENABLED", LONG, "DISABLED", "ODD"]))
def test_any_pattern_gets_a_verdict(pattern: dict[str, Any], state: str) -> None:
    """Every pattern and state gives verdicts with reasons, and never an error of the doctor."""
    verdict = judged(pattern, state=state)
    for call in verdict.calls:
        assert (call.status == "arrives") is (call.finding is None)
        assert call.finding is None or call.finding.code != "DOCTOR_ERROR"


def test_the_nearest_rule_is_named() -> None:
    """If several rules miss, the verdict names the one of which the fewest fields miss, and a slip in it."""
    far = rule(name="aaa-iam", pattern=named("iam", "CreateUser", eventSource=["iam.amazonaws.com"]))
    near = rule(name="kms", pattern=named("ec2", "RunInstances "))
    verdict = ask(direct_world(rules=[far, near]))
    assert (verdict.code, verdict.at) == ("PATTERN_MISMATCH", f"rule:{MEMBER}/{HERE}/default/kms")
    assert "there is a blank before or after" in verdict.why
    outside = rule(pattern={"source": [{"prefix": "aws."}], "detail": {"eventName": {"anything-but": ["X"]}}})
    assert "anything-but is outside a list" in ask(direct_world(rules=[outside])).why


def test_roles_are_checked_for_rules_too() -> None:
    """A rule that forwards to a bus with a role that may not put events fires in vain."""
    pattern = named("ec2", "RunInstances")
    rules = [rule(CENTRAL, target={"role": ROLE}, pattern=pattern)]
    world = hub_world(rules=rules, roles=[role(allow=[])], destinations=[CENTRAL])
    assert codes(judged(pattern, world=world)) == {"ec2:RunInstances": "ROLE_POLICY"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GetObject", True),
        ("BatchGetImage", True),
        ("AdminGetUser", True),
        ("AdvertiseByoipCidr", False),
        ("CompleteMultipartUpload", False),
        ("BatchDeleteImage", False),
        ("AdminDisableUser", False),
        ("GetSessionToken", None),
        ("SubscribeToShard", None),
        ("InvokeModel", None),
        ("BatchExecuteStatement", None),
    ],
)
def test_what_the_name_of_a_call_says_about_reading(name: str, expected: bool | None) -> None:  # noqa: FBT001
    """Whether a call is read-only follows from its verb; if that leaves doubt, it is unknown."""
    assert read_only(name) is expected
