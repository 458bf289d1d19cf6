"""Tests of examples/restart-stopped-trail with a local CloudTrail over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.examples.remediation import EXAMPLES, NOTHING, Loaded, outcomes
from tests.sam.cfn import ACCOUNT, REGION, Refused, Stack, parse
from tests.support.aws import unique
from trailforward import Pattern
from trailforward.testing import as_sqs, assumed_role, cloudtrail_event

if TYPE_CHECKING:
    from tests.support.aws import Reader

NAME = "restart-stopped-trail"
TEMPLATE = parse((EXAMPLES / NAME / "template.yaml").read_text())


class Trail:
    """A trail of the local AWS that is logging."""

    def __init__(self, aws: Reader) -> None:
        self._cloudtrail, self.region = aws("cloudtrail"), aws.region
        self.name = unique("trail")
        location = {"LocationConstraint": aws.region}
        aws("s3").create_bucket(Bucket=self.name, CreateBucketConfiguration=location)
        self.arn: str = self._cloudtrail.create_trail(Name=self.name, S3BucketName=self.name)["TrailARN"]
        self._cloudtrail.start_logging(Name=self.name)

    def stop(self) -> None:
        """Stops it."""
        self._cloudtrail.stop_logging(Name=self.name)

    def start(self) -> None:
        """Starts it, as another person would."""
        self._cloudtrail.start_logging(Name=self.name)

    def delete(self) -> None:
        """Deletes it."""
        self._cloudtrail.delete_trail(Name=self.name)

    def state(self) -> dict[str, Any]:
        """Everything that AWS says about it, apart from the times of its deliveries."""
        status = self._cloudtrail.get_trail_status(Name=self.name)
        return {
            "logging": status["IsLogging"],
            "started": status.get("StartLoggingTime"),
            "trail": self._cloudtrail.get_trail(Name=self.name)["Trail"],
            "selectors": self._cloudtrail.get_event_selectors(TrailName=self.name)["EventSelectors"],
        }

    @property
    def logging(self) -> bool:
        """Whether it is logging."""
        return bool(self.state()["logging"])

    def event(self, name: str = "StopLogging", **more: Any) -> Any:
        """Returns the event of a call on this trail."""
        made = cloudtrail_event(name, region=self.region, **more)
        return made.with_changes({"detail.requestParameters": {"name": self.arn}})


@pytest.fixture
def trail(local_aws: Reader, monkeypatch: pytest.MonkeyPatch) -> Trail:
    """A stopped trail in the function's Region."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", local_aws.region)
    made = Trail(local_aws)
    made.stop()
    return made


