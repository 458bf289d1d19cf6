"""What an execution refuses at its first state."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.audit_steps import SINCE, UNTIL, WINDOW, World
from tests.support.states import Failed
from tests.support.trail_bucket import TrailBucket, record
from trailforward.audit.steps.request import Request, parse
from trailforward.audit.steps.settings import InvalidInputError, Settings, StepError

ENVIRON = {"TRAILFORWARD_AUDIT_BUCKET": "reports", "TRAILFORWARD_AUDIT_TRAIL": "s3://example-trail/"}
STARTED = "2026-11-28T06:30:00Z"


def parsed(given: Any, **environ: str) -> Request:
    """The request of an input, in a stack with some variables."""
    variables = ENVIRON | {f"TRAILFORWARD_AUDIT_{name}": value for name, value in environ.items()}
    return parse(given, "run", STARTED, Settings.from_env(variables))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([], "not a JSON object"),
        ({}, "mode is None. Fix: write one of audit, backfill, repair."),
        ({"mode": "audti"}, "mode is 'audti'"),
        ({"mode": "audit", "sinc": SINCE}, "sinc is not a key for the mode audit. Fix: write since."),
        ({"mode": "audit", "alerts": True}, "alerts is not a key for the mode audit"),
        ({"mode": "audit", "since": "yesterday"}, "since is 'yesterday'. Fix: write a time such as"),
        ({"mode": "audit", "since": None}, "since is None"),
        ({"mode": "audit", "since": UNTIL, "until": SINCE}, "The window is empty"),
        ({"mode": "audit", "since": SINCE}, "delivered is missing"),
        ({"mode": "audit", "since": SINCE, "accounts": ["1"]}, "accounts is"),
        ({"mode": "audit", "since": SINCE, "regions": "eu-west-1"}, 'write a list such as ."eu-west-1".'),
        ({"mode": "audit", "since": SINCE, "concurrency": 0}, "from 1 to 10,000"),
        ({"mode": "audit", "since": SINCE, "concurrency": True}, "from 1 to 10,000"),
        ({"mode": "audit", "since": SINCE, "compare": 1}, "write true or false"),
        ({"mode": "audit", "since": SINCE, "rule": 1}, "write a text"),
        ({"mode": "audit", "since": SINCE, "delivered": "bucket"}, "write s3://BUCKET/PREFIX"),
        ({"mode": "backfill"}, "since is missing. Fix"),
        ({"mode": "repair"}, "missing is missing. Fix"),
    ],
)
def test_each_key_is_checked(given: Any, text: str) -> None:
    """The text names the key, and has the fix."""
    with pytest.raises(InvalidInputError, match=text) as found:
        parsed(given)
    assert "Fix: " in str(found.value)


def test_the_daily_audit_takes_the_last_day_that_ended_long_enough_ago() -> None:
    """Without since, an audit is of the last day that ended before the delay, and nothing is pending."""
    given = {"mode": "audit", "publish": True}
    days = {delay: parsed(given, DELIVERED="s3://b-1", DELAY_HOURS=delay) for delay in ("6", "7", "30")}
    assert [f"{one.since:%d %H:%M}" for one in days.values()] == ["27 00:00", "26 00:00", "26 00:00"]
    assert [(one.until - one.since).days for one in days.values()] == [1, 1, 1]
    assert [one.wait_hours for one in days.values()] == [6, 7, 30]
    assert parsed({"mode": "audit", "since": SINCE, "delivered": "s3://b-1"}).wait_hours == 24


def test_a_request_survives_json() -> None:
    """Each function reads the request that the first state saved."""
    given = {"mode": "backfill", "since": SINCE, "accounts": ["111122223333"], "regions": ["eu-west-1"]}
    request = parsed(given)
    assert Request.of(request.as_json()) == request


def test_settings_name_what_is_missing() -> None:
    """A function without its variables says which."""
    with pytest.raises(StepError, match="TRAILFORWARD_AUDIT_BUCKET, TRAILFORWARD_AUDIT_TRAIL"):
        Settings.from_env({})


def test_bad_input_fails_at_the_first_state(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot succeed fails at the first state, before anything is read in parallel."""
    TrailBucket(world.folder / "trail").put(1, [record(1)])
    world.upload()
    gone = "s3://no-such-bucket-here"
    row = b'{"file": "x", "index": 0}'
    world.s3.put_object(Bucket=world.reports, Key="missing.ndjson", Body=row)
    world.s3.put_object(Bucket=world.reports, Key="world.json", Body=b"no JSON")
    world.s3.put_object(Bucket=world.bucket, Key="delivered/x", Body=b"")
    cases: list[tuple[Any, str]] = [
        ({"mode": "audti"}, "mode is 'audti'"),
        ({"mode": "audit", "sink": "x", **WINDOW}, "sink needs a configuration"),
        ({"mode": "audit", "since": "2027-01-01T00:00Z", "until": "2027-01-02T00:00Z"}, "has no log files"),
        ({"mode": "audit", "regions": ["eu-south-1"], **WINDOW}, "for Region eu-south-1. Fix"),
        ({"mode": "audit", "trail": gone, **WINDOW}, "no-such-bucket-here does not exist. Fix"),
        ({"mode": "audit", "trail": f"s3://{world.bucket}/other", **WINDOW}, "has no folder AWSLogs"),
        ({"mode": "audit", "delivered": gone, **WINDOW}, "NoSuchBucket"),
        ({"mode": "audit", "delivered": f"s3://{world.bucket}/other", **WINDOW}, "other has no files"),
        ({"mode": "audit", "snapshot": f"s3://{world.reports}/world.json", **WINDOW}, "cannot be used"),
        ({"mode": "backfill", **WINDOW}, "needs the forwarder's configuration"),
        ({"mode": "repair", "missing": f"{gone}/x"}, "NoSuchBucket"),
        ({"mode": "repair", "missing": f"s3://{world.reports}/x"}, "NoSuchKey"),
        ({"mode": "repair", "missing": f"s3://{world.reports}/missing.ndjson"}, "forwarder's configuration"),
    ]
    for given, text in cases:
        execution = world.machine.start("bad", given)
        with pytest.raises(Failed, match=text) as found:
            world.machine.go(execution)
        assert (found.value.state, found.value.error) == ("Check", "InvalidInputError")
        assert execution.transitions == 1
        assert "Fix: " in found.value.cause
    monkeypatch.setenv("TRAILFORWARD_CONFIG", "[sinks.x]\nto = 3")
    with pytest.raises(Failed, match=r"Check: InvalidInputError: 1 problem in the configuration\n.*sinks\.x"):
        world.run("config", mode="backfill", **WINDOW)


def test_a_bucket_in_another_region_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text names both Regions, and where to deploy."""
    region = world.s3.meta.region_name
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    with pytest.raises(Failed, match=f"is in {region}, and this state machine is in eu-north-1"):
        world.run("elsewhere", mode="audit", **WINDOW)
