"""reach: cases in addition to the shared table."""

import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest

from tests.doctor.worlds import (
    CENTRAL,
    HERE,
    HOME,
    HUB,
    HUB_QUEUE,
    LONG,
    MEMBER,
    OTHER,
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

OK = (True, "OK", None)
FUNCTION = f"arn:aws:lambda:{HERE}:{MEMBER}:function:tf"
TOPIC = f"arn:aws:sns:{HERE}:{MEMBER}:tf"
STREAM = f"arn:aws:kinesis:{HERE}:{HUB}:stream/tf"
CLUSTER = f"arn:aws:ecs:{HERE}:{MEMBER}:cluster/tf"
API = f"arn:aws:events:{HERE}:{MEMBER}:api-destination/vendor/1"
MACHINE = f"arn:aws:states:{HERE}:{MEMBER}:stateMachine:tf"
MEMBERS = {"id": "o-example00", "management": HUB, "accounts": [HUB, MEMBER]}
ORG = trail(name="org", account=HUB, organization=True)


def test_arrives() -> None:
    """A call that arrives is reported with its whole path, link by link."""
    verdict = ask(hub())
    assert said(verdict) == OK
    assert verdict.path == (
        f"region:{MEMBER}/{HERE}",
        TRAIL_AT,
        f"bus:{MEMBER}/{HERE}/default",
        RULE_AT,
        TARGET_AT,
        f"role:{ROLE}",
        f"bus:{HUB}/{HOME}/central",
        f"rule:{HUB}/{HOME}/central/in",
        f"target:{HUB}/{HOME}/central/in/t1",
        f"destination:{HUB_QUEUE}",
    )
    assert verdict.why == f"ec2:RunInstances of account {MEMBER}, recorded in {HERE}, arrives."
    assert verdict.evidence == "documented"


def test_breaks() -> None:
    """A call that does not arrive is reported with its broken link, the reason, a fix and evidence."""
    verdict = ask(direct(rules=[rule(state="DISABLED")]))
    assert said(verdict) == (False, "RULE_DISABLED", RULE_AT)
    assert verdict.path[-1] == RULE_AT
    assert verdict.why == f"Rule tf (default bus, {HERE}, account {MEMBER}) matches, but it is disabled."
    assert verdict.fix.startswith("Enable the rule")
    assert verdict.evidence == "documented"
    assert verdict.source.startswith("https://docs.aws.amazon.com/")


def test_as_data() -> None:
    """A verdict becomes JSON with dataclasses.asdict."""
    data = asdict(ask(direct()))
    assert data["warnings"][0]["code"] == "DLQ_MISSING"
    assert (data["reaches"], data["doubts"]) == (True, ())


def test_mismatch_names_the_fields() -> None:
    """A mismatch is reported with the fields that do not match, of the nearest $or combination."""
    pattern = {
        "$or": [{"source": ["x"], "detail": {"eventName": ["y"]}}, {"detail": {"sourceIPAddress": ["z"]}}]
    }
    verdict = ask(direct(rules=[rule(pattern=pattern)]))
    assert said(verdict) == (False, "PATTERN_MISMATCH", RULE_AT)
    assert 'detail.sourceIPAddress: missing, expected ["z"]' in verdict.why
    assert "eventName" not in verdict.why


def test_detail() -> None:
    """A call can carry more fields of the record, for patterns that match on them."""
    world = direct(rules=[rule(pattern={"detail": {"sourceIPAddress": [{"cidr": "198.51.100.0/24"}]}})])
    assert said(ask(world, detail={"sourceIPAddress": "198.51.100.7"})) == OK


def test_pattern_as_text() -> None:
    """A pattern can be JSON text, as DescribeRule returns it."""
    assert said(ask(direct(rules=[rule(pattern='{"detail": {"eventType": ["AwsApiCall"]}}')]))) == OK


def test_schedule() -> None:
    """A rule with a schedule and no pattern receives no events, and is not blamed."""
    schedule = rule(pattern=None)
    assert said(ask(direct(rules=[schedule]))) == (False, "NO_RULE", f"bus:{MEMBER}/{HERE}/default")


CUSTOM = [
    rule(name="a", bus="x", pattern={"source": ["no"]}),
    rule(name="b", bus="y"),
    rule(name="c", bus="x"),
    rule(name="d", bus="z", pattern={"source": [{"no": 1}]}),
]


@pytest.mark.parametrize(
    ("rules", "at"),
    [(CUSTOM, f"rule:{MEMBER}/{HERE}/y/b"), (CUSTOM[2:], f"rule:{MEMBER}/{HERE}/x/c")],
)
def test_first_custom_rule(rules: list[dict[str, Any]], at: str) -> None:
    """Of several matching rules on custom buses, the first is named."""
    assert said(ask(direct(rules=rules))) == (False, "RULE_ON_NON_DEFAULT_BUS", at)


TWO_HOPS = hub(
    rules=[
        rule(CENTRAL, target={"role": ROLE}),
        rule(CENTRAL, name="self", account=HUB, region=HOME, bus="central", target={"role": ROLE}),
    ]
)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (TWO_HOPS, (False, "HOP_LIMIT", f"target:{HUB}/{HOME}/central/self/t1")),
        (
            hub(roles=[role(trust=[])], accounts={MEMBER: {HERE: "ENABLED"}}),
            (False, "ROLE_TRUST", f"role:{ROLE}"),
        ),
        (hub(accounts={MEMBER: {HERE: "ENABLED"}}), ("unknown", "ACCOUNT_NOT_VISIBLE", TARGET_AT)),
        (hub(buses=[]), (False, "TARGET_MISSING", TARGET_AT)),
        (hub(destinations=[CENTRAL]), OK),
    ],
    ids=["loops back", "unread, and a bad role", "unread", "absent", "the bus is the destination"],
)
def test_hop(world: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """The first definite break of a hop decides; if the account was not read, only the role is checked."""
    assert said(ask(world)) == expected


def to_default_bus(status: str) -> dict[str, Any]:
    """A member that forwards to the hub's default bus, in a Region with a given status."""
    bus = f"arn:aws:events:{HOME}:{HUB}:event-bus/default"
    return hub(
        accounts={MEMBER: {HERE: "ENABLED"}, HUB: {HOME: status}},
        rules=[
            rule(bus, target={"role": ROLE}),
            rule(HUB_QUEUE, name="in", account=HUB, region=HOME),
        ],
        buses=[{"account": HUB, "region": HOME, "name": "default", "policy": [allow(bus, {"AWS": MEMBER})]}][
            : status == "ENABLED"
        ],
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("ENABLED", OK),
        ("DISABLED", (False, "TARGET_MISSING", TARGET_AT)),
    ],
)
def test_default_bus_as_target(status: str, expected: tuple[Any, ...]) -> None:
    """A default bus exists if its Region is enabled, and its policy must allow other accounts."""
    assert said(ask(to_default_bus(status))) == expected


