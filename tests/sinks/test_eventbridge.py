"""EventBridge buses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.entries import ODD
from tests.support.events import Context, envelope, sqs, sqs_record
from tests.support.stub_aws import Partial, Refusal, Refuse, StubAws, containing
from trailforward import Config, ConfigError, Forwarder
from trailforward.errors import PermanentError, TransientError
from trailforward.sinks import eventbridge
from trailforward.sinks.base import Entry
from trailforward.sinks.eventbridge import LIMITS, EventBridgeSettings, EventBridgeSink

if TYPE_CHECKING:
    from tests.support.aws import Reader

ARN = "arn:aws:events:us-west-2:123456789012:event-bus/security"
PLACE = "events:us-west-2"
DESCRIBE = f"{PLACE}:DescribeEventBus"


def sink(to: str = ARN, **settings: Any) -> EventBridgeSink:
    """A sink with these settings."""
    return EventBridgeSink(EventBridgeSettings(to=to, **settings))


def entries(*data: bytes) -> list[Entry]:
    """Entries with these bytes."""
    return [Entry(each, f"key-{index}") for index, each in enumerate(data)]


def test_the_envelope_is_the_detail_byte_for_byte(stub: StubAws) -> None:
    """The whole envelope travels as the text of ``detail``, under a source and detail-type of its own."""
    data = ODD[:5]
    assert sink().send(entries(*data)) == []
    assert stub.taken(PLACE) == data
    item = stub.stored(PLACE)[0]
    assert (item.resource, item.subject) == (ARN, "CloudTrail Event by trailforward")
    assert item.attributes == {"source": "trailforward", "resources": ARN}


def test_a_bus_takes_the_events(local_aws: Reader) -> None:
    """A bus that exists is found, and takes the events, in another Region than the function's."""
    client = local_aws("events")
    arn = client.create_event_bus(Name="security")["EventBusArn"]
    assert sink(arn).send(entries(envelope(1), envelope(2))) == []


def test_a_bus_that_does_not_exist_is_found_out(local_aws: Reader) -> None:
    """EventBridge answers success for an absent bus and drops the events: the sink refuses for good."""
    with pytest.raises(PermanentError) as caught:
        sink(f"arn:aws:events:{local_aws.region}:123456789012:event-bus/absent").send(entries(b"{}"))
    assert caught.value.code == "ResourceNotFoundException"
    assert "drop the events" in str(caught.value)


def test_a_bus_that_may_not_be_described_says_what_to_grant(stub: StubAws) -> None:
    """Without permission to look, nothing is sent on trust, unless the check is switched off."""
    stub.always(DESCRIBE, Refuse(403, "AccessDeniedException"))
    with pytest.raises(PermanentError, match=r"grant events:DescribeEventBus.*check_bus = false"):
        sink().send(entries(b"{}"))
    assert stub.taken(PLACE) == []
    assert sink(check_bus=False).send(entries(b"{}")) == []


def test_a_bus_that_cannot_be_seen_right_now_is_tried_again(stub: StubAws) -> None:
    """A throttled check is a passing failure."""
    stub.script(DESCRIBE, Refuse(400, "ThrottlingException"))
    made = sink()
    with pytest.raises(TransientError):
        made.send(entries(b"{}"))
    assert made.send(entries(b"{}")) == []


def test_the_bus_is_looked_for_once_in_a_while(stub: StubAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check costs one call per environment and quarter of an hour, not one per batch."""
    made = sink()
    made.send(entries(b"{}"))
    made.send(entries(b"{}"))
    assert stub.calls[DESCRIBE] == 1
    monkeypatch.setattr(eventbridge, "CHECK_SECONDS", 0.0)
    made.send(entries(b"{}"))
    made.close()
    assert stub.calls[DESCRIBE] == 2


@pytest.mark.parametrize(
    ("code", "transient"),
    [
        ("InternalFailure", True),
        ("ThrottlingException", True),
        ("MalformedDetail", False),
        ("InvalidArgument", False),
        ("NotAuthorizedForSourceException", False),
        ("AccessDeniedException", False),
    ],
)
def test_only_the_refused_entry_is_told(stub: StubAws, code: str, transient: bool) -> None:  # noqa: FBT001
    """An integer beyond int64, or too many levels, cost that entry and no other."""
    stub.script(PLACE, Partial(containing(b"bad"), Refusal(code)))
    (refusal,) = sink().send(entries(b'{"a":1}', b'{"bad":18446744073709551615}', b'{"c":3}'))
    assert (refusal.index, refusal.code, refusal.transient) == (1, code, transient)
    assert stub.taken(PLACE) == [b'{"a":1}', b'{"c":3}']


def test_what_is_no_utf8_is_refused_alone(stub: StubAws) -> None:
    """Bytes that no text can hold are refused by their place; the others are told by theirs."""
    stub.script(PLACE, Partial(containing(b"bad"), Refusal("MalformedDetail")))
    refused = sink().send(entries(b"\xff", b'{"a":1}', b'{"bad":1}'))
    assert [(each.index, each.code) for each in refused] == [(0, "not_utf8"), (2, "MalformedDetail")]
    assert sink().send(entries(b"\xff"))[0].transient is False


def test_everything_that_counts_is_counted() -> None:
    """Source, detail-type, resources and detail make an entry's size; a request stays below 1 MiB."""
    made = sink(source="bücher", detail_type="x")
    assert made.size(Entry(b"{}", "k")) == 2 + 7 + 1 + len(ARN)
    assert (LIMITS.max_entries, LIMITS.max_batch_bytes) == (10, (1 << 20) - 1)


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ('source = "aws.ec2"', "reserves sources that begin with aws."),
        ('source = ""', "empty"),
        (f'detail_type = "{"x" * 129}"', "too long"),
        ('format = "text"', "not JSON"),
    ],
)
def test_what_eventbridge_would_refuse_is_refused_at_once(lines: str, fault: str) -> None:
    """A source of AWS's, an overlong detail-type or a format that is no JSON shows when it is configured."""
    with pytest.raises(ConfigError, match=fault):
        Config.from_toml(f'[sinks.bus]\nto = "{ARN}"\n{lines}\n')


def test_events_that_a_rule_sends_back_are_filtered(stub: StubAws) -> None:
    """A rule that matches what we put, and feeds our own queue, makes no loop."""
    forwarder = Forwarder(Config.to(ARN))
    first = {"version": "0", "source": "trailforward", "resources": [ARN], "detail": json.loads(envelope(1))}
    foreign = {**first, "resources": [ARN.replace("security", "other")]}
    odd = [{**first, "resources": [3, "x"]}, {**first, "source": 3}, {**first, "source": "aws.ec2"}]
    payload = sqs(
        *(sqs_record(json.dumps(event), str(index)) for index, event in enumerate([first, foreign, *odd]))
    )
    outcome = forwarder.process(payload, Context())[1]
    assert [verdict.code for verdict in outcome.verdicts["eventbridge-security"].values()] == [
        "self",
        "",
        "",
        "",
        "",
    ]
