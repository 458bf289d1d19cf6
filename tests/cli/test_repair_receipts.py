"""From the pipeline's receipts in a bucket to a clean audit: what is missing, and nothing else, is sent."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import unique
from tests.support.command import trailforward
from tests.support.events import sqs, sqs_record
from tests.support.receipt_files import put_receipts
from tests.support.trail_bucket import TrailBucket, dumps, envelope, record
from trailforward import Config, Forwarder
from trailforward.testing import FlakySink, refuse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import Reader
    from tests.support.command import Done

WINDOW = ["--since", "2026-11-26T00:00Z", "--until", "2026-11-27T00:00Z", "--wait", "0"]
NAMES = {4: "Noise", 5: "Repeated", 6: "Repeated", 7: "Few", 8: "Unrouted"}
LONG = {"requestParameters": {"text": "x" * 4_000}}
ROUTES = """
[[routes]]
name = "noise"
pattern = { detail = { eventName = ["Noise"] } }
drop = true
[[routes]]
name = "users"
sinks = ["siem", "copy"]
pattern = { detail = { eventName = ["CreateUser", "Noise"] } }
[[routes]]
name = "repeated"
sinks = ["siem"]
pattern = { detail = { eventName = ["Repeated"] } }
once = { per = ["detail.eventName"], within = "1h" }
allow_lints = ["no-state"]
[[routes]]
name = "few"
sinks = ["copy"]
pattern = { detail = { eventName = ["Few"] } }
threshold = { per = ["detail.eventName"], count = 3, within = "1h" }
allow_lints = ["no-state"]
"""


class World:
    """A pipeline with two queues as sinks, and receipts in a bucket."""

    def __init__(self, folder: Path, aws: Reader) -> None:
        self.folder, self.aws = folder, aws
        self.siem, self.copy, dead = aws.queue(), aws.queue(), aws.queue()
        self.bucket = unique("receipts")
        location = {"LocationConstraint": aws.region}
        aws("s3").create_bucket(Bucket=self.bucket, CreateBucketConfiguration=location)
        self.config = folder / "trailforward.toml"
        to = f"s3://{self.bucket}/r?region={aws.region}"
        self.text = (
            f'receipts = {{ to = "{to}", sha256 = true }}\ndead_letter = "{dead}"\n'
            f'retry = {{ max_attempts = 1 }}\nenvelope_mismatch = "dead_letter"\n'
            f'[sinks.siem]\nto = "{self.siem}"\nlimits = {{ max_entry_bytes = 3000 }}\n'
            f'[sinks.copy]\nto = "{self.copy}"\n{ROUTES}'
        )
        self.receipts = to.partition("?")[0]
        self.records = [record(n, **{"eventName": NAMES[n]} if n in NAMES else {}) for n in range(14)]
        self.records[9] |= LONG
        trail = TrailBucket(folder / "trail")
        for at in (0, 7):
            trail.put(at + 20, self.records[at : at + 7])

    def forward(self, *numbers: int, forged: bool = False, **made: Any) -> None:
        """Forwards some events as the function does."""
        events = [envelope(self.records[number]) for number in numbers]
        if forged:
            events = [{**event, "source": "example.forged"} for event in events]
        batch = sqs(*(sqs_record(dumps(event), f"m-{at}") for at, event in enumerate(events)))
        forwarder = Forwarder(Config.from_toml(self.text), made=made)
        assert forwarder.process(batch)[1].receipts_failed == 0
        forwarder.close()

    def run(self, command: str, *options: str | Path, status: int = 0) -> Done:
        """Audits, or repairs with the configuration."""
        missing = self.folder / "missing.ndjson"
        places = ["--trail", str(self.folder / "trail"), "--missing", str(missing)]
        more = [*WINDOW, "--format", "json"] if command == "audit" else []
        if "--receipts" not in options:
            options = (*options, "--receipts", self.receipts)
        done = trailforward(command, *places, *more, "--config", str(self.config), *options)
        assert done.code == status, done.out + done.err
        return done

    def missing(self) -> dict[str, tuple[str, list[str]]]:
        """Class and sinks of the missing events, by ID."""
        rows = map(json.loads, (self.folder / "missing.ndjson").read_text().splitlines())
        return {row["eventID"]: (row["class"], row["sinks"]) for row in rows}

    def sent(self, queue: str) -> dict[int, int]:
        """How often each event is in a queue."""
        numbers = {one["eventID"]: number for number, one in enumerate(self.records)}
        bodies = [json.loads(message["Body"]) for message in self.aws.messages(queue)]
        return dict(Counter(numbers[body["detail"]["eventID"]] for body in bodies))


def test_receipts_of_a_pipeline_lead_to_a_clean_audit(tmp_path: Path, local_aws: Reader) -> None:
    """Planted gaps are found by class and repaired where they are; a second repair sends nothing."""
    world = World(tmp_path, local_aws)
    world.config.write_text(world.text)
    world.forward(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)  # 9 is too large for one sink
    world.forward(10, forged=True)
    busy = FlakySink([refuse(transient=True)])
    world.forward(11, siem=busy)  # 12 and 13 never come
    first = json.loads(world.run("audit", status=1).out)
    assert first["classes"] == {
        "dropped": 1,
        "suppressed": 1,
        "below_threshold": 1,
        "no_route": 1,
        "dead_lettered": 1,
        "envelope_mismatch": 1,
        "partial": 1,
        "unexpected": 2,
    }
    ids = [one["eventID"] for one in world.records]
    assert world.missing() == {
        ids[9]: ("dead_lettered", ["siem"]),
        ids[10]: ("envelope_mismatch", ["copy", "siem"]),
        ids[11]: ("partial", ["siem"]),
        ids[12]: ("unexpected", ["copy", "siem"]),
        ids[13]: ("unexpected", ["copy", "siem"]),
    }
    assert (first["arrived"], first["compared"], first["altered"], first["unrecorded"]) == (5, 12, 0, 0)
    # The same receipts in a folder give the same result.
    for item in local_aws("s3").list_objects_v2(Bucket=world.bucket)["Contents"]:
        path = tmp_path / "copy" / item["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(local_aws("s3").get_object(Bucket=world.bucket, Key=item["Key"])["Body"].read())
    folder = json.loads(world.run("audit", "--receipts", tmp_path / "copy", status=1).out)
    assert {**folder, "delivered_from": ""} == {**first, "delivered_from": ""}
    # The cause is removed, and the events are sent.
    fixed = world.text.replace('"dead_letter"', '"count"').replace("max_entry_bytes = 3000", "")
    world.config.write_text(fixed)
    world.run("repair")
    clean = json.loads(world.run("audit").out)
    assert clean["classes"] == {"dropped": 1, "suppressed": 1, "below_threshold": 1, "no_route": 1}
    assert clean["duplicates"] == 0
    # The list is empty now; the earlier one sends nothing either.
    world.run("audit", "--receipts", tmp_path / "copy", status=1)
    done = world.run("repair")
    assert "not sent again: 5" in done.err
    assert "no events to repair" in done.err
    siem, copy = world.sent(world.siem), world.sent(world.copy)
    assert siem == {0: 1, 1: 1, 2: 1, 3: 1, 5: 1, 9: 1, 10: 1, 11: 1, 12: 1, 13: 1}
    assert copy == {0: 1, 1: 1, 2: 1, 3: 1, 9: 1, 10: 1, 11: 1, 12: 1, 13: 1}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"siem": 2, "chat": 2}),
        (["--sink", "chat"], {"chat": 2}),
        (["--receipts", "x"], {"siem": 2, "chat": 1}),
        (["--receipts", "x", "--sink", "siem"], {"siem": 2}),
        (["--receipts", "x", "--sink", "siem", "--sink", "chat"], {"siem": 2, "chat": 1}),
    ],
)
def test_each_sink_gets_what_it_needs(tmp_path: Path, options: list[str], expected: dict[str, int]) -> None:
    """The list names the sinks of each event, and receipts leave out those that have it meanwhile."""
    records = [record(number) for number in range(3)]
    key = TrailBucket(tmp_path / "trail").put(10, records)
    sinks = [["siem"], ["siem", "chat"], ["chat"]]
    rows = [
        {"eventID": one["eventID"], "eventTime": one["eventTime"], "file": key, "index": n, "sinks": sinks[n]}
        for n, one in enumerate(records)
    ]
    (tmp_path / "missing.ndjson").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    put_receipts(tmp_path / "receipts", [(records[2], {"chat": "delivered", "siem": "f:no_route"})])
    config = tmp_path / "trailforward.toml"
    config.write_text(
        "".join(f'[sinks.{name}]\nto = "file:{tmp_path}/{name}"\n' for name in ("siem", "chat"))
    )
    given = [str(tmp_path / "receipts") if text == "x" else text for text in options]
    places = ["--trail", str(tmp_path / "trail"), "--missing", str(tmp_path / "missing.ndjson")]
    done = trailforward("repair", *places, "--config", str(config), *given)
    assert done.code == 0, done.err
    found = {name: tmp_path / name for name in ("siem", "chat") if (tmp_path / name).exists()}
    assert {name: len(path.read_bytes().splitlines()) for name, path in found.items()} == expected
