"""A trail, what arrived, and the audit's state machine with our functions, in a local AWS."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sam.cfn import Stack, load
from tests.support.audit_day import write_day
from tests.support.aws import unique
from tests.support.states import Machine
from trailforward.audit.classes import Classifier
from trailforward.audit.report import render
from trailforward.audit.rules import Rules
from trailforward.audit.run import Audit, audit
from trailforward.audit.steps import function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import pytest

    from trailforward.audit.changes import Change

SINCE, UNTIL = "2026-11-26T00:00Z", "2026-11-27T00:00Z"
WINDOW = {"since": SINCE, "until": UNTIL}
START = datetime(2026, 11, 26, tzinfo=UTC)
TEMPLATE = load("audit.yaml")


class Context:
    """Lambda's context, with this much time."""

    def __init__(self, seconds: float = 900) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        """The time that is left."""
        return int(self.seconds * 1000)


class World:
    """A trail's bucket, a bucket with what arrived, and the deployed state machine.

    Attributes:
        s3: a client.
        trail: location of the trail.
        delivered: location of what arrived.
        context: of the functions.
        seen: payloads of the functions.
    """

    def __init__(self, aws: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine: Machine
        self.s3 = aws("s3")
        self.aws = aws
        self.folder = folder
        region = self.s3.meta.region_name
        self.bucket, self.reports = unique("steps"), unique("reports")
        for name in (self.bucket, self.reports):
            self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        self.trail, self.delivered = f"s3://{self.bucket}/trail/", f"s3://{self.bucket}/delivered/"
        self.context = Context()
        self.seen: list[dict[str, Any]] = []
        stack = Stack(
            TEMPLATE,
            TrailBucket=self.bucket,
            TrailPrefix="trail/",
            DeliveredBucket=self.bucket,
            DeliveredPrefix="delivered/",
            DailyAudit="enabled",
            GroupsPerChild="2",
        )
        for name, value in stack.properties("Reader")["Environment"]["Variables"].items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("TRAILFORWARD_AUDIT_BUCKET", self.reports)
        monkeypatch.setenv("AWS_REGION", region)
        text = json.dumps(stack.properties("StateMachine")["Definition"])
        self.definition = json.loads(text.replace(stack.resolve({"Ref": "Reports"}), self.reports))
        self.arns = [stack.resolve({"Fn::GetAtt": [name, "Arn"]}) for name in ("Reader", "Sender")]
        self.through(self.call)
        function._client.cache_clear()

    def call(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Invokes the function."""
        self.seen.append(payload)
        return function.lambda_handler(payload, self.context)

    def upload(self) -> None:
        """Uploads what the folder has."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                key = path.relative_to(self.folder).as_posix()
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=path.read_bytes())

    def read(self, place: str) -> bytes:
        """An object."""
        bucket, _, key = place.removeprefix("s3://").partition("/")
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def objects(self, prefix: str) -> dict[str, bytes]:
        """The objects of the report bucket below a prefix."""
        found = self.s3.list_objects_v2(Bucket=self.reports, Prefix=prefix).get("Contents", [])
        return {one["Key"]: self.read(f"s3://{self.reports}/{one['Key']}") for one in found}

    def command(
        self, place: str = "", began: str = "2026-11-28T06:30:00Z", **options: Any
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The report of the command for the same places, and its missing events."""
        now = datetime.fromisoformat(began)
        window = START, START + timedelta(days=1)
        wanted = Audit(self.trail, place or self.delivered, *window, now=now, **options)
        young = f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"

        def make(changes: Sequence[Change]) -> Classifier:
            return Classifier(Rules(None, changes), young)

        result = audit(wanted, make, self.folder / "state", lambda *_: None, 1)
        result.time = now
        report = json.loads(render(result, "json"))
        report["reasons"] = sorted(map(json.dumps, report["reasons"]))
        return report, list(result.unexpected)

    def through(self, call: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Lets another function get all payloads."""
        self.machine = Machine(self.definition, dict.fromkeys(self.arns, call), self.s3)

    def run(self, name: str, **given: Any) -> dict[str, Any]:
        """Runs a new execution to its end, and returns its output."""
        output: dict[str, Any] = self.machine.go(self.machine.start(name, given))
        return output

    def report(self, output: dict[str, Any]) -> dict[str, Any]:
        """The report of an execution, without what the order of reading decides."""
        report: dict[str, Any] = json.loads(self.read(output["report"]))
        return report | {"reasons": sorted(map(json.dumps, report["reasons"]))}


def a_day(world: World) -> None:
    """The day of :func:`write_day` in the buckets."""
    write_day(world.folder)
    world.upload()


def queue_of(world: World, monkeypatch: pytest.MonkeyPatch, more: str = "") -> str:
    """Makes a queue the destination, and returns its URL."""
    url: str = world.aws("sqs").create_queue(QueueName=unique("steps"))["QueueUrl"]
    region, name = world.s3.meta.region_name, url.rpartition("/")[2]
    text = f'[sinks.queue]\nto = "arn:aws:sqs:{region}:123456789012:{name}"\n{more}'
    monkeypatch.setenv("TRAILFORWARD_CONFIG", text)
    return url


def received(world: World, url: str) -> list[dict[str, Any]]:
    """The messages of a queue, which is empty then."""
    sqs, found = world.aws("sqs"), []
    while some := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for one in some:
            found.append(json.loads(one["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return found


def ids(events: Iterable[dict[str, Any]]) -> list[str]:
    """IDs of the records in events."""
    return sorted(event["detail"]["eventID"] for event in events)
