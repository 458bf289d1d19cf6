from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import unique
from tests.support.canaries import ROLE as CANARY_ROLE
from tests.support.canaries import canary
from tests.support.command import trailforward
from tests.support.digest_chain import DigestChain, public_keys
from tests.support.trail_bucket import START, TrailBucket, put_delivered, record
from trailforward.config import Config
from trailforward.pipeline.self_guard import build_guard

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import Reader

WINDOW = ["--since", "2026-11-26T00:00Z", "--until", "2026-11-27T00:00Z", "--wait", "0"]


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    """A trail of three events, of which the first arrived, and one is read-only."""
    trail = TrailBucket(tmp_path / "trail")
    trail.put(10, [record(1), record(2), record(3, readOnly=True)])
    put_delivered(tmp_path / "delivered", [record(1)])
    return ["--trail", str(tmp_path / "trail"), "--delivered", str(tmp_path / "delivered")]


def test_the_missing_events_are_listed_and_the_report_is_json(tmp_path: Path, places: list[str]) -> None:
    """``--missing`` lists each unexpected absence with its place, and the exit status is 1."""
    done = trailforward(
        "audit", *places, *WINDOW, "--format", "json", "--missing", str(tmp_path / "missing.ndjson")
    )
    assert done.code == 1, done.err
    report = json.loads(done.out)
    assert report["classes"] == {"read_only": 1, "unexpected": 1}
    assert len(report["assumptions"]) == 2
    (line,) = (tmp_path / "missing.ndjson").read_text().splitlines()
    row = json.loads(line)
    assert (row["eventID"], row["class"], row["index"]) == (record(2)["eventID"], "unexpected", 1)


def test_the_report_is_written_as_a_page_or_printed(tmp_path: Path, places: list[str]) -> None:
    """``--format html`` gives a page, ``--output`` writes it, and the exit status stays the same."""
    page = tmp_path / "reports" / "audit.html"
    done = trailforward("audit", *places, *WINDOW, "--format", "html", "--output", str(page))
    assert (done.code, done.out) == (1, ""), done.err
    text = page.read_text("utf-8")
    assert "1 of 3 events did not arrive and should have" in text
    assert record(2)["eventID"] in text
    for form, part in (
        ("html", "</html>"),
        ("markdown", "### What this proves"),
        ("terminal", "What this proves"),
    ):
        done = trailforward("audit", *places, *WINDOW, "--format", form, "--missing", str(tmp_path / "list"))
        assert done.code == 1, done.err
        assert part in done.out
        assert "list lists all of them" in done.out or form != "html"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--since", "2026-12-01", "--until", "2026-12-02"], "no log files delivered"),
        (["--since", "yesterday", "--until", "2026-12-02"], "write a time such as"),
        (["--since", "2026-12-02", "--until", "2026-12-01"], "is not before"),
        ([*WINDOW, "--sink", "siem"], "need --config"),
        ([*WINDOW, "--own-role", "arn:aws:iam::111122223333:role/forwarder"], "need --config"),
        ([*WINDOW, "--format", "xml"], "Unknown format"),
        ([*WINDOW, "--original", "s3://example-trail"], "need --digests"),
        ([*WINDOW, "--digests", "--public-keys", "/dev/null"], "not the output of aws cloudtrail"),
    ],
)
def test_wrong_options_say_what_to_change(places: list[str], options: list[str], text: str) -> None:
    """A wrong option or an empty window gets exit status 2, and a sentence that says what to change."""
    done = trailforward("audit", *places, *options)
    assert done.code == 2
    assert text in done.err