def test_default_bus_of_a_changing_region() -> None:
    """Whether the default bus of a Region that is being enabled receives events is unknown."""
    queue = QUEUE.replace(HERE, HOME)
    bus = f"arn:aws:events:{HOME}:{MEMBER}:event-bus/default"
    world = direct(queue, rules=[rule(bus, target={"role": ROLE}), rule(queue, region=HOME)], roles=[role()])
    world["accounts"] = {MEMBER: {HERE: "ENABLED", HOME: "ENABLING"}}
    assert said(ask(world)) == ("unknown", "REGION_CHANGING", f"region:{MEMBER}/{HOME}")


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (
            direct(trails=[ORG], organization=MEMBERS),
            OK,
        ),
        (
            direct(trails=[trail(account=HUB, organization=True, home="af-south-1", logging=False)])
            | {"organization": MEMBERS},
            (False, "ORG_TRAIL_HOME_NOT_OPTED_IN", f"trail:{HUB}/af-south-1/main"),
        ),
        (
            direct(trails=[trail(selectors={"basic": [], "advanced": []})]),
            OK,
        ),
        (
            direct(trails=[trail(selectors={"aggregated": [1]})]),
            ("unknown", "NOT_UNDERSTOOD", f"selectors:{MEMBER}/{HERE}"),
        ),
    ],
    ids=["organization", "organization, stopped, home not enabled", "moto's empty lists", "unknown form"],
)
def test_trails(world: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """A trail must apply to the account, be logging, and select the event; unknown selectors give unknown."""
    assert said(ask(world)) == expected


def test_organization_trail_alone() -> None:
    """That an organization trail alone feeds a member's buses is marked as inferred, not documented."""
    verdict = ask(direct(trails=[ORG], organization=MEMBERS))
    assert verdict.evidence == "inferred"
    assert [note.code for note in verdict.warnings if note.severity == "info"] == ["ORG_TRAIL_ONLY"]
    both = ask(direct(trails=[ORG, trail()], organization=MEMBERS))
    assert both.evidence == "documented"


ELSEWHERE = HUB_QUEUE.replace(HOME, HERE)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (direct("no-arn"), ("unknown", "NOT_UNDERSTOOD", TARGET_AT)),
        (direct(CLUSTER), ("unknown", "NOT_UNDERSTOOD", TARGET_AT)),
        (direct(MACHINE), (False, "TARGET_NO_ROLE", TARGET_AT)),
        (
            direct(MACHINE, rules=[rule(MACHINE, target={"role": ROLE})], roles=[role(allow=[])]),
            (False, "ROLE_POLICY", f"role:{ROLE}"),
        ),
        (
            direct(MACHINE, rules=[rule(MACHINE, target={"role": ROLE})])
            | {"roles": [role(allow=[{"action": "states:StartExecution", "resource": MACHINE}])]},
            OK,
        ),
        (
            direct(MACHINE, rules=[rule(MACHINE, target={"role": ROLE})], resources=[])
            | {"roles": [role(allow=[{"action": "states:*", "resource": "*"}])]},
            ("unknown", "NOT_SEEN", TARGET_AT),
        ),
        (
            direct(API, rules=[rule(API, target={"role": ROLE})])
            | {"roles": [role(allow=[{"action": "events:InvokeApiDestination", "resource": API}])]},
            OK,
        ),
        (direct("arn:aws:s3:::bucket"), ("unknown", "NOT_UNDERSTOOD", TARGET_AT)),
        (
            direct(rules=[rule(target={"role": ROLE})], roles=[role()], resources=[]),
            (False, "TARGET_MISSING", TARGET_AT),
        ),
        (
            direct(ELSEWHERE, accounts={MEMBER: {HERE: "ENABLED"}}, resources=[]),
            (False, "TARGET_NO_ROLE", TARGET_AT),
        ),
        (
            direct(ELSEWHERE, accounts={MEMBER: {HERE: "ENABLED"}}, resources=[], roles=[role()])
            | {"rules": [rule(ELSEWHERE, target={"role": ROLE})]},
            ("unknown", "ACCOUNT_NOT_VISIBLE", TARGET_AT),
        ),
        (
            direct(STREAM, rules=[rule(STREAM, target={"role": ROLE})], roles=[role()]),
            (False, "STREAM_POLICY", f"destination:{STREAM}"),
        ),
        (
            direct(STREAM, rules=[rule(STREAM, target={"role": ROLE})], roles=[role()])
            | {"resources": [resource(STREAM, policy=[allow(STREAM, {"AWS": ROLE})])]},
            OK,
        ),
        (direct(TOPIC), OK),
        (direct(TOPIC, destinations=[QUEUE]), (False, "NO_RULE", f"bus:{MEMBER}/{HERE}/default")),
        (direct(rules=[rule(state="PAUSED")]), ("unknown", "NOT_UNDERSTOOD", RULE_AT)),
        (direct(rules=[rule(pattern={"source": [{"no": 1}]})]), ("unknown", "NOT_UNDERSTOOD", RULE_AT)),
    ],
    ids=[
        "no ARN",
        "kind of target that is not supported",
        "Step Functions without a role",
        "Step Functions with a role that may not start it",
        "Step Functions",
        "Step Functions that was not read",
        "API destination",
        "no Region",
        "absent before its role",
        "unread, no role",
        "unread",
        "stream of another account without policy",
        "stream of another account",
        "topic as destination",
        "topic that was not read",
        "unknown state",
        "pattern our engine refuses",
    ],
)
def test_targets(world: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """What the doctor does not know or did not read is unknown, but a definite break wins."""
    assert said(ask(world)) == expected


def behind(topic: dict[str, Any], *resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A world with a topic between the rule and its destinations."""
    return direct(TOPIC, destinations=[HUB_QUEUE], resources=[resource(TOPIC, **topic), *resources], **more)


SNS = {"Service": "sns.amazonaws.com"}
SUBSCRIBED = {"subscriptions": [HUB_QUEUE]}
QUEUE_BEHIND = {"arn": HUB_QUEUE, "policy": [allow(HUB_QUEUE, SNS)]}
AT_QUEUE = f"destination:{HUB_QUEUE}"


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (behind(SUBSCRIBED, QUEUE_BEHIND), OK),
        (behind({"subscriptions": [QUEUE]}), (False, "TARGET_MISSING", f"topic:{TOPIC}")),
        (behind(SUBSCRIBED), (False, "TARGET_MISSING", AT_QUEUE)),
        (
            behind(SUBSCRIBED, accounts={MEMBER: {HERE: "ENABLED"}}),
            ("unknown", "ACCOUNT_NOT_VISIBLE", AT_QUEUE),
        ),
        (behind(SUBSCRIBED, resource(HUB_QUEUE)), (False, "QUEUE_POLICY", AT_QUEUE)),
        (
            behind(SUBSCRIBED, QUEUE_BEHIND | {"encryption": {"type": "aws-managed-key"}}),
            (False, "KMS_KEY_POLICY", AT_QUEUE),
        ),
        (
            behind(SUBSCRIBED | {"encryption": {"type": "aws-managed-key"}}, QUEUE_BEHIND),
            (False, "KMS_KEY_POLICY", f"topic:{TOPIC}"),
        ),
        (
            behind({"subscriptions": [MACHINE]}) | {"destinations": [MACHINE]},
            ("unknown", "NOT_UNDERSTOOD", f"destination:{MACHINE}"),
        ),
    ],
    ids=[
        "good",
        "not subscribed",
        "absent",
        "unread",
        "only EventBridge may",
        "key of the queue",
        "key of the topic",
        "unknown kind",
    ],
)
def test_behind_a_topic(world: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """A topic's queue must exist, allow SNS to send, and have a key that SNS may use."""
    assert said(ask(world)) == expected


@pytest.mark.parametrize(
    ("encryption", "expected"),
    [
        ({"type": "sqs-managed"}, OK),
        ({"type": "customer-key"}, ("unknown", "KMS_NOT_CHECKED", f"destination:{QUEUE}")),
        ({"type": "quantum"}, ("unknown", "NOT_UNDERSTOOD", f"destination:{QUEUE}")),
        (
            {"type": "customer-key", "keyPolicy": {"principals": ["*"], "actions": ["kms:*"]}},
            OK,
        ),
        (
            {"type": "customer-key", "keyPolicy": {"principals": ["*"], "actions": ["kms:Decrypt"]}},
            (False, "KMS_KEY_POLICY", f"destination:{QUEUE}"),
        ),
    ],
)
def test_keys(encryption: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """A key must allow both actions; a key whose policy is not known gives unknown."""
    assert said(ask(direct(resources=[resource(QUEUE, encryption=encryption)]))) == expected


def test_key_with_a_role() -> None:
    """A key whose policy is not known gives unknown for a target's role, too."""
    encrypted = resource(QUEUE, encryption={"type": "customer-key"})
    verdict = ask(direct(rules=[rule(target={"role": ROLE})], roles=[role()], resources=[encrypted]))
    assert said(verdict) == ("unknown", "KMS_NOT_CHECKED", f"destination:{QUEUE}")


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (
            direct(
                resources=[
                    resource(
                        QUEUE, policy=[allow(QUEUE, Condition={"DateLessThan": {"aws:CurrentTime": "2030"}})]
                    )
                ]
            ),
            ("unknown", "NOT_UNDERSTOOD", f"destination:{QUEUE}"),
        ),
        (
            hub(
                roles=[
                    role(
                        allow=[{"action": "events:*", "condition": {"Bool": {"aws:PrincipalTag/x": "true"}}}]
                    )
                ]
            ),
            ("unknown", "NOT_UNDERSTOOD", f"role:{ROLE}"),
        ),
        (
            hub(roles=[role(allow=[{"action": "*", "boundary": "x"}])]),
            ("unknown", "NOT_UNDERSTOOD", f"role:{ROLE}"),
        ),
        (
            hub(roles=[role(deny=[{"action": "events:PutEvents"}])]),
            (False, "ROLE_POLICY", f"role:{ROLE}"),
        ),
        (
            hub(
                buses=[
                    {
                        "account": HUB,
                        "region": HOME,
                        "name": "central",
                        "policy": [allow(CENTRAL, "*", Condition={"StringEquals": {"aws:SourceOrgID": "o"}})],
                    }
                ]
            ),
            # A role makes the call, so the request has no aws:SourceOrgID, and the condition is not met.
            (False, "BUS_POLICY_DENIES", f"bus:{HUB}/{HOME}/central"),
        ),
    ],
    ids=["queue", "role", "role with an unknown key", "role with a deny", "bus"],
)
def test_conditions_outside_the_model(world: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """A condition that a snapshot cannot decide gives unknown; a deny is definite."""
    assert said(ask(world)) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([{"Effect": "Allow", "Action": "events:PutEvents", "Resource": CENTRAL}], OK),
        (
            [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}],
            (False, "ROLE_POLICY", f"role:{ROLE}"),
        ),
        (
            [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": "events:*", "Resource": "*"},
            ],
            (False, "ROLE_POLICY", f"role:{ROLE}"),
        ),
        (None, ("unknown", "NOT_UNDERSTOOD", f"role:{ROLE}")),
    ],
    ids=["allows", "allows something else", "denies", "not known"],
)
def test_permissions_boundary(limits: list[dict[str, Any]] | None, expected: tuple[Any, ...]) -> None:
    """A role needs the permission in its policies and in its permissions boundary."""
    limited = role(boundary=f"arn:aws:iam::{MEMBER}:policy/limit", limits=limits)
    assert said(ask(hub(roles=[limited]))) == expected


