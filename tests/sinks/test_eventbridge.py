"""The EventBridge sink puts exact events on a bus that exists and reports rejected ones."""

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
    """The whole envelope becomes ``detail``, with another source and detail type."""
    data = ODD[:5]
    assert sink().send(entries(*data)) == []
    assert stub.taken(PLACE) == data
    item = stub.stored(PLACE)[0]
    assert (item.resource, item.subject) == (ARN, "CloudTrail Event by trailforward")
    assert item.attributes == {"source": "trailforward", "resources": ARN}


def test_a_bus_accepts_the_events(local_aws: Reader) -> None:
    """A bus in another Region accepts the events."""
    client = local_aws("events")
    arn = client.create_event_bus(Name="security")["EventBusArn"]
    assert sink(arn).send(entries(envelope(1), envelope(2))) == []


def test_a_missing_bus_is_permanent(local_aws: Reader) -> None:
    """EventBridge reports success for a missing bus and drops the events; the sink raises an error."""
    with pytest.raises(PermanentError) as caught:
        sink(f"arn:aws:events:{local_aws.region}:123456789012:event-bus/absent").send(entries(b"{}"))
    assert caught.value.code == "ResourceNotFoundException"
    assert "drop the events" in str(caught.value)


def test_a_missing_permission_to_describe_the_bus_is_permanent(stub: StubAws) -> None:
    """Without the permission for the check, nothing is sent, unless the check is disabled."""
    stub.always(DESCRIBE, Refuse(403, "AccessDeniedException"))
    with pytest.raises(PermanentError, match=r"grant events:DescribeEventBus.*check_bus = false"):
        sink().send(entries(b"{}"))
    assert stub.taken(PLACE) == []
    assert sink(check_bus=False).send(entries(b"{}")) == []


def test_a_throttled_check_is_transient(stub: StubAws) -> None:
    """If the check is throttled, the batch is sent later."""
    stub.script(DESCRIBE, Refuse(400, "ThrottlingException"))
    made = sink()
    with pytest.raises(TransientError):
        made.send(entries(b"{}"))
    assert made.send(entries(b"{}")) == []


def test_the_bus_is_checked_once_per_interval(stub: StubAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check costs one call per environment and 15 minutes, not one per batch."""
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
def test_only_the_rejected_entry_is_returned(stub: StubAws, code: str, transient: bool) -> None:  # noqa: FBT001
    """If EventBridge rejects one entry, the others are accepted."""
    stub.script(PLACE, Partial(containing(b"bad"), Refusal(code)))
    (rejection,) = sink().send(entries(b'{"a":1}', b'{"bad":18446744073709551615}', b'{"c":3}'))
    assert (rejection.index, rejection.code, rejection.transient) == (1, code, transient)
    assert stub.taken(PLACE) == [b'{"a":1}', b'{"c":3}']


def test_an_event_that_is_not_utf8_is_rejected_alone(stub: StubAws) -> None:
    """An event that is not UTF-8 is rejected; other rejections keep their indexes."""
    stub.script(PLACE, Partial(containing(b"bad"), Refusal("MalformedDetail")))
    rejections = sink().send(entries(b"\xff", b'{"a":1}', b'{"bad":1}'))
    assert [(each.index, each.code) for each in rejections] == [(0, "not_utf8"), (2, "MalformedDetail")]
    assert sink().send(entries(b"\xff"))[0].transient is False


def test_sizes_include_everything_that_counts() -> None:
    """An entry's size includes source, detail type, resources, and detail; a call is smaller than 1 MiB."""
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
def test_settings_that_eventbridge_would_reject_are_errors(lines: str, fault: str) -> None:
    """A reserved source, a long detail type, or a non-JSON format is an error in the configuration."""
    with pytest.raises(ConfigError, match=fault):
        Config.from_toml(f'[sinks.bus]\nto = "{ARN}"\n{lines}\n')


def test_events_that_a_rule_sends_back_are_filtered(stub: StubAws) -> None:
    """A rule that sends forwarded events back to the function's queue does not cause a loop."""
    forwarder = Forwarder(Config.to(ARN))
    first = {
        "version": "0",
        "source": "trailforward",
        "detail-type": "CloudTrail Event by trailforward",
        "resources": [ARN],
        "detail": json.loads(envelope(1)),
    }
    foreign = {**first, "resources": [ARN.replace("security", "other")]}
    odd = [
        {**first, "resources": [3, "x"]},
        {**first, "source": 3},
        {**first, "source": "aws.ec2"},
        {**first, "source": "other"},
        {**first, "detail-type": "AWS API Call via CloudTrail"},
        {**first, "detail-type": ["x"]},
        {**first, "resources": [ARN, ARN]},
    ]
    payload = sqs(
        *(sqs_record(json.dumps(event), str(index)) for index, event in enumerate([first, foreign, *odd]))
    )
    outcome = forwarder.process(payload, Context())[1]
    assert [verdict.code for verdict in outcome.verdicts["eventbridge-security"].values()] == [
        "self",
        *[""] * 8,
    ]
