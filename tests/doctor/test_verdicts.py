"""Verdicts on details that real accounts have: odd calls, selectors, partitions, targets, and qualifiers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doctor.worlds import (
    HERE,
    HOME,
    HUB,
    LONG,
    MEMBER,
    QUEUE,
    ROLE,
    RULE_AT,
    TARGET_AT,
    TRAIL_AT,
    allow,
    ask,
    direct,
    hub,
    resource,
    role,
    rule,
    said,
    trail,
)
from trailforward.doctor import CLASSES, Call, World, load_codes, reach
from trailforward.doctor.report import survey
from trailforward.doctor.world.regions import global_region, partition_of, partitions

OK = (True, "OK", None)
STREAM = f"arn:aws:kinesis:{HERE}:{MEMBER}:stream/tf"
AT_ROLE = f"role:{ROLE}"


@pytest.mark.parametrize("name", ["GetSessionToken", "GetFederationToken"])
@pytest.mark.parametrize(
    ("read_only", "state", "reaches"),
    [(True, "ENABLED", "unknown"), (True, LONG, True), (False, "ENABLED", True)],
)
def test_calls_that_aws_names_as_mutating(name: str, read_only: bool, state: str, reaches: Any) -> None:  # noqa: FBT001
    """AWS names both as events that plain ENABLED gets, whatever their record says: never a definite no."""
    fields = {"service": "sts.amazonaws.com", "source": "aws.sts", "eventName": name, "readOnly": read_only}
    assert ask(direct(rules=[rule(state=state)]), **fields).reaches == reaches


def negative(field: str, **operators: list[str]) -> list[dict[str, Any]]:
    """A trail with one advanced selector for management events."""
    fields = [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": field, **operators}]
    return [trail(selectors={"advanced": [{"FieldSelectors": fields}]})]


@pytest.mark.parametrize(
    ("trails", "expected"),
    [
        (negative("eventSource", NotEquals=["kms.amazonaws.com"]), OK),
        (
            negative("eventSource", NotEquals=["ec2.amazonaws.com"]),
            (False, "SELECTOR_EXCLUDES", f"selectors:{MEMBER}/{HERE}"),
        ),
        (
            negative("errorCode", NotEquals=["AccessDenied"]),
            ("unknown", "NOT_UNDERSTOOD", f"selectors:{MEMBER}/{HERE}"),
        ),
        (
            negative("sessionCredentialFromConsole", NotEquals=["true"]),
            ("unknown", "NOT_UNDERSTOOD", f"selectors:{MEMBER}/{HERE}"),
        ),
        (
            negative("errorCode", Equals=["AccessDenied"]),
            (False, "SELECTOR_EXCLUDES", f"selectors:{MEMBER}/{HERE}"),
        ),
        (
            negative("userIdentity.arn", NotStartsWith=["arn:aws:sts::"]),
            ("unknown", "NOT_UNDERSTOOD", f"selectors:{MEMBER}/{HERE}"),
        ),
    ],
)
def test_negative_operators_on_absent_fields(trails: list[dict[str, Any]], expected: tuple[Any, ...]) -> None:
    """Whether an absent field meets a negative condition is not documented: unknown, never a definite no."""
    assert said(ask(direct(trails=trails))) == expected


INSIGHT = next(kind for kind in CLASSES if kind.name == "insight")


@pytest.mark.parametrize(
    ("insights", "reaches"),
    [
        (["ApiCallRateInsight"], True),
        ([{"InsightType": "ApiCallRateInsight"}], True),
        ([{"InsightType": "ApiCallRateInsight", "EventCategories": ["Management"]}], True),
        ([{"InsightType": "ApiCallRateInsight", "EventCategories": ["Management", "Data"]}], True),
        ([{"InsightType": "ApiCallRateInsight", "EventCategories": ["Data"]}], False),
        ([{"InsightType": "ApiErrorRateInsight"}], False),
        ([{"InsightType": "ApiCallRateInsight", "Novelty": 1}], "unknown"),
        ([], False),
    ],
)
def test_insights_have_a_type_and_event_categories(insights: list[Any], reaches: Any) -> None:
    """An Insights event needs its type, for the category of events that it is about."""
    world = World.model_validate(direct(trails=[trail(insights=insights)]))
    assert reach(world, INSIGHT.call(MEMBER, HERE)).reaches == reaches


def test_denied_insight_selectors_affect_only_insights() -> None:
    """If GetInsightSelectors is denied, Insights events are unknown, and no other class of events is."""
    unread = {"insights": "cloudtrail:GetInsightSelectors: AccessDenied"}
    denied = World.model_validate(direct(trails=[trail(unread=unread)]))
    plain = World.model_validate(direct(trails=[trail()]))
    for kind in CLASSES:
        asked = kind.call(MEMBER, HERE)
        expected = "unknown" if kind is INSIGHT else reach(plain, asked).reaches
        assert reach(denied, asked).reaches == expected, kind.name
    assert "AccessDenied" in reach(denied, INSIGHT.call(MEMBER, HERE)).why
    assert said(reach(denied, INSIGHT.call(MEMBER, HERE)))[2] == TRAIL_AT


def test_default_regions_are_always_enabled() -> None:
    """A Region that nobody can disable need not be listed; one that must be enabled does."""
    queue = QUEUE.replace(HERE, "us-west-2")
    world = direct(
        queue, accounts={MEMBER: {HOME: "ENABLED_BY_DEFAULT"}}, rules=[rule(queue, region="us-west-2")]
    )
    assert said(ask(world, region="us-west-2")) == OK
    assert said(ask(world, region="af-south-1"))[1] == "REGION_DISABLED"
    world["accounts"] = {MEMBER: {"us-west-2": "DISABLED"}}
    assert said(ask(world, region="us-west-2"))[1] == "REGION_DISABLED"


#: One Region of each partition.
PARTITIONS = {
    "aws": "eu-west-1",
    "aws-cn": "cn-northwest-1",
    "aws-us-gov": "us-gov-east-1",
    "aws-iso": "us-iso-west-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}


def test_all_partitions_are_those_of_botocore() -> None:
    """The partitions, their Regions, and their global Regions agree with the installed botocore."""
    from botocore.session import Session

    session = Session()
    assert {one.name for one in partitions()} == set(session.get_available_partitions()) == PARTITIONS.keys()
    for name, region in PARTITIONS.items():
        assert partition_of(region) == session.get_partition_for_region(region) == name


@pytest.mark.parametrize("partition", PARTITIONS)
def test_arns_and_global_services_of_every_partition(partition: str) -> None:
    """ARNs of every partition are read; where a global service is recorded is known only in aws."""
    region = PARTITIONS[partition]
    queue = f"arn:{partition}:sqs:{region}:{MEMBER}:in"
    here = f"arn:{partition}:events:{region}:{MEMBER}:rule/tf"
    policy = [allow(queue, Condition={"ArnEquals": {"aws:SourceArn": here}}, Action="sqs:SendMessage")]
    world = direct(
        queue,
        accounts={MEMBER: {region: "ENABLED"}},
        rules=[rule(queue, region=region)],
        resources=[{"arn": queue, "policy": policy}],
        trails=[trail(home=region)],
    )
    assert said(ask(world, region=region)) == OK
    verdict = ask(world, region=region, service="iam.amazonaws.com", source="aws.iam", eventName="CreateUser")
    if partition == "aws":
        assert (verdict.reaches, verdict.code) == (False, "GLOBAL_ONLY_US_EAST_1")
    elif region == global_region(partition):  # believed to be recorded right here
        assert verdict.code == "OK"
    else:
        assert (verdict.reaches, verdict.code) == ("unknown", "EVENT_REGION_UNCERTAIN")


V2 = f"arn:aws:events:{HERE}:{MEMBER}:event-busv2/audit/0123456789abcdefghijklmno"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"target": {"role": ROLE}}, ("unknown", "V2_BUS_UNSUPPORTED", TARGET_AT)),
        ({}, (False, "BUS_TARGET_NO_ROLE", TARGET_AT)),
        ({"role": ROLE}, ("unknown", "V2_BUS_UNSUPPORTED", TARGET_AT)),
        ({"managedBy": "events.amazonaws.com"}, ("unknown", "V2_BUS_UNSUPPORTED", TARGET_AT)),
        ({"target": {"role": ROLE}, "pattern": {"source": ["aws.s3"]}}, (False, "PATTERN_MISMATCH", RULE_AT)),
    ],
    ids=["with a role", "without a role", "role of the rule", "event source", "another service"],
)
def test_buses_of_the_new_type(change: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """A hop to a custom bus of the new type needs a role; what is behind it is unknown, never blind."""
    change = dict(change)
    world = direct(rules=[rule(V2, target=change.pop("target", {}), **change)], roles=[role()])
    assert said(ask(world)) == expected


def test_roles_of_buses_of_the_new_type_are_checked() -> None:
    """A role that may not put events is a definite break, also before a bus of the new type."""
    world = direct(rules=[rule(V2, target={"role": ROLE})], roles=[role(allow=[{"action": "sqs:*"}])])
    assert said(ask(world)) == (False, "ROLE_POLICY", AT_ROLE)


def test_read_only_events_of_managed_rules_are_unknown() -> None:
    """Whether a rule that EventBridge manages receives read-only events is not documented."""
    world = direct(rules=[rule(V2, managedBy="events.amazonaws.com")])
    assert said(ask(world, readOnly=True)) == ("unknown", "MANAGED_RULE", RULE_AT)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"input": '{"hello": 1}'}, "INPUT_CONSTANT"),
        ({"inputPath": "$.detail"}, "INPUT_CHANGED"),
        ({"inputPath": "$"}, ""),
        ({"inputTransformer": {"InputTemplate": "<a>"}}, "INPUT_CHANGED"),
    ],
)
def test_constant_and_changed_inputs_are_warnings(change: dict[str, Any], code: str) -> None:
    """A target that gets a constant or a part of the event gets a warning; the event's path is not broken."""
    verdict = ask(direct(rules=[rule(target=change)]))
    assert verdict.code == "OK"
    assert {warning.code for warning in verdict.warnings if warning.code.startswith("INPUT")} == {code} - {""}


