from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.trail_bucket import ACCOUNT, record
from trailforward.audit.changes import CHANGES, Change
from trailforward.audit.classes import Classifier, Decision
from trailforward.audit.rules import Rules
from trailforward.doctor import World

if TYPE_CHECKING:
    from collections.abc import Sequence

REGION = "eu-west-1"
ALL = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
RULE = {"name": "forward"}
TARGETS = {"rule": "forward", "targets": [{"id": "hub", "arn": "arn:aws:sqs:…"}]}
REMOVED = {"rule": "forward", "ids": ["hub"]}
NARROW = json.dumps({"source": ["aws.s3"]})
BROAD = json.dumps({"source": [{"prefix": "aws."}]})


def world(state: str = "ENABLED", pattern: str = BROAD, *, targets: int = 1, **more: Any) -> World:
    """A snapshot with one rule."""
    ids = ["hub", "decoy"][:targets]
    listed = [{"id": name, "arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"} for name in ids]
    rule = {"name": "forward", "account": ACCOUNT, "region": REGION, "bus": "default", "state": state}
    return World.model_validate({"rules": [{**rule, "pattern": pattern, "targets": listed}], **more})


def call(minute: int, name: str, given: Any, **fields: Any) -> dict[str, Any]:
    """A call of EventBridge."""
    return (
        record(minute, eventSource="events.amazonaws.com", eventName=name, requestParameters=given) | fields
    )


def put(**more: Any) -> dict[str, Any]:
    """Parameters of ``PutRule``."""
    return {**RULE, "eventPattern": BROAD, "state": "ENABLED", **more}


def decide(
    snapshot: World | None,
    calls: Sequence[dict[str, Any]],
    minute: int = 30,
    *,
    names: str = "*",
    **fields: Any,
) -> Decision:
    """Why an event of a minute did not arrive, with these calls in the log files."""
    changes = [Change.of(one, ACCOUNT) for one in calls]
    classifier = Classifier(Rules(snapshot, [one for one in changes if one is not None], "*"), "2027")
    return classifier.classify(record(minute, **fields), 1000, "CloudTrail", ACCOUNT, REGION)


OFF, OPEN, LOST, READ = "rule_disabled", "undetermined", "unexpected", "read_only"
READING: dict[str, Any] = {"readOnly": True, "eventName": "ListUsers"}


def case(
    about: str, name: str, snapshot: World | None, *calls: dict[str, Any], minute: int = 30, **fields: Any
) -> Any:
    """A class, and what leads to it."""
    return pytest.param(name, snapshot, calls, minute, fields, id=about)


def bus(name: str) -> dict[str, Any]:
    """Parameters that name a rule on a bus."""
    return RULE | {"eventBusName": name}


OTHER = "123456789012"
DEFAULT = "arn:aws:events:eu-west-1:{}:event-bus/default"
DISABLE, ENABLE = call(20, "DisableRule", RULE), call(25, "EnableRule", RULE)
REMOVE, SET = call(20, "RemoveTargets", REMOVED), call(40, "PutTargets", TARGETS)
DECOY = call(20, "RemoveTargets", {"rule": "forward", "ids": ["decoy"]})
NARROWED = call(20, "PutRule", put(eventPattern=NARROW))
SCHEDULED = {**RULE, "scheduleExpression": "rate(1 day)"}
BY_RESPONSE = {"ruleArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/forward"}
DATA: dict[str, Any] = {**READING, "eventCategory": "Data", "managementEvent": False}
GIVEN_BACK = call(40, "PutRule", put(state=ALL))
STOPPED = record(20, eventSource="cloudtrail.amazonaws.com", eventName="StopLogging", requestParameters=RULE)

