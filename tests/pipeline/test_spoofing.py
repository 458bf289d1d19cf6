"""Spoofed envelopes are counted, tagged, or dead-lettered; real ones are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.events import envelope
from trailforward import Config, Forwarder, Message, Origin
from trailforward.message import as_envelope
from trailforward.pipeline.spoofing import mismatch
from trailforward.pipeline.telemetry import PlainTelemetry, PowertoolsTelemetry
from trailforward.testing import FlakySink, samples

if TYPE_CHECKING:
    from tests.support.stub_aws import StubAws

SNS = "arn:aws:sns:us-west-2:111122223333:alerts"
SQS = "arn:aws:sqs:us-west-2:111122223333:cloudsec"


def event(detail: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """An envelope with changes; ``detail`` changes the record in it."""
    made = json.loads(envelope(1, **(detail or {})))
    return {**made, **changes}


@pytest.mark.parametrize("name", samples.names())
def test_real_events_have_no_mismatch(name: str) -> None:
    """No sample of a real event has a mismatch."""
    assert mismatch(json.loads(samples.load(name))) == ""


def test_a_record_without_an_envelope_has_no_mismatch() -> None:
    """The envelope that a record gets agrees with the record."""
    assert mismatch(as_envelope(event()["detail"])) == ""


@pytest.mark.parametrize(
    ("spoofed", "kind"),
    [
        (event(source="evil"), "source"),
        (event(source="aws"), "source"),
        (event(source=None), "source"),
        (event(account=f"{123456789012 + 9}"), "account"),
        (event({"recipientAccountId": None, "accountId": f"{123456789012 + 9}"}), "account"),
        (event(region="us-east-1"), "region"),
    ],
)
def test_mismatches_are_named(spoofed: dict[str, Any], kind: str) -> None:
    """A copied record in a spoofed envelope is detected by source, account, or Region."""
    assert mismatch(spoofed) == kind


@pytest.mark.parametrize(
    "legitimate",
    [
        event(region="us-east-1", detail={"eventSource": "iam.amazonaws.com"}),
        event(region="us-east-1", detail={"eventSource": "sts.amazonaws.com"}),
        event(region="us-west-2", detail={"eventSource": "globalaccelerator.amazonaws.com"}),
        event(region="eu-north-1", detail={"eventType": "AwsConsoleSignIn"}),
        event(region="eu-north-1", detail={"eventType": "AwsServiceEvent"}),
        event(region="eu-north-1", detail={"eventSource": None}),
        event(id="another", time="2026-05-04T09:16:00Z"),  # after a hop to another Region
        event(region=None, account=3),
        event({"recipientAccountId": None, "awsRegion": "x", "eventType": 3, "eventSource": 3}),
        event() | {"detail": "text"},
        event() | {"detail": {"instance-id": "i-1", "state": "running"}},  # not a CloudTrail event
    ],
)
def test_the_legitimate_exceptions_are_known(legitimate: dict[str, Any]) -> None:
    """Global services, sign-ins, service events, hops, and missing fields are not mismatches."""
    assert mismatch(legitimate) == ""


def forward(mode: str, telemetry: Any = None) -> tuple[FlakySink, Any]:
    """Forwards a real event and a spoofed one."""
    config = Config.from_toml(
        f'envelope_mismatch = "{mode}"\n[sinks.a]\nto = "stdout:"\n[sinks.b]\nto = "file:/dev/null"\n'
        '[[routes]]\nname = "r"\nsinks = ["a"]\n[[routes]]\nname = "s"\nsinks = ["b"]\n'
        'pattern = { source = ["x"] }\n'
    )
    sink = FlakySink()
    forwarder = Forwarder(config, made={"a": sink, "b": FlakySink()}, telemetry=telemetry)
    spoofed = json.dumps(event(source="evil")).encode()
    return sink, forwarder.forward([Message(envelope(1), Origin("test")), Message(spoofed, Origin("test"))])


def test_spoofed_events_are_counted_and_forwarded(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """By default spoofed events are forwarded, counted in a metric, and logged."""
    sink, outcome = forward("count", PowertoolsTelemetry())
    assert outcome.mismatches == {"source": 1}
    assert outcome.totals("a").delivered == 2
    assert [dict(entry.attributes) for entry in sink.taken] == [{}, {}]
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metric,) = [line for line in written if "envelope_mismatch" in line]
    assert (metric["field"], metric["envelope_mismatch"]) == ("source", [1.0])
    forward("count", PlainTelemetry())
    assert "1 events whose envelope's source" in caplog.text


def test_spoofed_events_can_be_tagged(stub: StubAws) -> None:
    """SNS subscribers and SQS consumers see the mismatch in a message attribute."""
    sink, _ = forward("tag")
    assert [entry.attributes.get("trailforward-envelope-mismatch") for entry in sink.taken] == [
        None,
        "source",
    ]
    config = Config.from_toml(
        f'envelope_mismatch = "tag"\n[sinks.a]\nto = "{SNS}"\n[sinks.b]\nto = "{SQS}"\n'
    )
    forwarder = Forwarder(config)
    forwarder.forward([Message(json.dumps(event(account=f"{123456789012 + 9}")).encode(), Origin("test"))])
    forwarder.close()
    for place in ("sns:us-west-2", "sqs:us-west-2"):
        assert stub.stored(place)[0].attributes["trailforward-envelope-mismatch"] == "account"


def test_spoofed_events_can_be_dead_lettered() -> None:
    """If so configured, spoofed events are dead-lettered, for the sinks that routes name."""
    sink, outcome = forward("dead_letter")
    assert len(sink.taken) == 1
    assert outcome.verdicts["a"][1].code == "envelope_mismatch"
    assert outcome.verdicts["b"][1].code == "no_route"
