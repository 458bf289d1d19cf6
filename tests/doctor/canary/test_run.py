"""The canary's runs on a local AWS: calls, metrics, the notification, and what a failing canary does."""

from __future__ import annotations

import io
import json
import os
import time
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.planted import AUDIT, HOME, HUB, LONG, MEMBER, PATTERN, QUEUE, PlantedWorld
from tests.support.canaries import canary
from tests.support.moto_process import moto_process
from trailforward import Config, Forwarder, Message, Origin
from trailforward.doctor.canary.calls import call_all
from trailforward.doctor.canary.causes import causes
from trailforward.doctor.canary.notice import notice
from trailforward.doctor.canary.places import Place, Setup
from trailforward.doctor.canary.run import handler, run
from trailforward.pipeline.telemetry import PowertoolsTelemetry
from trailforward.testing import FlakySink

if TYPE_CHECKING:
    from collections.abc import Iterator

SIX = ("us-east-1", "us-west-2", "us-east-2", "eu-west-1", "eu-north-1", "ap-southeast-2")
#: ``make demo-canary`` takes all six, in a world of its own, and prints the notification.
_SHOWN = "TRAILFORWARD_SHOW" in os.environ
REGIONS = SIX if _SHOWN else SIX[:2]
LOST = "us-west-2"
ROLE = f"arn:aws:iam::{MEMBER}:role/trailforward-us-east-1-canary"
HOUR = 3600.0


_CLIENTS: dict[tuple[str, ...], Any] = {}


def client(world: PlantedWorld, *place: str) -> Any:
    """A client of the local AWS, created once: service, Region, and account."""
    if (world.aws.url, *place) not in _CLIENTS:
        _CLIENTS[world.aws.url, *place] = world.client(*place)
    return _CLIENTS[world.aws.url, *place]


class LocalCanary:
    """A canary on a local AWS with Regions, with what CloudTrail, EventBridge, and EMF do in between.

    Attributes:
        world: the local AWS.
        setup: of the canary.
        sink: the forwarder's only destination.
        outcome: of the latest delivery.
    """

    def __init__(self, world: PlantedWorld, **changes: Any) -> None:
        self.world = world
        topic = client(world, "sns").create_topic(Name="alarms")["TopicArn"]
        sqs = client(world, "sqs")
        self.inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = f"arn:aws:sqs:{HOME}:{MEMBER}:inbox"
        client(world, "sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        made = Setup("trailforward", REGIONS, ROLE, (), topic, QUEUE, HOME)
        self.setup = made._replace(**changes)
        self.sink = FlakySink()

    def run(self, at: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """One run that began at a time; returns its result and its log lines, whose metrics are published."""
        self.world.aws.requests.clear()
        with redirect_stdout(io.StringIO()) as out:
            result = run(self.setup, at, time.monotonic() + 120)
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        self._publish(lines)
        return result, lines

    def deliver(self, at: float) -> None:
        """Forwards the events of the run's calls from the Regions whose rule is enabled."""
        events = []
        for request in self.world.aws.requests:
            if request.operation != "DeleteParameter":
                continue
            rules = client(self.world, "events", request.region, request.account)
            if rules.describe_rule(Name="trailforward-regional")["State"] != "DISABLED":
                role = self.setup.accounts[request.account]
                events.append(canary(role, request.region, at=datetime.fromtimestamp(at, UTC)))
        config = Config.to("stdout:", canary_roles=[self.setup.own_role, *self.setup.roles])
        messages = [Message(json.dumps(event).encode(), Origin("test")) for event in events]
        self.outcome = Forwarder(config, made={"stdout": self.sink}).forward(messages)
        with redirect_stdout(io.StringIO()) as out:
            PowertoolsTelemetry(service=self.setup.service).publish(self.outcome)
        self._publish([json.loads(line) for line in out.getvalue().splitlines()])

    def notifications(self) -> list[dict[str, str]]:
        """What the topic received since the last time."""
        sqs = client(self.world, "sqs")
        received = sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages", [])
        for message in received:
            sqs.delete_message(QueueUrl=self.inbox, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in received]

    def _publish(self, lines: list[dict[str, Any]]) -> None:
        """Does what CloudWatch Logs does with EMF."""
        cloudwatch = client(self.world, "cloudwatch")
        for line in lines:
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                (names,) = directive["Dimensions"]
                for metric in directive["Metrics"]:
                    values = line[metric["Name"]]
                    data = {
                        "MetricName": metric["Name"],
                        "Dimensions": [{"Name": name, "Value": line[name]} for name in names],
                        "Timestamp": datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC),
                        "Values": [float(one) for one in (values if isinstance(values, list) else [values])],
                    }
                    cloudwatch.put_metric_data(Namespace=directive["Namespace"], MetricData=[data])


@pytest.fixture(name="world")
def _world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlantedWorld]:
    """Regions of a member account, with rules that lead to the hub; the rules are as at first afterwards."""
    if not _SHOWN:
        # moto has one state in a process, so the world is that of the doctor's other tests.
        planted: PlantedWorld = request.getfixturevalue("planted")
        yield planted
        enable(planted)
        return
    with moto_process() as url, PlantedWorld(REGIONS, {}, url) as own:
        for name, value in own.environment().items():
            monkeypatch.setenv(name, value)
        yield own