HISTORY = [
    case("before DisableRule", LOST, world(), DISABLE, minute=10),
    case("after DisableRule", OFF, world(), DISABLE),
    case("after DisableRule, assumed", OFF, None, DISABLE),
    case("between", OFF, None, DISABLE, call(40, "EnableRule", RULE)),
    case("after EnableRule", LOST, None, DISABLE, ENABLE),
    # Enabling an enabled rule succeeds, and proves nothing about the time before.
    case("before EnableRule", OPEN, world(), ENABLE, minute=10),
    case("before EnableRule, assumed", OPEN, None, ENABLE, minute=10),
    case("failed DisableRule", LOST, world(), DISABLE | {"errorCode": "AccessDenied"}),
    case("failed without a code", LOST, world(), DISABLE | {"errorMessage": "no"}),
    case("unnamed DisableRule", OPEN, world(), call(20, "DisableRule", None)),
    case("before an unnamed DisableRule", LOST, world(), call(20, "DisableRule", None), minute=10),
    case("unnamed before DISABLED", OPEN, world("DISABLED"), call(20, "DisableRule", None), minute=10),
    case("unnamed EnableRule", OPEN, world(), DISABLE, call(25, "EnableRule", None)),
    case("DISABLED", OFF, world("DISABLED")),
    case("same second", OPEN, world(), DISABLE, call(20, "EnableRule", RULE)),
    case("another rule", LOST, world(), call(20, "DisableRule", {"name": "other"})),
    case("another Region", LOST, world(), DISABLE | {"awsRegion": "us-east-1"}),
    case("another account", LOST, world(), DISABLE | {"recipientAccountId": OTHER}),
    case("another bus", LOST, world(), call(20, "DisableRule", bus("custom"))),
    case("another account's bus", LOST, world(), call(20, "DisableRule", bus(DEFAULT.format(OTHER)))),
    case("the bus by its ARN", OFF, world(), call(20, "DisableRule", bus(DEFAULT.format(ACCOUNT)))),
    case("before PutRule", OPEN, world(), call(40, "PutRule", put())),
    case("after PutRule", LOST, world(), call(20, "PutRule", put())),
    case("PutRule DISABLED", OFF, world(), call(20, "PutRule", put(state="DISABLED"))),
    case("PutRule without a state", LOST, None, DISABLE, call(25, "PutRule", RULE | {"eventPattern": BROAD})),
    case("PutRule without a pattern", OPEN, world(), call(20, "PutRule", SCHEDULED)),
    case("narrow pattern", OFF, world(), NARROWED, call(40, "PutRule", put())),
    case("narrow pattern until now", OFF, world(pattern=NARROW), NARROWED),
    case("before the narrow pattern", OPEN, world(pattern=NARROW), NARROWED, minute=10),
    case("named by the response", OPEN, world(), call(20, "PutRule", None, responseElements=BY_RESPONSE)),
    case("RemoveTargets", OFF, world(), REMOVE, SET),
    case("no targets", OFF, world(targets=0), REMOVE),
    case("before RemoveTargets", LOST, world(targets=0), REMOVE, minute=10),
    case("after PutTargets", LOST, world(), REMOVE, SET, minute=50),
    # Somebody adds a target and removes it again: the other target was there all the time.
    case("a target besides", LOST, world(), DECOY),
    case("a target besides, the other is set again", OPEN, world(), DECOY, SET),
    case("RemoveTargets, assumed", OPEN, None, REMOVE),
    case("RemoveTargets without parameters", OPEN, world(), call(20, "RemoveTargets", None)),
    case("partly failed", OPEN, world(), REMOVE | {"responseElements": {"failedEntryCount": 1}}),
    case("before PutTargets", OPEN, world(), SET),
    case("deleted", OFF, World(), call(20, "DeleteRule", RULE)),
    case("before it was deleted", OPEN, World(), call(40, "DeleteRule", RULE)),
    case("made again", OPEN, None, call(20, "DeleteRule", RULE), call(25, "PutRule", put())),
    # Anybody who may create rules can create one with a fitting name, and disable it.
    case("a decoy, assumed", OPEN, None, call(10, "PutRule", put()), DISABLE),
    case("reading", READ, world(), **READING),
    case("reading, all", LOST, world(ALL), **READING),
    case("reading, taken away", OFF, world(ALL), call(20, "PutRule", put()), GIVEN_BACK, **READING),
    case("reading, before it was disabled", OPEN, world("DISABLED"), DISABLE, minute=10, **READING),
    case("reading, disabled", OFF, world("DISABLED"), DISABLE, **READING),
    case("reading data", LOST, world(), **DATA),
    case("StopLogging explains nothing", LOST, world(), STOPPED),
]


