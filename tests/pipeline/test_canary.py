"""Canaries are counted and not forwarded; nothing else can hide behind them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.canaries import ACCOUNT, NAME, ROLE, canary, changed, session
from trailforward import Config, ConfigError, Forwarder, Message, Origin
from trailforward.outcome import Fate
from trailforward.pipeline.canary import Canaries
from trailforward.pipeline.telemetry import PowertoolsTelemetry
from trailforward.testing import FlakySink

OTHER = "123456789012"
MEMBER = f"arn:aws:iam::{OTHER}:role/canaries/trailforward-eu-west-1-canary"
CANARIES = Canaries([ROLE, MEMBER])
ISSUER = "detail.userIdentity.sessionContext.sessionIssuer"

#: Attempts to imitate a canary: what differs from the real event.
IMITATIONS: dict[str, tuple[str, Any]] = {
    "another role": (f"{ISSUER}.arn", f"arn:aws:iam::{ACCOUNT}:role/trailforward-eu-west-1-canary2"),
    "the role's name with another path": (f"{ISSUER}.arn", f"arn:aws:iam::{ACCOUNT}:role/x/{ROLE[31:]}"),
    "the role's name in another account": (f"{ISSUER}.arn", ROLE.replace(ACCOUNT, OTHER)),
    "another case": (f"{ISSUER}.arn", ROLE.upper()),
    "a session without an issuer": ("detail.userIdentity.sessionContext", {"sessionIssuer": {}}),
    "no session context": ("detail.userIdentity.sessionContext", ...),
    "a user with the role's ARN": ("detail.userIdentity.type", "IAMUser"),
    "an issuer that is a user": (f"{ISSUER}.type", "IAMUser"),
    "a session name like the role's ARN": ("detail.userIdentity", {"type": "AssumedRole", "arn": ROLE}),
    "a service that acts with the role": ("detail.userIdentity.invokedBy", "cloudformation.amazonaws.com"),
    "another account's session": ("detail.userIdentity.accountId", OTHER),
    "somebody who signed in to the console": ("detail.sessionCredentialFromConsole", "true"),
    "another service": ("detail.eventSource", "cloudtrail.amazonaws.com"),
    "another call": ("detail.eventName", "PutParameter"),
    "the call for several parameters": ("detail.eventName", "DeleteParameters"),
    "a success": ("detail.errorCode", ...),
    "an empty error": ("detail.errorCode", ""),
    "a denied call": ("detail.errorCode", "AccessDenied"),
    "a throttled call": ("detail.errorCode", "ThrottlingException"),
    "a parameter of somebody else": ("detail.requestParameters.name", "/prod/database/password"),
    "a parameter below the canary's": ("detail.requestParameters.name", f"{NAME}/x"),
    "a parameter above the canary's": ("detail.requestParameters.name", f"/prod{NAME}"),
    "a newline after the name": ("detail.requestParameters.name", f"{NAME}\n"),
    "a shorter name": ("detail.requestParameters.name", NAME[:-1]),
    "digits of another script": ("detail.requestParameters.name", f"{NAME[:-1]}٣"),
    "an ARN as the name": (
        "detail.requestParameters.name",
        f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter{NAME}",
    ),
    "more parameters": ("detail.requestParameters.extra", "x"),
    "no parameters": ("detail.requestParameters", None),
    "a list as the name": ("detail.requestParameters.name", [NAME]),
    "a result": ("detail.responseElements", {"name": NAME}),
    "a read-only event": ("detail.readOnly", True),
    "a data event": ("detail.eventCategory", "Data"),
    "no management event": ("detail.managementEvent", False),
    "a service's event": ("detail.eventType", "AwsServiceEvent"),
    "an event shared with another account": ("detail.sharedEventID", "00000000-0000-4000-8000-000000000000"),
    "another account that records": ("detail.recipientAccountId", OTHER),
    "an envelope of another source": ("source", "my.app"),
    "an envelope of another service": ("source", "aws.ec2"),
    "an envelope of another account": ("account", OTHER),
    "an envelope of another Region": ("region", "us-east-1"),
    "an envelope without a Region": ("region", ...),
    "another detail-type": ("detail-type", "AWS Service Event via CloudTrail"),
    "a record of another Region": ("detail.awsRegion", "us-east-1"),
    "a Region that is not one": ("detail.awsRegion", "x" * 300),
    "no time": ("detail.eventTime", ...),
    "a time that is not one": ("detail.eventTime", "2026-13-40T99:99:99Z"),
}


def forwarder(sink: FlakySink, text: str = "", roles: tuple[str, ...] = (ROLE, MEMBER)) -> Forwarder:
    """A forwarder with one sink, which knows the canary's roles."""
    config = Config.from_toml(f'[sinks.a]\nto = "stdout:"\n{text}', canary_roles=roles)
    return Forwarder(config, made={"a": sink})