def test_forwarded_only() -> None:
    """A hub policy that allows only forwarded events, against spoofing, is understood."""
    condition = {"Bool": {"events:eventBusInvocation": "true"}, "StringLike": {"events:source": "aws.*"}}
    bus = {"account": HUB, "region": HOME, "name": "central"}
    assert said(ask(hub(buses=[bus | {"policy": [allow(CENTRAL, "*", Condition=condition)]}]))) == OK


def test_role_that_is_not_an_arn() -> None:
    """A role that is not an ARN is checked like any other, without an exception."""
    broken = hub(rules=[rule(CENTRAL, target={"role": "arn:tf"})], roles=[role("arn:tf")])
    assert said(ask(broken)) == (False, "BUS_POLICY_DENIES", f"bus:{HUB}/{HOME}/central")


SIGN_IN = {
    "service": "signin.amazonaws.com",
    "source": "aws.signin",
    "eventName": "ConsoleLogin",
    "detailType": "AWS Console Sign In via CloudTrail",
}


@pytest.mark.parametrize(
    ("listed", "warned"),
    [
        (["AWS Console Signin via CloudTrail"], True),
        (["AWS Console Sign In via CloudTrail"], False),
        ([{"prefix": "AWS API"}], False),
    ],
)
def test_sign_in_spelling(listed: list[Any], warned: bool) -> None:  # noqa: FBT001
    """A rule that lists only the guide's spelling of sign-ins gets a warning."""
    world = direct(rules=[rule(pattern={"detail-type": listed, "detail": {"eventName": ["CheckMfa"]}})])
    codes = {warning.code for warning in ask(world, **SIGN_IN).warnings}
    assert ("SIGNIN_SPELLING" in codes) is warned