def enable(world: PlantedWorld) -> None:
    """Makes the rule of the lost Region as it was; EnableRule would change its state."""
    client(world, "events", LOST).put_rule(
        Name="trailforward-regional", EventBusName="default", State=LONG, EventPattern=json.dumps(PATTERN)
    )


def values(lines: list[dict[str, Any]], name: str) -> list[int]:
    """The values of a metric in log lines."""
    return [line[name] for line in lines if name in line]


def test_a_canary_lost_in_one_region(world: PlantedWorld, capsys: pytest.CaptureFixture[str]) -> None:
    """A disabled rule: the next run publishes canary_missing, and the text names Region, link, and fix."""
    local = LocalCanary(world)
    now = time.time() // 60 * 60
    first, lines = local.run(now - 3 * HOUR)
    assert first == {"called": len(REGIONS), "missing": [], "errors": 0}
    assert values(lines, "canary_missing") == [0]
    local.deliver(now - 3 * HOUR)
    assert len(local.outcome.canaries) == len(REGIONS)
    assert not local.sink.calls

    client(world, "events", LOST).disable_rule(Name="trailforward-regional")
    second, _ = local.run(now - 2 * HOUR)
    assert second["missing"] == []
    local.deliver(now - 2 * HOUR)
    assert len(local.outcome.canaries) == len(REGIONS) - 1

    third, lines = local.run(now - HOUR)
    assert third["missing"] == [f"{LOST} of account {MEMBER}"]
    assert values(lines, "canary_missing") == [1]
    (message,) = local.notifications()
    with capsys.disabled():
        if _SHOWN:
            print(f"\n\nSubject: {message['Subject']}\n\n{message['Message']}\n")  # noqa: T201
    assert message["Subject"] == f"trailforward: no canary from {LOST}"
    text = message["Message"]
    assert (
        f"its event did not arrive from 1 of {len(REGIONS)} Regions:\n  {LOST} of account {MEMBER}\n" in text
    )
    assert f"Rule trailforward-regional (default bus, {LOST}, account {MEMBER})" in text
    assert "[RULE_DISABLED]" in text
    assert "Fix: Enable the rule." in text
    assert f"trailforward trace --call ssm:DeleteParameter --write --region {LOST}" in text

    local.deliver(now - HOUR)
    _, lines = local.run(now)
    assert values(lines, "canary_missing") == [1]
    assert (
        local.notifications() == []
    )  # the same Region again: the alarm goes on, and nobody is notified twice


def test_every_region_gets_one_call_with_its_own_name(world: PlantedWorld) -> None:
    """A run makes one call in each Region, and none of them succeeds."""
    local = LocalCanary(world, service="calls")
    local.run(time.time())
    made = [one for one in world.aws.requests if one.operation == "DeleteParameter"]
    assert sorted(one.region for one in made) == sorted(REGIONS)
    assert {one.account for one in made} == {MEMBER}


def test_other_accounts_are_called_with_their_role(world: PlantedWorld) -> None:
    """The canary assumes the given role in another account; one that it may not assume stops no other."""
    local = LocalCanary(world, service="accounts", roles=(AUDIT,), regions=REGIONS[:2])
    result, _ = local.run(time.time())
    made = {(one.account, one.region) for one in world.aws.requests if one.operation == "DeleteParameter"}
    assert made == {(account, region) for account in (MEMBER, HUB) for region in REGIONS[:2]}
    assert result["errors"] == 0
    world.aws.refuse("AccessDenied", operation="AssumeRole")
    result, lines = local.run(time.time())
    assert result == {"called": 4, "missing": [], "errors": 2}
    assert {line["code"] for line in lines if "code" in line} == {"sts:AssumeRole AccessDenied"}