@pytest.mark.parametrize("by", ["ARN", "name"])
def test_a_stopped_trail_is_started(
    by: str, trail: Trail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The trail logs again, whether the request has its ARN or its name; a repeat changes nothing."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    named = trail.arn if by == "ARN" else trail.name
    event = trail.event(user="rosa").with_changes({"detail.requestParameters": {"name": named}})
    assert function.app.handler(as_sqs(event, event), None) == NOTHING
    assert trail.logging
    assert function.changes == ["StartLogging"]
    assert outcomes(caplog, "trail") == ["started", "already logging"]
    record = next(record for record in caplog.records if hasattr(record, "trail"))
    assert (record.actor, record.event_id, record.trail) == ("rosa", event["detail"]["eventID"], named)  # type: ignore[attr-defined]


@pytest.mark.parametrize("environ", [{}, {"DRY_RUN": "true"}, {"DRY_RUN": "no"}, {"DRY_RUN": ""}], ids=str)
def test_a_dry_run_changes_nothing(
    environ: dict[str, str],
    trail: Trail,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Unless DRY_RUN is "false", the function makes no call but reads, and the trail's state is the same."""
    function = Loaded(NAME, monkeypatch, **environ)
    before = trail.state()
    assert function.app.handler(as_sqs(trail.event()), None) == NOTHING
    assert trail.state() == before
    assert not trail.logging
    assert (function.called, function.changes) == (["GetTrailStatus"], [])
    assert outcomes(caplog, "trail") == ["would start"]


def test_a_trail_that_may_be_stopped_stays(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trail in MAY_STOP stays stopped, whether the event has its name or its ARN."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false", MAY_STOP=f"other, {trail.name}")
    assert function.app.handler(as_sqs(trail.event()), None) == NOTHING
    assert not trail.logging
    assert function.called == []


def test_a_deleted_trail_counts_as_success(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the trail no longer exists, there is nothing to start."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    trail.delete()
    assert function.app.handler(as_sqs(trail.event()), None) == NOTHING
    assert outcomes(caplog, "trail") == ["already gone"]


@pytest.mark.parametrize(
    "changes",
    [
        {"detail.eventName": "StartLogging"},
        {"detail.eventName": "DeleteTrail"},
        {"detail.eventSource": "s3.amazonaws.com"},
        {"detail.errorCode": "AccessDenied"},
    ],
    ids=["start", "deletion", "other service", "refused"],
)
def test_all_other_events_are_ignored(
    changes: dict[str, Any], trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other calls and failed calls cause no call."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    assert function.app.handler(as_sqs(trail.event().with_changes(changes)), None) == NOTHING
    assert function.called == []


def test_only_failed_messages_are_returned(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid body and a request without a trail fail alone; their neighbor is handled."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    silent = trail.event().with_changes({"detail.requestParameters": None})
    payload = as_sqs("no event", silent, trail.event())
    ids = [record["messageId"] for record in payload["Records"]]
    response = function.app.handler(payload, None)
    assert response == {"batchItemFailures": [{"itemIdentifier": ident} for ident in ids[:2]]}
    assert trail.logging


def test_its_own_calls_do_not_trigger_it(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule matches the stop, and none of the calls that the function made for it."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    function.app.handler(as_sqs(trail.event()), None)
    pattern = Pattern(Stack(TEMPLATE).properties("Rule")["EventPattern"])
    where: dict[str, Any] = {"account": ACCOUNT, "region": REGION}
    role = assumed_role("restart-stopped-trail-FunctionRole", "session")
    stop = cloudtrail_event("StopLogging", user=role, **where)
    assert pattern.matches(stop)
    assert function.called == ["GetTrailStatus", "StartLogging"]
    for name in function.called:
        assert not pattern.matches(stop.with_changes({"detail.eventName": name})), name


def test_the_rule_matches_successful_stops_here() -> None:
    """The pattern matches successful calls of this account and Region by anybody, also by the own role."""
    pattern = Pattern(Stack(TEMPLATE).properties("Rule")["EventPattern"])
    role = assumed_role("restart-stopped-trail-FunctionRole", "session")
    event = cloudtrail_event("StopLogging", account=ACCOUNT, region=REGION, user=role)
    assert pattern.matches(event)
    for changes in [
        {"detail.errorCode": "AccessDenied"},
        {"account": "123456789012"},
        {"region": "us-east-1"},
    ]:
        assert not pattern.matches(event.with_changes(changes)), changes


def test_the_role_may_start_trails_and_little_else() -> None:
    """The role allows two CloudTrail actions, on the trails of this account and Region."""
    (policy,) = Stack(TEMPLATE).properties("FunctionRole")["Policies"]
    by_sid = {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}
    assert set(by_sid) == {"Start", "Source", "Logs"}
    assert by_sid["Start"]["Action"] == ["cloudtrail:GetTrailStatus", "cloudtrail:StartLogging"]
    assert by_sid["Start"]["Resource"] == f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/*"


def test_the_template_is_a_dry_run_by_default() -> None:
    """By default the function changes nothing, and failures are reported per message."""
    stack = Stack(TEMPLATE)
    assert stack.properties("Restarter")["Environment"]["Variables"] == {"DRY_RUN": "true", "MAY_STOP": ""}
    assert stack.properties("EventsToFunction")["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert Stack(TEMPLATE, MayStop="spare-trail,other_trail").present
    for wrong in ({"MayStop": "a, b"}, {"DryRun": "no"}):
        with pytest.raises(Refused):
            Stack(TEMPLATE, **wrong)