def test_the_configuration_explains_what_no_route_sends(tmp_path: Path, places: list[str]) -> None:
    """With a configuration, events that it sends to no sink are expected to be absent."""
    config = tmp_path / "trailforward.toml"
    config.write_text(
        '[sinks.all]\nto = "file:///dev/null"\n[[routes]]\nname = "none"\nsinks = ["all"]\n'
        'pattern = \'{"source": ["aws.s3"]}\'\n'
    )
    done = trailforward("audit", *places, *WINDOW, "--config", str(config), "--format", "json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["classes"] == {"read_only": 1, "no_route": 1}


def test_digests_show_that_a_log_file_was_deleted(tmp_path: Path, places: list[str]) -> None:
    """With ``--digests``, a deleted log file gets exit status 1, although nothing else is missing."""
    trail = tmp_path / "trail"
    deleted = TrailBucket(trail).put(70, [record(4)])
    logs = [(10, next(trail.rglob("*T0010Z*")).relative_to(trail).as_posix()), (70, deleted)]
    DigestChain(trail).hourly(0, 26, logs)
    (tmp_path / "keys.json").write_text(json.dumps(public_keys()))
    put_delivered(tmp_path / "delivered", [record(number) for number in (1, 2, 4)])
    options = [*places, *WINDOW, "--digests", "--public-keys", str(tmp_path / "keys.json")]
    done = trailforward("audit", *options)
    assert done.code == 0, done.out + done.err
    assert "complete and unchanged" in " ".join(done.out.split())
    (trail / deleted).unlink()
    done = trailforward("audit", *options, "--format", "json")
    assert done.code == 1, done.err
    (finding,) = json.loads(done.out)["digests"]["findings"]
    assert (finding["code"], finding["key"]) == ("LOG_MISSING", deleted)
    for path in trail.rglob("*_CloudTrail_*.gz"):
        path.unlink()
    done = trailforward("audit", *options)
    assert done.code == 1
    assert done.err.count("LOG_MISSING") == 2


ROLE = "arn:aws:iam::111122223333:role/forwarder"
STREAM = "arn:aws:kinesis:eu-west-1:111122223333:stream/{}"


def by_role(number: int, name: str = "PutRecords", stream: str = "events", **fields: Any) -> dict[str, Any]:
    """A call of the forwarder's role."""
    arn = STREAM.format(stream)
    made = record(number, eventSource="kinesis.amazonaws.com", eventName=name)
    session = "arn:aws:sts::111122223333:assumed-role/forwarder/forwarder"
    issuer = {"type": "Role", "arn": ROLE, "accountId": "111122223333", "userName": "forwarder"}
    identity = {"type": "AssumedRole", "arn": session, "sessionContext": {"sessionIssuer": issuer}}
    given = {"streamName": stream, "streamARN": arn}
    resources = [{"type": "AWS::Kinesis::Stream", "ARN": arn, "accountId": "111122223333"}]
    return made | {"userIdentity": identity, "requestParameters": given, "resources": resources} | fields


def test_only_the_regular_calls_of_the_forwarder_are_expected(tmp_path: Path) -> None:
    """``--own-role`` explains what the pipeline leaves out, and no other call with the same role."""
    trail = TrailBucket(tmp_path / "trail")
    denied = {"errorCode": "AccessDenied"}
    calls = [by_role(2), by_role(3, "DeleteStream"), by_role(4, stream="other"), by_role(5, **denied)]
    trail.put(10, [record(1), *calls])
    put_delivered(tmp_path / "delivered", [record(1)])
    config = tmp_path / "trailforward.toml"
    config.write_text(f'[sinks.all]\nto = "{STREAM.format("events")}"\n')
    places = ["--trail", str(tmp_path / "trail"), "--delivered", str(tmp_path / "delivered")]
    options = ["--config", str(config), "--format", "json", "--own-role"]
    found = json.loads(trailforward("audit", *places, *WINDOW, *options, ROLE).out)
    guard = build_guard(Config.to(STREAM.format("events"), own_arns=[ROLE]))
    own = [guard.is_own({"detail": one}) for one in calls]
    assert own[:3] == [True, False, False]
    assert found["classes"] == {"self": sum(own), "unexpected": len(own) - sum(own)}
    done = trailforward("audit", *places, *WINDOW, *options, "forwarder")
    assert done.code == 2
    assert "--own-role forwarder: an ARN has six parts" in done.err


def test_canaries_of_the_stack_are_expected(tmp_path: Path) -> None:
    """A canary that the configuration keeps from the sink is not missing; calls like it are."""
    trail = TrailBucket(tmp_path / "trail")
    records = [canary(at=START)["detail"], canary(at=START, name="/production/password1")["detail"]]
    records[1]["eventID"] = record(2)["eventID"]
    trail.put(10, [record(1), *records])
    put_delivered(tmp_path / "delivered", [record(1)])
    config = tmp_path / "trailforward.toml"
    config.write_text(f'canary_roles = ["{CANARY_ROLE}"]\n[sinks.all]\nto = "file:///dev/null"\n')
    places = ["--trail", str(tmp_path / "trail"), "--delivered", str(tmp_path / "delivered")]
    done = trailforward("audit", *places, *WINDOW, "--config", str(config), "--format", "json")
    assert json.loads(done.out)["classes"] == {"canary": 1, "unexpected": 1}


@pytest.mark.parametrize(
    ("below", "recorded"), [("AWSLogs", 4), ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026", 3)]
)
def test_a_location_within_awslogs_is_accepted(
    tmp_path: Path, places: list[str], below: str, recorded: int
) -> None:
    """A location below ``AWSLogs`` is read from above it, for its account and Region; repair does so, too."""
    TrailBucket(tmp_path / "trail").put(10, [record(9)], region="us-east-1")
    place = f"{tmp_path / 'trail'}/{below}"
    missing = str(tmp_path / "missing.ndjson")
    options = [*places[2:], *WINDOW, "--format", "json", "--missing", missing]
    done = trailforward("audit", "--trail", place, *options)
    assert json.loads(done.out)["recorded"] == recorded, done.err
    to = f"file:{tmp_path / 'repaired.ndjson'}"
    assert trailforward("repair", "--missing", missing, "--trail", place, "--to", to).code == 0


@pytest.mark.parametrize("side", ["--trail", "--delivered"])
def test_a_wrong_prefix_says_what_the_bucket_has(
    places: list[str], local_aws: Reader, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    """A prefix below which there is nothing gets an error with the folders that exist above it."""
    client: Any = local_aws("s3")
    name = unique("prefix")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": local_aws.region})
    for key in ("one/a/x", "one/b/x", "two/x"):
        client.put_object(Bucket=name, Key=key, Body=b"{}")
    options = ["audit", *places, *WINDOW, side]
    done = trailforward(*options, f"s3://{name}/one/c/d")
    assert done.code == 2
    assert f"it is empty; s3://{name}/one/ has the folders a/, b/" in done.err
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert (
        f"it is empty; s3://{name}/ has the folders one/, two/"
        in trailforward(*options, f"s3://{name}/x").err
    )
    done = trailforward(*options, f"s3://{unique('none')}/x")
    assert done.code == 2
    assert "NoSuchBucket" in done.err
