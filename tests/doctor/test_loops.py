"""Loops of every shipped sink: what the function calls, and what AWS services call for the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doctor.worlds import (
    HERE,
    HOME,
    HUB,
    LONG,
    MEMBER,
    QUEUE,
    ROLE,
    allow,
    direct,
    resource,
    role,
    rule,
    trail,
)
from trailforward import sinks
from trailforward.aws.own_calls import state_call
from trailforward.doctor import World
from trailforward.doctor.loops import find_loops
from trailforward.doctor.loops.calls import loop_calls
from trailforward.pipeline.self_guard import SelfGuard

if TYPE_CHECKING:
    from trailforward.doctor.delivery import Finding

FUNCTION_ROLE = f"arn:aws:iam::{MEMBER}:role/function"
HERE_ONLY = {MEMBER: {HERE: "ENABLED"}}
SECRET = f"arn:aws:secretsmanager:{HERE}:{MEMBER}:secret:hec-a1b2c3"


def arn(rest: str) -> str:
    """An ARN in the member's account and Region: ``sqs::name``."""
    service, _, name = rest.partition("::")
    return f"arn:aws:{service}:{HERE}:{MEMBER}:{name}"


class Case(NamedTuple):
    """The loop of one sink type.

    Attributes:
        to: the sink's destination.
        kind: the resource type that a trail must select; empty for management events.
        at: the call that returns; empty if the sink makes none that CloudTrail records.
        wording: ``returns``, or ``may return`` if it is not documented how the call is recorded.
        own: what the snapshot names as the pipeline's own, if that is not the destination.
    """

    to: str
    kind: str = ""
    at: str = ""
    wording: str = "returns"
    own: str = ""

    @property
    def arn(self) -> str:
        """What the snapshot names as the pipeline's own."""
        return self.own or self.to


CASES = {
    "kinesis": Case(arn("kinesis::stream/s"), "AWS::Kinesis::Stream", "kinesis.amazonaws.com/PutRecords"),
    "firehose": Case(
        arn("firehose::deliverystream/s"),
        "AWS::KinesisFirehose::DeliveryStream",
        "firehose.amazonaws.com/PutRecordBatch",
    ),
    "sns": Case(arn("sns::t"), "AWS::SNS::Topic", "sns.amazonaws.com/PublishBatch"),
    "sqs": Case(arn("sqs::out"), "AWS::SQS::Queue", "sqs.amazonaws.com/SendMessageBatch"),
    "eventbridge": Case(
        arn("events::event-bus/out"), "AWS::Events::EventBus", "events.amazonaws.com/PutEvents"
    ),
    # No page says that its events are data events, so the doctor takes them for management events.
    "eventbridge-v2": Case(
        arn("events::event-busv2/out/abcdefghij0123456789abcde"), at="events.amazonaws.com/PutRawEvents"
    ),
    # AWS documents no resource type for log events.
    "logs": Case(
        arn("logs::log-group:/out"),
        "AWS::Logs::LogGroupAuthorization",
        "logs.amazonaws.com/PutLogEvents",
        "may return",
    ),
    # The Region of a bucket is not in its ARN.
    "s3": Case(
        f"s3://bucket/out?region={HERE}",
        "AWS::S3::Object",
        "s3.amazonaws.com/PutObject",
        "may return",
        own="arn:aws:s3:::bucket/out/",
    ),
    # A management event, which every trail records.
    "securityhub": Case(
        arn(f"securityhub::product/{MEMBER}/default"), "", "securityhub.amazonaws.com/BatchImportFindings"
    ),
    "lambda": Case(arn("lambda::function:f"), "AWS::Lambda::Function", "lambda.amazonaws.com/Invoke"),
    "stepfunctions": Case(arn("states::stateMachine:m"), "", "states.amazonaws.com/StartExecution"),
    "http": Case("https://hec.example.com", "", "secretsmanager.amazonaws.com/GetSecretValue", own=SECRET),
    "file": Case("file:/tmp/out"),
    "stdout": Case("stdout:"),
}


#: The sinks that call AWS for each batch; that of HTTP only reads its secret.
CALLING = [name for name, case in CASES.items() if case.at and name != "http"]