@pytest.mark.parametrize(
    ("pattern", "evidence"),
    [
        ({"source": ["aws.signin"], "detail-type": ["AWS Console Sign In via CloudTrail"]}, "uncertain"),
        ({"source": ["aws.signin"], "detail-type": [{"suffix": " via CloudTrail"}]}, "documented"),
        ({"source": ["aws.signin"], "x": [{"odd": 1}]}, "uncertain"),
    ],
)
def test_sign_in_by_one_spelling(pattern: dict[str, Any], evidence: str) -> None:
    """A sign-in that matches with only one of two spellings arrives, with a note."""
    verdict = ask(direct(rules=[rule(pattern=pattern)]), **SIGN_IN)
    assert verdict.evidence == evidence
    assert ("SIGNIN_ONE_SPELLING" in {note.code for note in verdict.warnings}) is (
        verdict.reaches is True and evidence == "uncertain"
    )


def test_opt_in_hop() -> None:
    """A hop out of an opt-in Region is marked as inferred."""
    verdict = ask(hub(accounts={MEMBER: {HERE: "ENABLED"}, HUB: {HOME: "ENABLED_BY_DEFAULT"}}))
    assert (verdict.reaches, verdict.evidence) == (True, "inferred")
    assert [note.code for note in verdict.warnings if note.severity == "info"] == ["OPT_IN_HOP"]