FIFO = QUEUE + ".fifo"


@pytest.mark.parametrize(
    ("queue", "target", "expected"),
    [
        ({"fifo": True, "contentBasedDeduplication": True}, {"messageGroupId": "g"}, OK),
        (
            {"fifo": True, "contentBasedDeduplication": False},
            {"messageGroupId": "g"},
            ("unknown", "FIFO_DEDUPLICATION", f"destination:{FIFO}"),
        ),
        ({"fifo": True}, {"messageGroupId": "g"}, ("unknown", "FIFO_DEDUPLICATION", f"destination:{FIFO}")),
        ({"fifo": True, "contentBasedDeduplication": True}, {}, ("unknown", "FIFO_GROUP", TARGET_AT)),
    ],
)
def test_fifo_queues_need_deduplication_and_a_group(
    queue: dict[str, Any], target: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    """A FIFO queue without deduplication, or a target without a group, is not called covered."""
    world = direct(FIFO, rules=[rule(FIFO, target=target)], resources=[resource(FIFO, **queue)])
    assert said(ask(world)) == expected


FUNCTION = f"arn:aws:lambda:{HERE}:{MEMBER}:function:tf"


@pytest.mark.parametrize(
    ("target", "destination"),
    [(f"{FUNCTION}:live", FUNCTION), (f"{FUNCTION}:7", FUNCTION), (FUNCTION, f"{FUNCTION}:live")],
)
def test_aliases_and_versions_of_the_destination(target: str, destination: str) -> None:
    """A rule to another alias or version of the destination is named as such, instead of as no rule."""
    world = direct(target, resources=[resource(FUNCTION)], destinations=[destination])
    verdict = ask(world)
    assert said(verdict) == ("unknown", "FUNCTION_QUALIFIER", TARGET_AT)
    assert target in verdict.why
    assert destination in verdict.why


def test_the_alias_itself_is_a_destination() -> None:
    """A rule to the alias that is the destination arrives, if the alias has the permission."""
    alias = f"{FUNCTION}:live"
    assert said(ask(direct(alias))) == OK
    other = direct(alias, destinations=[f"arn:aws:lambda:{HERE}:{MEMBER}:function:other"])
    assert ask(other).code == "NO_RULE"


def test_documents_that_aws_owns_belong_to_every_account() -> None:
    """An SSM document without an account in its ARN is not a target in another account."""
    document = f"arn:aws:ssm:{HERE}::document/AWS-StopEC2Instance"
    verdict = ask(direct(document, rules=[rule(document, target={"role": ROLE})], roles=[role()]))
    assert said(verdict) == ("unknown", "NOT_UNDERSTOOD", TARGET_AT)
    foreign = document.replace("::document", f":{HUB}:document")
    assert ask(direct(foreign)).code == "TARGET_CROSS_ACCOUNT_UNSUPPORTED"


def test_documented_appears_only_on_documented_facts() -> None:
    """A verdict that is unknown, or that rests on an assumption, is never called documented by AWS."""
    codes = load_codes()
    worlds = [
        direct(),
        hub(),
        direct(rules=[]),
        direct(trails=[]),
        direct(rules=[rule(V2, target={"role": ROLE})]),
        direct(
            trails=[trail(account=HUB, organization=True)],
            organization={"id": "o-example00", "management": HUB, "accounts": [HUB, MEMBER]},
        ),
        direct(rules=[rule(state="PAUSED")]),
        hub(accounts={MEMBER: {HERE: "ENABLED"}}),
    ]
    for data in worlds:
        verdict = ask(data)
        assert (verdict.evidence == "documented") <= (codes[verdict.code].evidence == "documented")
        if verdict.reaches == "unknown":
            assert verdict.evidence == "uncertain"
        notes = [codes[note.code] for note in verdict.warnings if codes[note.code].kind == "note"]
        assert (verdict.evidence == "documented") <= all(note.evidence == "documented" for note in notes)


def test_an_old_record_without_a_category_is_a_data_event() -> None:
    """``managementEvent: false`` alone makes a record a data event, which a plain trail does not select."""
    record = {
        "eventSource": "s3.amazonaws.com",
        "eventName": "PutObject",
        "awsRegion": HERE,
        "readOnly": False,
        "recipientAccountId": MEMBER,
        "managementEvent": False,
        "userIdentity": {"type": "IAMUser"},
    }
    assert Call.from_event(record).category == "Data"
    assert reach(World.model_validate(direct()), Call.from_event(record)).code == "SELECTOR_EXCLUDES"
    management = Call.from_event({**record, "managementEvent": True})
    assert reach(World.model_validate(direct()), management).code == "OK"


def test_an_operator_outside_a_list_is_explained() -> None:
    """A pattern with an operator where a list belongs gets the reason: it is read as the name of a field."""
    pattern = {"source": [{"prefix": "aws."}], "detail": {"eventName": {"anything-but": ["InvokeExecution"]}}}
    verdict = ask(direct(rules=[rule(pattern=pattern)]))
    assert said(verdict) == (False, "PATTERN_MISMATCH", RULE_AT)
    assert "anything-but stands outside a list, so it is read as a field name" in verdict.why


def test_the_rule_that_is_nearest_is_named() -> None:
    """Of two rules that miss, the one with fewer missing fields is named, and what is wrong in it."""
    rules = [
        rule(name="first", pattern={"source": ["aws.iam"], "detail": {"eventName": ["CreateUser"]}}),
        rule(name="meant", pattern={"source": ["aws.ec2"], "detail": {"eventName": ["RunInstances "]}}),
    ]
    verdict = ask(direct(rules=rules))
    assert said(verdict) == (False, "PATTERN_MISMATCH", f"rule:{MEMBER}/{HERE}/default/meant")
    assert "blank" in verdict.why


def test_headlines_do_not_count_what_is_unknown() -> None:
    """One blind and one unknown Region are not summed up as: nothing arrives."""
    gap = {"account": MEMBER, "region": HOME, "what": "rules", "why": "AccessDenied"}
    accounts = {MEMBER: {HERE: "ENABLED", HOME: "ENABLED"}}
    world = World.model_validate(direct(accounts=accounts, rules=[], unseen=[gap]))
    write = [kind for kind in CLASSES if kind.name == "write"]
    found = survey(world, classes=write)
    assert (found.headline, found.exit_code) == ("1 of 2 Regions is blind to some events", 1)
    assert "othing arrives" not in json.dumps(found.headline)