def test_a_refused_call_is_named_as_the_cause(world: PlantedWorld) -> None:
    """If the canary's own call is denied, the notification says so, and the other Regions are unaffected."""
    world.aws.refuse("AccessDeniedException", service="ssm", region=LOST)
    setup = LocalCanary(world).setup
    refused = call_all(setup)
    place = Place(MEMBER, LOST)
    assert refused == {place: "AccessDeniedException"}
    found = causes(setup, [place], refused, 10)
    assert "own call fails with AccessDeniedException" in found[place].why
    assert "CanaryRegions" in found[place].fix


def test_a_canary_that_cannot_read_metrics_says_so(world: PlantedWorld) -> None:
    """Without metrics, nothing counts as arrived or missing: canary_errors counts, and the calls are made."""
    local = LocalCanary(world, service="blind")
    world.aws.refuse("AccessDenied", service="monitoring", times=1)
    result, lines = local.run(time.time())
    assert result == {"called": len(REGIONS), "missing": [], "errors": 1}
    assert values(lines, "canary_missing") == []
    assert values(lines, "canary_errors") == [1]
    assert values(lines, "canary_sent") == [len(REGIONS)]


def test_new_places_are_not_missing(world: PlantedWorld) -> None:
    """After a Region is added, the first run compares nothing: the run before did not call there."""
    local = LocalCanary(world, service="grown", regions=REGIONS[:1])
    now = time.time()
    local.run(now - HOUR)
    local.deliver(now - HOUR)
    local.setup = local.setup._replace(regions=REGIONS[:2])
    result, _ = local.run(now)
    assert result["missing"] == []


def test_without_time_the_text_has_no_link(world: PlantedWorld) -> None:
    """If the doctor cannot finish, the notification is sent without the link, and has the command."""
    setup = LocalCanary(world).setup
    place = Place(MEMBER, LOST)
    found = causes(setup, [place], {}, 0)
    assert found[place].code == ""
    text = notice(setup, [place], found, 0, changed=False).text
    assert "The doctor did not finish in time. The link is not known." in text
    assert "trailforward trace" in text


def test_a_healthy_path_is_said_to_be_late(world: PlantedWorld) -> None:
    """If the doctor finds nothing broken, the text says that the event may be late."""
    setup = LocalCanary(world).setup._replace(roles=(AUDIT,))
    places = [Place(MEMBER, LOST), Place(HUB, LOST)]
    found = causes(setup, places, {}, 60)
    assert found[places[0]].code == "OK"
    assert "may be late" in found[places[0]].why
    assert found[places[1]].code == "NO_TRAIL"


def test_the_handler_reads_its_variables(world: PlantedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler runs with the variables of the template, whatever the schedule's event."""
    for name, value in {
        "CANARY_SERVICE": "handler",
        "CANARY_REGIONS": HOME,
        "CANARY_ROLE": ROLE,
        "CANARY_DESTINATION": QUEUE,
        "AWS_REGION": HOME,
    }.items():
        monkeypatch.setenv(name, value)
    with redirect_stdout(io.StringIO()):
        assert handler({"source": "aws.events"}) == {"called": 1, "missing": [], "errors": 0}


def test_a_clock_that_is_behind_does_not_matter(world: PlantedWorld) -> None:
    """A call whose recorded time is a second before the run still counts as the run's."""
    local = LocalCanary(world, service="clock", regions=(HOME,))
    now = time.time() // 60 * 60
    local.run(now - HOUR)
    local.deliver(now - HOUR - 1)
    result, _ = local.run(now)
    assert result == {"called": 1, "missing": [], "errors": 0}


def test_long_lists_are_cut() -> None:
    """A notification about hundreds of places fits, and its subject stays below the limit of SNS."""
    regions = tuple(f"eu-west-{number}" for number in range(1, 7))
    roles = tuple(f"arn:aws:iam::{number:012}:role/canary" for number in range(1, 40))
    setup = Setup("trailforward", regions, ROLE, roles, "", QUEUE, HOME)
    found = causes(setup, setup.places, dict.fromkeys(setup.places, "Timeout"), 0)
    written = notice(setup, setup.places, found, 0, changed=True)
    assert len(written.subject) < 100
    assert "and 200 more" in written.text
    assert len(written.text) < 60_000