def messages(*events: dict[str, Any]) -> list[Message]:
    """Messages with these events."""
    return [Message(json.dumps(event).encode(), Origin("test")) for event in events]


@pytest.mark.parametrize("role", [ROLE, MEMBER])
def test_a_canary_is_counted_and_not_forwarded(role: str) -> None:
    """A canary ends as filtered with the code canary, and its latency is known by account and Region."""
    sink = FlakySink()
    at = datetime.now(UTC) - timedelta(seconds=90)
    outcome = forwarder(sink).forward(messages(canary(role, "ap-southeast-2", at=at)))
    assert not sink.calls
    assert outcome.verdicts["a"][0].code == "canary"
    assert outcome.totals("a").filtered == 1
    assert not outcome.breaks
    (seen,) = outcome.canaries
    assert (seen.account, seen.region) == (role.split(":")[4], "ap-southeast-2")
    assert 89_000 < seen.latency < 150_000


@pytest.mark.parametrize("name", IMITATIONS)
def test_an_imitation_hides_nothing(name: str) -> None:
    """An event that differs from a canary in any part is forwarded, and does not count as an arrival."""
    path, value = IMITATIONS[name]
    imitation = changed(canary(), path, value)
    sink = FlakySink()
    outcome = forwarder(sink).forward(messages(imitation))
    assert outcome.totals("a").delivered == 1
    assert outcome.canaries == []


def test_other_calls_of_the_canary_role_are_forwarded() -> None:
    """Whoever has the credentials of the canary's role hides only calls that fail and change nothing."""
    stolen = [
        {**canary()["detail"], "eventSource": service, "eventName": call, "errorCode": error}
        for service, call, error in [
            ("cloudtrail.amazonaws.com", "StopLogging", None),
            ("sts.amazonaws.com", "AssumeRole", "AccessDenied"),
            ("ssm.amazonaws.com", "PutParameter", None),
        ]
    ]
    sink = FlakySink()
    outcome = forwarder(sink).forward(messages(*({**canary(), "detail": record} for record in stolen)))
    assert outcome.totals("a").delivered == len(stolen)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
#: The fields that decide; any other value of them is not a canary's.
DECIDING = sorted({path for path, _ in IMITATIONS.values()} - {"detail.eventTime"})


@given(st.sampled_from(DECIDING), JSON)
def test_any_value_is_handled(path: str, value: Any) -> None:
    """Whatever JSON value a field has, nothing is raised, and only the canary's own value is recognized."""
    real = canary()
    odd = changed(real, path, value)
    same = odd == real or (value is None and path.endswith(("ConsoleCredential", "FromConsole", "EventID")))
    same = same or (value is None and path == "detail.responseElements")
    assert (CANARIES.sighting(odd) is not None) == same


def test_a_sink_may_ask_for_canaries() -> None:
    """With canaries = true, a sink gets them as its routes say; they count as arrivals all the same."""
    sink = FlakySink()
    outcome = forwarder(sink, "canaries = true\n").forward(messages(canary()))
    assert outcome.totals("a").delivered == 1
    assert len(outcome.canaries) == 1


def test_without_roles_a_canary_is_an_event() -> None:
    """A forwarder that does not know the role, such as a second hub's, forwards the event."""
    sink = FlakySink()
    outcome = forwarder(sink, roles=()).forward(messages(canary()))
    assert outcome.totals("a").delivered == 1


def test_metrics_of_canaries_have_the_time_of_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    """canary_latency has the account and the Region, at the time of the call."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
    outcome = forwarder(FlakySink()).forward(messages(canary(at=at)))
    capsys.readouterr()
    PowertoolsTelemetry(service="trailforward").publish(outcome)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in lines if "canary_latency" in line]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["account", "region", "service"]]
    assert directive["Metrics"] == [{"Name": "canary_latency", "Unit": "Milliseconds"}]
    assert (line["account"], line["region"], line["service"]) == (ACCOUNT, "eu-west-1", "trailforward")
    assert line["_aws"]["Timestamp"] == int(at.timestamp() * 1000)
    assert outcome.meeting(Fate.FILTERED) == ["a"]


@pytest.mark.parametrize(
    "role",
    [
        "trailforward-eu-west-1-canary",
        "arn:aws:iam::*:role/trailforward-eu-west-1-canary",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::111122223333:user/canary",
        session()["arn"],
    ],
)
def test_roles_are_exact(role: str) -> None:
    """canary_roles takes exact ARNs of roles; the error names the fix."""
    with pytest.raises(ConfigError, match=r"canary_roles\[0\].*list the"):
        Config.to("stdout:", canary_roles=[role])


def test_the_environment_names_roles() -> None:
    """TRAILFORWARD_CANARY_ROLES sets canary_roles, separated by spaces."""
    config = Config.from_env({"TRAILFORWARD_TO": "stdout:", "TRAILFORWARD_CANARY_ROLES": f"{ROLE} {MEMBER}"})
    assert config.pipeline.canary_roles == (ROLE, MEMBER)
