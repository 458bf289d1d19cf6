from __future__ import annotations

from typing import Any

import pytest

from tests.doctor.worlds import HERE, HOME, MEMBER, QUEUE, call, direct, hub, rule
from trailforward.doctor import Call, World
from trailforward.doctor.trace import trace_steps

RECORD = {
    "eventSource": "iam.amazonaws.com",
    "eventName": "CreateUser",
    "awsRegion": "us-east-1",
    "recipientAccountId": MEMBER,
    "readOnly": False,
    "eventType": "AwsApiCall",
    "sourceIPAddress": "192.0.2.1",
    "resources": [{"type": "AWS::IAM::User", "ARN": "arn:aws:iam::1:user/x"}, "odd"],
}


def steps(world: dict[str, Any], **more: Any) -> list[tuple[Any, str]]:
    """Each step: whether it passes, and what it is."""
    found = trace_steps(World.model_validate(world), Call.model_validate(call(**more)))
    return [(step.passes, step.what) for step in found]


def test_every_step_is_listed() -> None:
    """A call that arrives is traced link by link, with the state of each link."""
    found = steps(direct())
    assert all(passes is True for passes, _ in found)
    text = "\
".join(what for _, what in found)
    for part in (
        "is called in eu-west-1",
        "ENABLED_BY_DEFAULT",
        "logging",
        "ENABLED",
        f"to {QUEUE}",
        "Destination",
    ):
        assert part in text


def test_the_broken_step_is_the_last_and_says_why() -> None:
    """The trace ends at the link that breaks, with the reason."""
    found = trace_steps(
        World.model_validate(direct(rules=[rule(state="DISABLED")])), Call.model_validate(call())
    )
    assert [step.passes for step in found][-2:] == [True, False]
    assert "disabled" in found[-1].why


def test_uncertain_steps_are_unknown() -> None:
    """An uncertain link is unknown, with the reason."""
    world = hub(accounts={MEMBER: {HERE: "ENABLED", HOME: "ENABLED"}})
    found = trace_steps(World.model_validate(world), Call.model_validate(call()))
    assert "unknown" in [step.passes for step in found]
    assert any("not read" in step.why for step in found)


def test_a_global_call_is_recorded_elsewhere() -> None:
    """The first step says in which Region the event is recorded."""
    assert (
        "recorded in us-east-1" in steps(direct(), service="iam.amazonaws.com", eventName="CreateUser")[0][1]
    )


def test_odd_targets_and_regions_are_listed_too() -> None:
    """A target that is not an ARN, and a Region that is not listed, have a step like any other."""
    assert steps(direct(rules=[rule("nonsense")], destinations=["nonsense"]))[-1][0] == "unknown"
    assert "not listed" in steps(direct(), region="eu-west-9")[-1][1]


@pytest.mark.parametrize("wrapped", [True, False])
def test_an_event_is_its_call(wrapped: bool) -> None:  # noqa: FBT001
    """An EventBridge event and a bare CloudTrail record give the same call, with all fields for patterns."""
    event = {"detail": RECORD, "source": "aws.iam", "detail-type": "AWS API Call via CloudTrail"}
    made = Call.from_event(event if wrapped else RECORD)
    assert (made.name, made.account, made.region, made.read_only) == (
        "iam:CreateUser",
        MEMBER,
        "us-east-1",
        False,
    )
    assert made.event("us-east-1")["detail"]["sourceIPAddress"] == "192.0.2.1"
    assert [resource.arn for resource in made.resources] == ["arn:aws:iam::1:user/x"]


def test_a_sign_in_record_is_a_sign_in() -> None:
    """A bare sign-in record gets the detail-type that EventBridge would give it."""
    assert Call.from_event({**RECORD, "eventType": "AwsConsoleSignIn"}).is_sign_in


def test_missing_fields_are_named() -> None:
    """Account and Region can be given; the error names what is still missing."""
    with pytest.raises(ValueError, match="no account and no region and no eventSource and no eventName"):
        Call.from_event({})
    made = Call.from_event({"eventSource": "a.b", "eventName": "C"}, account=MEMBER, region=HERE)
    assert (made.account, made.region) == (MEMBER, HERE)