def test_long_mismatch() -> None:
    """The description of a mismatch has a limited length, however long the pattern is."""
    names = [f"Name{number:03}" for number in range(150)]
    verdict = ask(direct(rules=[rule(pattern={"detail": {"eventName": names}})]))
    assert len(verdict.why) < 550
    assert verdict.why.endswith("….")


def test_dead_letters_of_an_unread_account() -> None:
    """A dead-letter queue in an account that was not read does not count as missing."""
    world = direct(rules=[rule(target={"dlq": f"arn:aws:sqs:{HERE}:{OTHER}:dlq"})])
    codes = [warning.code for warning in ask(world).warnings if warning.code != "PATTERN_WITHOUT_SOURCE"]
    assert codes == ["NOT_SEEN"]
    world["rules"][0]["targets"][0]["dlq"] = "dlq"
    assert [warning.code for warning in ask(world).warnings] == ["DLQ_MISSING"]


def test_doubts_are_listed() -> None:
    """Every uncertain link of the path is listed, whatever decides the result."""
    world = direct(trails=[trail(deliveryError="AccessDenied")], rules=[rule(state="PAUSED")])
    verdict = ask(world)
    assert said(verdict) == ("unknown", "TRAIL_DELIVERY_ERROR", TRAIL_AT)
    assert [doubt.code for doubt in verdict.doubts] == ["TRAIL_DELIVERY_ERROR", "NOT_UNDERSTOOD"]
    assert "AccessDenied" in verdict.why
    assert verdict.evidence == "uncertain"