@pytest.mark.parametrize(("name", "snapshot", "calls", "minute", "fields"), HISTORY)
def test_the_history_of_rules_explains_only_what_it_proves(
    name: str, snapshot: World | None, calls: Sequence[dict[str, Any]], minute: int, fields: dict[str, Any]
) -> None:
    """A change explains a missing event only if it certainly took the event away at that time."""
    found = decide(snapshot, calls, minute, **fields)
    assert found.name == name, found.why
    changes = [change for one in calls if (change := Change.of(one, ACCOUNT)) is not None]
    if Rules(snapshot, changes, "*").plain(ACCOUNT, REGION):
        assert decide(snapshot, calls, minute, **READING).name == READ


def test_only_rules_that_may_forward_explain_anything() -> None:
    """A disabled rule whose target is not a destination of the snapshot is not the rule that forwards."""
    destination = f"arn:aws:sqs:{REGION}:{ACCOUNT}:elsewhere"
    assert decide(world("DISABLED", destinations=[destination]), []).name == "no_rule"
    assert decide(world("DISABLED", destinations=[f"arn:aws:sqs:{REGION}:{ACCOUNT}:hub"]), []).name == OFF


@pytest.mark.parametrize(
    "more",
    [
        {"accounts": {"123456789012": {REGION: "ENABLED"}}},
        {"unseen": [{"account": ACCOUNT, "region": REGION, "what": "rules", "why": "AccessDenied"}]},
    ],
)
@pytest.mark.parametrize("snapshot", [{}, {"pattern": NARROW}, {"state": "DISABLED"}])
def test_a_snapshot_that_does_not_know_the_rules_explains_nothing(
    snapshot: dict[str, Any], more: dict[str, Any]
) -> None:
    """If the rules of a place were not read, a missing event is lost or undetermined, not expected."""
    assert decide(world(**snapshot, **more), []).name == (OPEN if snapshot else LOST)


@pytest.mark.parametrize("spelling", ["Sign In", "Signin"])
def test_both_spellings_of_sign_in_events_match(spelling: str) -> None:
    """A sign-in event is not explained by a pattern that names it in either of AWS's spellings."""
    pattern = json.dumps({"detail-type": [f"AWS Console {spelling} via CloudTrail"]})
    assert decide(world(pattern=pattern), [], eventType="AwsConsoleSignIn").name == LOST
    assert decide(world(pattern=pattern), []).name == "pattern"


@pytest.mark.parametrize(
    "pattern", ['{"id": ["x"]}', '{"time": [{"prefix": "2020"}]}', "{", '{"a": [{"b": 1}]}']
)
def test_a_pattern_that_log_files_cannot_answer_leaves_it_open(pattern: str) -> None:
    """Patterns that test the envelope's ID or time, or cannot be read, do not explain a missing event."""
    assert decide(world(pattern=pattern), []).name == OPEN


@pytest.mark.parametrize(("source", "event"), sorted(CHANGES))
def test_every_kind_of_change_is_listed(source: str, event: str) -> None:
    """Each change of a rule or trail is listed with its time, name, and caller; failed ones are not."""
    name = "rule" if event.endswith("Targets") else "trailName" if "Selectors" in event else "name"
    made = record(5, eventSource=source, eventName=event, requestParameters={name: "example"})
    found = Change.of(made, ACCOUNT)
    assert found is not None
    assert (found.event, found.name, found.account, found.region) == (event, "example", ACCOUNT, REGION)
    assert (found.time, found.who) == ("2026-11-26T00:05:00Z", f"arn:aws:iam::{ACCOUNT}:user/example")
    assert Change.of(made | {"errorCode": "AccessDenied"}, ACCOUNT) is None
    unnamed = Change.of(made | {"requestParameters": None}, ACCOUNT)
    assert unnamed is not None
    assert unnamed.name == ""


@pytest.mark.parametrize("odd", [[], "x", 3, {"name": 3, "ids": [1], "eventBusName": {}}, {"targets": [3]}])
def test_odd_parameters_break_nothing(odd: Any) -> None:
    """A change with parameters of another type is a change without a name."""
    for source, event in CHANGES:
        found = Change.of({"eventSource": source, "eventName": event, "requestParameters": odd}, ACCOUNT)
        assert found is not None
        assert (found.name, found.targets) == ("", "")
