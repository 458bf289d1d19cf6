"""V2 custom event buses: exact bytes through PutRawEvents, in the protocol of the service model."""

from __future__ import annotations

import pytest
from botocore.session import Session

from tests.support.entries import ODD
from tests.support.stub_aws import Partial, Refusal, Refuse, StubAws, at, containing
from trailforward import Config, ConfigError
from trailforward.aws.own_calls import OwnCalls
from trailforward.cli.iam import policy
from trailforward.errors import Cause, PermanentError, SettingError, TransientError
from trailforward.pipeline.batching import batches
from trailforward.sinks import type_of
from trailforward.sinks.base import DETECTION, SEVERITY, Entry
from trailforward.sinks.eventbridge_v2 import LIMITS, EventBridgeV2Settings, EventBridgeV2Sink

ID = "abcdefghij0123456789abcde"
ARN = f"arn:aws:events:us-west-2:111122223333:event-busv2/security/{ID}"
PLACE = "events:us-west-2"


def sink() -> EventBridgeV2Sink:
    """A sink for the bus."""
    return EventBridgeV2Sink(EventBridgeV2Settings(to=ARN))


def entries(*data: bytes) -> list[Entry]:
    """Entries with these bytes."""
    return [Entry(each, f"key-{index}") for index, each in enumerate(data)]


def test_the_data_is_the_event_byte_for_byte(stub: StubAws) -> None:
    """The bytes are the data of the event, with the event ID as deduplication ID."""
    assert sink().send(entries(*ODD)) == []
    assert stub.taken(PLACE) == ODD
    item = stub.stored(PLACE)[1]
    assert (item.resource, item.key, item.subject) == (ARN, "key-1", "application/json")


def test_detections_are_metadata(stub: StubAws) -> None:
    """Subscribers can filter by severity and detections; empty values are left out."""
    attributes = {SEVERITY: "high", DETECTION: '["root-login"]', "empty": ""}
    assert sink().send([Entry(b"{}", "k", attributes=attributes), Entry(b"{}", "l")]) == []
    first, second = stub.stored(PLACE)
    assert first.attributes == {SEVERITY: "high", DETECTION: '["root-login"]'}
    assert second.attributes == {}


@pytest.mark.parametrize("key", ["", "x" * 129, "two words", "ü", "\ud800"])
def test_an_id_that_the_api_refuses_becomes_its_digest(stub: StubAws, key: str) -> None:
    """The deduplication ID is always valid, and the same for the same event."""
    for _ in range(2):
        assert sink().send([Entry(b"{}", key)]) == []
    first, second = stub.stored(PLACE)
    assert first.key == second.key
    assert len(first.key) == 64


def test_a_duplicate_is_delivered(stub: StubAws) -> None:
    """DEDUPLICATED means that the bus has the event already."""

    class Deduplicated(Partial):
        def apply(self, call: object) -> None:
            call.report(call.take(), SuccessCode="DEDUPLICATED")  # type: ignore[attr-defined]

    stub.script(PLACE, Deduplicated(at(), Refusal("x")))
    assert sink().send(entries(b"{}")) == []


@pytest.mark.parametrize(
    ("code", "transient"),
    [("InternalException", True), ("ThrottlingException", True), ("InvalidInputException", False)],
)
def test_only_the_rejected_entry_is_returned(stub: StubAws, code: str, transient: bool) -> None:  # noqa: FBT001
    """If EventBridge rejects one entry, the others are accepted."""
    stub.script(PLACE, Partial(containing(b"bad"), Refusal(code)))
    (rejection,) = sink().send(entries(b'{"a":1}', b'{"bad":1}', b'{"c":3}'))
    assert (rejection.index, rejection.code, rejection.transient) == (1, code, transient)
    assert stub.taken(PLACE) == [b'{"a":1}', b'{"c":3}']


@pytest.mark.parametrize(
    ("status", "code"), [(429, "ThrottlingException"), (500, "InternalException"), (503, "")]
)
def test_throttling_and_server_errors_are_transient(stub: StubAws, status: int, code: str) -> None:
    """Calls that may succeed later are transient."""
    stub.script(PLACE, Refuse(status, code))
    with pytest.raises(TransientError):
        sink().send(entries(b"{}"))


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDeniedException"), (404, "ResourceNotFoundException"), (409, "InvalidStateException")],
)
def test_other_errors_are_permanent(stub: StubAws, status: int, code: str) -> None:
    """A missing bus, permission, or a bus that is being deleted is a permanent error with its code."""
    stub.script(PLACE, Refuse(status, code))
    with pytest.raises(PermanentError) as caught:
        sink().send(entries(b"{}"))
    assert (caught.value.code, caught.value.cause) == (code, Cause.DESTINATION)


def test_batches_have_a_hundred_entries_and_a_megabyte(stub: StubAws) -> None:
    """The documented number of entries fits into one call, and large events are split before the limit."""
    made = sink()
    full = entries(*[b"{}"] * 100)
    assert made.send(full) == []
    assert stub.calls[PLACE] == 1
    assert (LIMITS.max_entries, LIMITS.max_batch_bytes) == (100, 1_000_000)
    large = Entry(b'"%s"' % (b"x" * 300_000), "k")
    assert made.size(large) == 300_002 + 1 + len("application/json")
    assert [
        len(batch) for batch in batches([large] * 4, made.size, most=100, most_bytes=LIMITS.max_batch_bytes)
    ] == [3, 1]


def test_a_botocore_without_the_api_is_an_error_with_the_fix(
    stub: StubAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function does not start if the runtime's botocore is too old, and the error says what to do."""
    known = Session().get_available_services()
    older = [name for name in known if name != "eventbridgev2"]
    assert older != known
    monkeypatch.setattr(Session, "get_available_services", lambda _: older)
    with pytest.raises(SettingError, match=r"does not know .* Fix: build the layer with boto3"):
        sink()
    assert stub.calls[PLACE] == 0


def test_the_form_of_the_arn_selects_the_sink() -> None:
    """V2 buses and classic buses have different sinks; names of metrics contain the bus, not its ID."""
    assert type_of(ARN) == "eventbridge-v2"
    assert type_of("arn:aws:events:us-west-2:111122223333:event-bus/security") == "eventbridge"
    assert list(Config.to(ARN).sinks) == ["eventbridge-v2-security"]


@pytest.mark.parametrize(
    ("to", "fault"),
    [
        (ARN.removesuffix(f"/{ID}"), "name contains characters"),
        (ARN[:-1], "name contains characters"),
        (ARN.replace("111122223333", ""), "no Region or no account"),
    ],
)
def test_other_arns_are_refused(to: str, fault: str) -> None:
    """The ID that EventBridge made is a part of the ARN."""
    with pytest.raises(ConfigError, match=fault):
        Config.to(to)


def test_the_policy_and_the_self_guard_know_the_call() -> None:
    """``trailforward iam`` grants exactly PutRawEvents, and records of the sink's own calls are filtered."""
    document, _ = policy(Config.to(ARN))
    assert [(one["Action"], one["Resource"]) for one in document["Statement"]] == [
        ("events:PutRawEvents", ARN)
    ]
    calls = OwnCalls(EventBridgeV2Settings(to=ARN).own_calls)
    record = {"eventSource": "events.amazonaws.com", "eventName": "PutRawEvents"}
    assert {**record, "requestParameters": {"eventBusArn": ARN}} in calls
    assert {**record, "requestParameters": {"eventBusArn": ARN.replace("security", "other")}} not in calls