def selecting(kind: str) -> list[dict[str, Any]]:
    """A trail that logs management events, and the data events of one resource type."""
    fields: list[list[dict[str, Any]]] = [
        [{"Field": "eventCategory", "Equals": ["Management"]}],
        [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": [kind]}],
    ]
    return [trail(selectors={"advanced": [{"FieldSelectors": one} for one in fields]})]


def pipeline(case: Case, **more: Any) -> dict[str, Any]:
    """A rule that feeds a queue, from where a function reads; the function has a role and one sink."""
    own = {"roles": [FUNCTION_ROLE], "resources": [QUEUE, case.arn]}
    state: dict[str, Any] = {} if case.kind else {"state": LONG}
    trails = selecting(case.kind) if case.kind else [trail()]
    return direct(accounts=HERE_ONLY, own=own, rules=[rule(**state)], trails=trails) | more


def loops(world: dict[str, Any]) -> dict[str, Finding]:
    """The loops of a world by call, without ``call:``."""
    return {finding.at.removeprefix("call:"): finding for finding in find_loops(World.model_validate(world))}


def test_every_shipped_sink_has_a_case() -> None:
    """A new sink without a case fails here."""
    assert CASES.keys() == sinks.BUILT_IN.keys()


@pytest.mark.parametrize("name", CASES)
def test_the_calls_of_a_sink_are_those_that_it_declares(name: str) -> None:
    """A case names a call that the sink declares; sinks without one declare none."""
    case = CASES[name]
    settings = sinks.load(name).Settings(to=case.to)
    declared = {f"{made.source}/{call}" for made in settings.own_calls for call in made.names}
    assert (case.at in declared) if name in CALLING else not declared


@pytest.mark.parametrize("name", CASES)
def test_a_call_that_a_trail_records_is_a_loop(name: str) -> None:
    """A call of a sink is a loop if a trail selects it and the rule matches it; otherwise it is not."""
    case = CASES[name]
    found = loops(pipeline(case))
    if not case.at:
        assert set(found) <= {"sts.amazonaws.com/AssumeRole"}  # of the role, in the long state
        return
    loop = found[case.at]
    assert f"its event {case.wording} to the pipeline through rule tf (default bus, {HERE}" in loop.why
    assert loop.severity == ("info" if name == "http" else "critical")
    plain = loops(pipeline(case, trails=[trail()], rules=[rule()]))
    assert (case.at in plain) is (name in {"eventbridge-v2", "securityhub", "stepfunctions"})
    assert case.at not in loops(pipeline(case, rules=[rule(state="DISABLED")]))


@pytest.mark.parametrize("name", CALLING)
def test_an_exclusion_of_the_role_ends_the_loop(name: str) -> None:
    """The pattern that the finding advises matches no call of the sink, and still what others do."""
    case = CASES[name]
    issuer = {
        "userIdentity": {"sessionContext": {"sessionIssuer": {"arn": [{"anything-but": [FUNCTION_ROLE]}]}}}
    }
    pattern = {"source": [{"prefix": "aws."}], "detail": issuer}
    assert case.at not in loops(pipeline(case, rules=[rule(pattern=pattern)]))


@pytest.mark.parametrize("name", CALLING)
def test_a_trail_that_was_not_read_may_cause_a_loop(name: str) -> None:
    """If the trails or their selectors were not read, every call of the sink may return."""
    case = CASES[name]
    gap = [{"what": "trails", "account": MEMBER, "region": "*", "why": "AccessDenied"}]
    for world in (
        pipeline(case, trails=[], unseen=gap),
        pipeline(case, trails=[trail(unread={"selectors": "AccessDenied"})]),
    ):
        loop = loops(world)[case.at]
        assert "its event may return to the pipeline" in loop.why


@pytest.mark.parametrize("name", CASES)
def test_the_self_guard_filters_what_the_doctor_calls_a_loop(name: str) -> None:
    """Every call of the function that the doctor follows is one that the function filters."""
    case = CASES[name]
    calls = list(sinks.load(name).Settings(to=case.to).own_calls)
    guard = SelfGuard(own_arns=[FUNCTION_ROLE, QUEUE], calls=calls)
    world = World.model_validate(pipeline(case))
    session = [
        call
        for own, call, _ in loop_calls(world)
        if own == case.arn and call.identity.get("type") == "AssumedRole"
    ]
    declared = {call_name for made in calls for call_name in made.names}
    followed = {call.event_name for call in session}
    assert declared <= followed
    for call in session:
        if call.event_name in declared and call.resources:
            assert guard.is_own(call.event(HERE)), call.event_name


def test_the_table_of_suppression_is_followed() -> None:
    """Calls on the table are a loop if a trail records them, and the function filters them."""
    table = arn("dynamodb::table/state")
    world = pipeline(Case(table, "AWS::DynamoDB::Table"))
    assert "dynamodb.amazonaws.com/GetItem" in loops(world)
    guard = SelfGuard(own_arns=[FUNCTION_ROLE, QUEUE], calls=[state_call(table)])
    followed = [
        call
        for own, call, _ in loop_calls(World.model_validate(world))
        if own == table and call.identity.get("type") == "AssumedRole"
    ]
    assert {call.event_name for call in followed} == {"GetItem", "PutItem"}
    assert all(guard.is_own(call.event(HERE)) for call in followed)


def test_deliveries_of_eventbridge_need_no_role_of_the_function() -> None:
    """A rule's own delivery to its target is a loop that the function cannot filter."""
    stream = arn("kinesis::stream/s")
    world = direct(
        stream, accounts=HERE_ONLY, rules=[rule(stream, target={"role": ROLE})], roles=[role()],
        resources=[resource(stream, policy=[])], trails=selecting("AWS::Kinesis::Stream"),
        own={"roles": [ROLE], "resources": [stream]},
    )  # fmt: skip
    found = loops(world)["kinesis.amazonaws.com/PutRecord"]
    assert f"made with the role {ROLE}" in found.why
    assert found.severity == "critical"


def test_a_topic_delivers_to_a_queue_of_the_pipeline() -> None:
    """SNS sends to the queue behind a topic: such sends count, too."""
    topic = arn("sns::t")
    queue = {"arn": QUEUE, "policy": [allow(QUEUE, {"Service": "sns.amazonaws.com"})]}
    world = direct(
        topic, accounts=HERE_ONLY, destinations=[QUEUE], trails=selecting("AWS::SQS::Queue"),
        resources=[resource(topic, subscriptions=[QUEUE]), queue], own={"resources": [QUEUE]},
    )  # fmt: skip
    assert "an AWS service uses" in loops(world)["sqs.amazonaws.com/SendMessage"].why


def test_reading_a_queue_is_a_loop_as_well() -> None:
    """Lambda receives and deletes the messages with the function's role, and a trail may record that."""
    only = {"detail": {"eventName": ["DeleteMessage"]}}
    case = CASES["sqs"]._replace(own=QUEUE)
    assert list(loops(pipeline(case, rules=[rule(pattern=only)]))) == ["sqs.amazonaws.com/DeleteMessage"]


def test_lambda_assumes_the_role_of_the_function() -> None:
    """With all management events, Lambda assuming the function's role and GetCallerIdentity may return."""
    case = CASES["stdout"]
    found = loops(pipeline(case, rules=[rule(state=LONG)]))
    assert found["sts.amazonaws.com/AssumeRole"].severity == "warn"
    assert "lambda.amazonaws.com assumes the role" in found["sts.amazonaws.com/AssumeRole"].why
    only = {"detail": {"eventName": ["GetCallerIdentity"]}}
    asked = loops(pipeline(case, rules=[rule(state=LONG, pattern=only)]))
    assert [(at, finding.severity) for at, finding in asked.items()] == [
        ("sts.amazonaws.com/GetCallerIdentity", "info")
    ]


def test_a_parameter_that_holds_a_secret_is_read_rarely() -> None:
    """GetParameter of the function is a read-only management event: it returns only with all of them."""
    case = CASES["http"]._replace(own=arn("ssm::parameter/hec"))
    assert "ssm.amazonaws.com/GetParameter" in loops(pipeline(case))
    assert "ssm.amazonaws.com/GetParameter" not in loops(pipeline(case, rules=[rule()]))


def test_events_that_a_sink_puts_on_a_bus_may_come_back() -> None:
    """A rule on the sink's own bus that leads to the pipeline sends its events back, without CloudTrail."""
    bus = arn("events::event-bus/out")
    rules = [rule(), rule(name="back", bus="out", pattern={"account": [MEMBER]})]
    own = {"roles": [FUNCTION_ROLE], "resources": [bus]}
    world = direct(accounts=HERE_ONLY, rules=rules, own=own)
    found = loops(world)["events.amazonaws.com/PutEvents"]
    assert f"an EventBridge sink puts its events on {bus}" in found.why
    assert '"anything-but": ["trailforward"]' in found.fix
    rules[1]["pattern"] = {"account": [MEMBER], "source": [{"anything-but": ["trailforward"]}]}
    assert loops(world | {"rules": rules}) == {}


def test_destinations_belong_to_the_pipeline() -> None:
    """A snapshot or template that names nothing as its own: the destinations and the targets' roles count."""
    world = direct(accounts=HERE_ONLY, trails=selecting("AWS::SQS::Queue"))
    assert loops(world)["sqs.amazonaws.com/SendMessage"].severity == "critical"


def test_an_account_that_was_not_read_is_no_loop() -> None:
    """Nothing is said about a queue in an account that was not read: no rule of it is known."""
    queue = QUEUE.replace(MEMBER, HUB)
    world = direct(accounts=HERE_ONLY, own={"resources": [queue]}, trails=selecting("AWS::SQS::Queue"))
    assert loops(world) == {}


ODD_OWN = st.sampled_from(
    [
        "", "no ARN", "arn:aws:s3:::", "arn:aws:s3:::UPPER", "arn:aws:s3:::b/../x", arn("ssm::document/x"),
        arn("secretsmanager::x"), arn("events::rule/r"), arn("events::event-bus/"), arn("sqs::a/b c"),
        "arn:aws:kinesis:::stream/s", "arn:aws:iam::1:role/x", arn("logs::log-group:/x:*"),
        "arn:aws:sqs:{{unknown the Region}}:123456789012:q", FUNCTION_ROLE, QUEUE, SECRET,
    ]
)  # fmt: skip


@given(st.lists(ODD_OWN, max_size=4), st.lists(ODD_OWN, max_size=3), ODD_OWN, ODD_OWN)
def test_odd_own_resources_never_stop_the_others(
    roles: list[str], resources: list[str], bucket: str, group: str
) -> None:
    """Whatever a snapshot names as its own, or as the store of a trail, the loop of the queue is found."""
    trails = [{**selecting("AWS::SQS::Queue")[0], "bucket": bucket, "logGroup": group}]
    own = {"roles": roles, "resources": [*resources, QUEUE]}
    found = loops(direct(accounts=HERE_ONLY, trails=trails, own=own))
    assert {"sqs.amazonaws.com/SendMessage", "sqs.amazonaws.com/SendMessageBatch"} & found.keys()


BUCKET = {"bucket": "logs"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (BUCKET, "selects its data events, and RecursiveLogging, which is on by default"),
        ({**BUCKET, "recursiveLogging": True}, "RecursiveLogging is on. "),
        ({**BUCKET, "unread": {"selectors": "AccessDenied"}}, "may select"),
        ({**BUCKET, "recursiveLogging": False}, ""),
        ({**BUCKET, "logging": False}, ""),
        ({**BUCKET, "selectors": None}, ""),
        ({"bucket": ""}, ""),
        ({"logGroup": f"arn:aws:logs:{HERE}:{MEMBER}:log-group:trail:*"}, "may select"),
    ],
)
def test_a_trail_that_records_its_own_deliveries(fields: dict[str, Any], words: str) -> None:
    """A trail whose bucket or log group it records itself is named, unless RecursiveLogging is off."""
    trails = [{**selecting("AWS::S3::Object")[0], **fields}]
    world = World.model_validate(direct(accounts=HERE_ONLY, rules=[], trails=trails))
    found = [finding for finding in find_loops(world) if finding.code == "TRAIL_RECORDS_ITSELF"]
    assert bool(found) is bool(words)
    assert all(words in finding.why and "--no-recursive-logging" in finding.fix for finding in found)
    assert all("destination" not in finding.why for finding in found)  # no rule


def test_deliveries_of_cloudtrail_that_reach_the_destination() -> None:
    """If a rule matches CloudTrail's own deliveries, the finding says that they reach the destination."""
    trails = [{**selecting("AWS::S3::Object")[0], **BUCKET, "home": HERE}]
    (found,) = find_loops(World.model_validate(direct(accounts=HERE_ONLY, trails=trails)))
    assert (found.code, found.at) == ("TRAIL_RECORDS_ITSELF", f"trail:{MEMBER}/{HERE}/main")
    assert "these events reach the destination" in found.why
    both = {MEMBER: {HERE: "ENABLED", HOME: "ENABLED"}}
    (found,) = find_loops(World.model_validate(direct(accounts=both, trails=trails)))
    assert "these events may reach the destination" in found.why  # the Region of the bucket is not known