def test_account_that_was_not_read() -> None:
    """For an account that was not read, the only finding is that it was not read."""
    assert said(ask(direct(), account=OTHER)) == ("unknown", "ACCOUNT_NOT_VISIBLE", f"region:{OTHER}/{HERE}")


FORGED = {"source": "my.app", "via": "PutEvents", "service": "iam.amazonaws.com", "readOnly": True}


@pytest.mark.parametrize(
    ("world", "bus", "expected"),
    [
        (direct(rules=[rule(pattern={"source": ["my.app"]})], trails=[]), "default", OK),
        (direct(rules=[rule(pattern={"source": ["my.app"]}, bus="audit")], trails=[]), "audit", OK),
        (
            direct(rules=[rule(pattern={"source": ["my.app"]}, bus="audit")]),
            "other",
            (False, "NO_RULE", f"bus:{MEMBER}/{HERE}/other"),
        ),
    ],
)
def test_put_events(world: dict[str, Any], bus: str, expected: tuple[Any, ...]) -> None:
    """A PutEvents event needs no trail and no special rule state, and stays on the caller's bus."""
    assert said(ask(world, **FORGED, bus=bus)) == expected


@pytest.mark.parametrize("targets", [[], [{"id": "t1", "arn": STREAM}]], ids=["none read", "a broken one"])
def test_unread_targets(targets: list[dict[str, Any]]) -> None:
    """A rule whose targets were not all read may lead to the destination, whatever the others do."""
    partly = rule(targets=targets, unread={"targets": "AccessDenied"})
    assert said(ask(direct(rules=[partly], destinations=[QUEUE, STREAM]))) == ("unknown", "NOT_SEEN", RULE_AT)


def test_long_state_on_both_rules() -> None:
    """Read-only management events need the long state on both rules of a hop."""
    world = hub()
    for item in world["rules"]:
        item["state"] = LONG
    assert said(ask(world, readOnly=True)) == OK


def test_no_boto3() -> None:
    """Importing the doctor imports neither boto3 nor the pipeline."""
    code = (
        "import sys, trailforward.doctor; print([m for m in sys.modules if 'boto' in m or 'forwarder' in m])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@pytest.mark.parametrize(("count", "warned"), [(269, False), (270, True), (300, True)])
def test_a_bus_that_is_almost_full_is_a_warning(count: int, *, warned: bool) -> None:
    """From 270 rules on a bus, of 300 by default, a warning says that soon no rule can be added."""
    others = [rule(name=f"r{number}", state="DISABLED") for number in range(count - 1)]
    verdict = ask(direct(rules=[rule(), *others]))
    found = [warning for warning in verdict.warnings if warning.code == "RULES_NEAR_QUOTA"]
    assert bool(found) is warned
    assert verdict.reaches is True
