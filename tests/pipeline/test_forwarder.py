"""The whole pipeline, with sinks that refuse entries as scripted."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.events import FIFO, Context, envelope, sqs, sqs_record
from trailforward import (
    Config,
    ConfigError,
    EventError,
    Fate,
    Forwarder,
    Message,
    Origin,
    PayloadError,
    PermanentError,
    TransientError,
    redelivery,
)
from trailforward.outcome import Totals, Verdict
from trailforward.pipeline.intake import Decisions
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.local import FileSink
from trailforward.testing import FlakySink, refuse

if TYPE_CHECKING:
    from pathlib import Path

    from trailforward.outcome import Outcome

ONE = '[sinks.a]\nto = "stdout:"\n'
TWO = ONE + '[sinks.b]\nto = "stdout:"\n'
QUICK = "[retry]\ninitial_seconds = 0\n"


def forwarder(sinks: dict[str, FlakySink], toml: str = "", head: str = "") -> Forwarder:
    """A forwarder whose configured sinks are replaced by scripted ones."""
    tables = "".join(f'[sinks.{name}]\nto = "stdout:"\n' for name in sinks)
    return Forwarder(Config.from_toml(head + "\n" + tables + toml + QUICK), made=sinks)


def messages(*numbers: int) -> list[Message]:
    """Events with these numbers."""
    return [Message(envelope(number), Origin("test", str(number))) for number in numbers]


def fates(outcome: Outcome, sink: str) -> list[str]:
    """The fates at a sink, in order of messages."""
    return [str(outcome.verdicts[sink][index].fate) for index in range(len(outcome.messages))]


def test_every_event_reaches_every_sink_unchanged_and_in_order() -> None:
    """Without routes, every sink gets the exact bytes of every event, in order."""
    sinks = {"a": FlakySink(), "b": FlakySink()}
    outcome = forwarder(sinks).forward(messages(*range(1200)))
    expected = [envelope(number) for number in range(1200)]
    assert sinks["a"].data == expected
    assert sinks["b"].data == expected
    assert [len(call) for call in sinks["a"].calls] == [500, 500, 200]
    assert outcome.totals("a") == Totals(received=1200, delivered=1200)
    assert outcome.breaks == []


def test_only_refused_entries_are_sent_again() -> None:
    """After a partial failure, only the refused entries are sent again."""
    sink = FlakySink([refuse(1, 3), refuse(0)])
    outcome = forwarder({"a": sink}).forward(messages(0, 1, 2, 3))
    assert [[entry.key[-1] for entry in call] for call in sink.calls] == [
        ["0", "1", "2", "3"],
        ["1", "3"],
        ["1"],
    ]
    assert outcome.totals("a").delivered == 4
    assert outcome.accounts["a"].retries == 3
    assert outcome.accounts["a"].bytes == sum(len(envelope(number)) for number in range(4))


def test_a_destination_that_stays_down_returns_everything_after_the_last_attempt() -> None:
    """A transient failure in every attempt returns the events to the source, with the destination's code."""
    sink = FlakySink([TransientError("http_503")] * 5)
    outcome = forwarder({"a": sink}).forward(messages(0, 1))
    assert fates(outcome, "a") == ["returned", "returned"]
    assert outcome.verdicts["a"][0].code == "http_503"
    assert outcome.verdicts["a"][0].attempts == 5
    assert outcome.returned == [0, 1]


def test_after_a_whole_call_failed_the_batches_that_were_not_tried_go_first() -> None:
    """One batch that always fails cannot keep the others from being tried."""
    limits = Limits(max_entries=1, max_entry_bytes=10_000, max_batch_bytes=10_000)

    def poison(batch: Any) -> list[Any]:
        if batch[0].key.endswith("0"):
            raise TransientError("http_500")
        return []

    sink = FlakySink([poison] * 20, limits=limits)
    outcome = forwarder({"a": sink}).forward(messages(0, 1, 2))
    assert fates(outcome, "a") == ["returned", "delivered", "delivered"]


def test_a_destination_that_is_down_gets_a_pause() -> None:
    """After a whole call failed, the remaining batches wait, so that the destination gets a pause."""
    limits = Limits(max_entries=1, max_entry_bytes=10_000, max_batch_bytes=10_000)
    sink = FlakySink([TransientError("http_503", retry_after=3600)], limits=limits)
    outcome = forwarder({"a": sink}).forward(messages(0, 1, 2), seconds=30)
    assert len(sink.calls) == 1
    assert fates(outcome, "a") == ["returned"] * 3
    assert [outcome.verdicts["a"][index].attempts for index in range(3)].count(0) == 2


def test_one_bad_entry_does_not_cost_its_batch() -> None:
    """A call that is refused because of one entry is split until that entry is alone."""

    def validate(batch: Any) -> list[Any]:
        if any(entry.key.endswith("7") for entry in batch):
            raise PermanentError("InvalidArgumentException", divisible=True)
        return []

    sink = FlakySink([validate] * 50)
    outcome = forwarder({"a": sink}).forward(messages(*range(10)))
    assert [index for index in range(10) if outcome.verdicts["a"][index].fate is Fate.RETURNED] == [7]
    assert outcome.verdicts["a"][7].code == "InvalidArgumentException"
    assert len(sink.data) == 9


def test_a_forbidden_destination_is_called_once() -> None:
    """A permanent failure that no single entry can have caused is neither split nor retried."""
    sink = FlakySink([PermanentError("AccessDeniedException")])
    outcome = forwarder({"a": sink}).forward(messages(*range(10)))
    assert len(sink.calls) == 1
    assert outcome.totals("a").returned == 10


def test_permanent_failures_become_dead_letters_with_everything_needed_to_redrive(tmp_path: Path) -> None:
    """A dead letter has the original bytes, the sink, the code, the attempts, and the first-seen time."""
    path = tmp_path / "dead.ndjson"
    sink = FlakySink([refuse(0, transient=False, code="MalformedDetail")])
    with_dead = forwarder({"a": sink, "b": FlakySink()}, head=f'dead_letter = "file:{path}"')
    origin = Origin("sqs", "m-1", seen="2026-05-04T09:15:01.000+00:00")
    outcome = with_dead.forward([Message(envelope(5), origin)])
    assert outcome.verdicts["a"][0].fate is Fate.DEAD_LETTERED
    assert outcome.verdicts["b"][0].fate is Fate.DELIVERED
    assert outcome.returned == []
    raw, attributes = redelivery.from_json_line(json.loads(path.read_bytes())) or (b"", {})
    assert raw == envelope(5)
    assert attributes[redelivery.SINKS] == "a"
    assert attributes[redelivery.CODE] == "MalformedDetail"
    assert attributes[redelivery.ATTEMPTS] == "1"
    assert attributes[redelivery.FIRST_SEEN] == "2026-05-04T09:15:01.000+00:00"
    assert attributes[redelivery.ORIGIN] == "sqs  m-1"


def test_an_oversize_event_is_dead_lettered_with_its_size_and_the_limit(tmp_path: Path) -> None:
    """An event that is too large for a sink never blocks its batch, and its dead letter has both sizes."""
    path = tmp_path / "dead.ndjson"
    limits = Limits(max_entries=10, max_entry_bytes=len(envelope(0)), max_batch_bytes=100_000)
    small, large = FlakySink(limits=limits), FlakySink()
    with_dead = forwarder({"small": small, "large": large}, head=f'dead_letter = "file:{path}"')
    big = envelope(1, pad="x" * 1000)
    outcome = with_dead.forward([Message(big, Origin("test")), *messages(0)])
    assert outcome.verdicts["small"][0].fate is Fate.DEAD_LETTERED
    assert outcome.verdicts["small"][0].code == "too_large"
    assert f"{len(big):,} bytes, over the limit of {len(envelope(0)):,} bytes" in path.read_text()
    assert small.data == [envelope(0)]
    assert large.data == [big, envelope(0)]


def test_a_dead_letter_that_cannot_be_written_is_returned(tmp_path: Path) -> None:
    """If the dead-letter queue fails, too, the event returns to its source and is not lost."""
    sink = FlakySink([refuse(0, transient=False)])
    broken = forwarder({"a": sink}, head=f'dead_letter = "file:{tmp_path / "missing" / "dead.ndjson"}"')
    outcome = broken.forward(messages(0))
    assert outcome.verdicts["a"][0].fate is Fate.RETURNED
    assert outcome.returned == [0]


def test_an_unexpected_exception_in_a_sink_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in a sink counts as a transient failure, and is logged with type and place, without its text."""
    sink = FlakySink([KeyError("payload inside")])
    outcome = forwarder({"a": sink}).forward(messages(0))
    assert fates(outcome, "a") == ["delivered"]
    assert "KeyError" in caplog.text
    assert "payload inside" not in caplog.text


def test_refusals_of_entries_that_were_never_sent_do_not_break_the_ledger() -> None:
    """If a sink refuses an index outside its batch, the whole batch is sent again."""
    sink = FlakySink([lambda _: [Rejection(9, "Throttled", "refused by script", transient=True)]])
    outcome = forwarder({"a": sink}).forward(messages(0, 1))
    assert fates(outcome, "a") == ["delivered", "delivered"]
    assert [len(call) for call in sink.calls] == [2, 2]


def test_a_slow_sink_delays_no_other_sink_and_respects_the_deadline() -> None:
    """At the deadline a hanging call is abandoned and its events return; the other sink delivers its own."""
    release = threading.Event()

    def hang(batch: Any) -> list[Any]:
        release.wait(600)
        return []

    slow, fast = FlakySink([hang]), FlakySink()
    try:
        outcome = forwarder({"slow": slow, "fast": fast}).process(
            sqs(sqs_record(envelope(0), "m-0")), Context(seconds=4.0)
        )[1]
    finally:
        release.set()
    assert outcome.verdicts["slow"][0].code == "deadline"
    assert outcome.verdicts["slow"][0].fate is Fate.RETURNED
    assert outcome.verdicts["fast"][0].fate is Fate.DELIVERED
    assert outcome.breaks == []


def test_a_response_after_the_deadline_changes_nothing() -> None:
    """The late response of an abandoned call does not change the ledger, because its event was returned."""
    release = threading.Event()
    done = threading.Event()

    def hang(batch: Any) -> list[Any]:
        release.wait(600)
        done.set()
        return []

    sink = FlakySink([hang])
    outcome = forwarder({"a": sink}).forward(messages(0), seconds=2)
    before = outcome.totals("a")
    release.set()
    assert done.wait(600)
    assert outcome.totals("a") == before == Totals(received=1, returned=1)


def test_a_wait_that_would_pass_the_deadline_does_not_start() -> None:
    """If Retry-After is longer than the time left, the events are returned at once."""
    sink = FlakySink([TransientError("http_429", retry_after=3600)])
    outcome = forwarder({"a": sink}).forward(messages(0), seconds=30)
    assert len(sink.calls) == 1
    assert outcome.verdicts["a"][0].code == "http_429"


def test_nothing_is_sent_when_the_time_is_up_already() -> None:
    """An invocation without time left sends nothing and returns everything."""
    sink = FlakySink()
    outcome = forwarder({"a": sink}).forward(messages(0), seconds=0)
    assert sink.calls == []
    assert outcome.verdicts["a"][0].code == "deadline"


def test_bytes_that_are_not_an_event_do_not_affect_others() -> None:
    """Bytes that are not an event are returned with an error code; the rest is delivered."""
    sink = FlakySink()
    bad = Message(b'{"detail": tru', Origin("test"))
    outcome = forwarder({"a": sink}).forward([*messages(0), bad, *messages(1)])
    assert fates(outcome, "a") == ["delivered", "returned", "delivered"]
    assert outcome.verdicts["a"][1].code == "not_json"
    assert "not JSON" in outcome.verdicts["a"][1].reason


def test_a_format_that_fails_on_one_event_fails_only_that_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in a format fails only the event that triggers it; the others are delivered."""
    from trailforward.formats.raw import Raw

    def data(self: Raw, message: Message) -> bytes:
        if message.origin.ref == "1":
            raise ZeroDivisionError
        return message.raw

    monkeypatch.setattr(Raw, "data", data)
    outcome = forwarder({"a": FlakySink()}).forward(messages(0, 1, 2))
    assert fates(outcome, "a") == ["delivered", "returned", "delivered"]
    assert outcome.verdicts["a"][1].code == "ZeroDivisionError"


def test_a_bug_in_routing_fails_only_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in a guard or pattern fails only the event that triggers it; the others are delivered."""
    pipeline = forwarder({"a": FlakySink()})
    author = pipeline._guard.author

    def trip(event: dict[str, Any]) -> Any:
        if event["id"].endswith("1"):
            raise ZeroDivisionError
        return author(event)

    monkeypatch.setattr(pipeline._guard, "author", trip)
    outcome = pipeline.forward(messages(0, 1, 2))
    assert fates(outcome, "a") == ["delivered", "returned", "delivered"]
    assert outcome.verdicts["a"][1].code == "ZeroDivisionError"


def test_parsed_views_are_released_once_an_entry_is_built() -> None:
    """A batch is kept as bytes, not as parsed events, which take many times the memory."""
    events = messages(0, 1)
    forwarder({"a": FlakySink()}).forward(events)
    assert [message._event for message in events] == [None, None]
    assert events[0].record["eventName"] == "StopInstances"


def test_a_sink_that_does_not_use_fields_gets_none() -> None:
    """A sink with ``uses_fields = False`` gets data, key, and time, but no fields, group, or subject."""
    usual, without = FlakySink(), FlakySink()
    without.uses_fields = False
    forwarder({"usual": usual, "without": without}).forward(messages(1))
    (entry,), (bare,) = usual.taken, without.taken
    assert (entry.fields["eventName"], entry.group) == ("StopInstances", "111122223333")
    assert (bare.fields, bare.group, bare.subject) == ({}, "", "")
    assert (bare.data, bare.key, bare.time) == (entry.data, entry.key, entry.time)


def test_routes_choose_the_sinks() -> None:
    """An event goes to the sinks of all routes that match it; for every other sink it counts as filtered."""
    routes = (
        '[[routes]]\nname = "all"\nsinks = ["a"]\n'
        '[[routes]]\nname = "iam"\nsinks = ["b", "a"]\npattern = { source = ["aws.iam"] }\n'
    )
    sinks = {"a": FlakySink(), "b": FlakySink()}
    iam = envelope(1).replace(b'"source":"aws.ec2"', b'"source":"aws.iam"')
    outcome = forwarder(sinks, routes).forward([*messages(0), Message(iam, Origin("test"))])
    assert sinks["a"].data == [envelope(0), iam]
    assert sinks["b"].data == [iam]
    assert outcome.totals("b") == Totals(received=2, delivered=1, filtered=1)
    assert outcome.verdicts["b"][0].code == "no_route"


def test_own_events_are_filtered_without_configuration() -> None:
    """A call on the queue that Lambda polls with the function's role is filtered as self, at every sink."""
    sink = FlakySink()
    own = {
        "type": "AssumedRole",
        "arn": "arn:aws:sts::111122223333:assumed-role/tf-role/trailforward",
        "accountId": "111122223333",
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/service/tf-role"}},
        "inScopeOf": {"credentialsIssuedTo": Context.invoked_function_arn},
    }
    polling = {
        "eventSource": "sqs.amazonaws.com",
        "eventName": "ReceiveMessage",
        "requestParameters": {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/trailforward"},
    }
    payload = sqs(sqs_record(envelope(0, userIdentity=own, **polling), "m-0"), sqs_record(envelope(1), "m-1"))
    response, outcome = forwarder({"a": sink}).process(payload, Context())
    assert response == {"batchItemFailures": []}
    assert outcome.verdicts["a"][0].code == "self"
    assert outcome.totals("a") == Totals(received=2, delivered=1, filtered=1)


def test_an_event_never_goes_back_into_the_queue_it_came_from() -> None:
    """A sink that is the source queue gets nothing from it, which would make an endless loop."""
    sink = FlakySink(arn="arn:aws:sqs:eu-west-1:111122223333:trailforward")
    outcome = forwarder({"a": sink}).process(sqs(sqs_record(envelope(0), "m-0")), Context())[1]
    assert sink.calls == []
    assert outcome.verdicts["a"][0].code == "self"


def test_the_retry_queue_takes_messages_that_some_sinks_accepted(tmp_path: Path) -> None:
    """A message that one sink refused goes to the retry queue for that sink only, not back to all."""
    healthy, failing = FlakySink(), FlakySink([TransientError("http_503")] * 5)
    queue = FlakySink()
    pipeline = forwarder({"healthy": healthy, "failing": failing})
    pipeline._failure_handler._retries.sink = queue
    outcome = pipeline.forward(messages(0))
    assert outcome.returned == []
    assert outcome.verdicts["failing"][0].in_retry_queue
    assert outcome.totals("failing") == Totals(received=1, returned=1)
    (entry,) = queue.taken
    assert entry.data == envelope(0)
    assert entry.attributes[redelivery.SINKS] == "failing"
    # When it is delivered again, only the sink still owed gets it.
    again = sqs(sqs_record(entry.data, "m-1", attributes=dict(entry.attributes)))
    outcome = pipeline.process(again, Context())[1]
    assert outcome.totals("healthy") == Totals()
    assert outcome.totals("failing") == Totals(received=1, delivered=1)
    assert healthy.data == [envelope(0)]


def test_the_retry_queue_is_not_used_if_no_sink_accepted_the_message() -> None:
    """A message that no sink accepted returns to its source, because no delivery would be repeated."""
    queue = FlakySink()
    down = {name: FlakySink([TransientError("down")] * 5) for name in ("a", "b")}
    pipeline = forwarder(down)
    pipeline._failure_handler._retries.sink = queue
    outcome = pipeline.forward(messages(0))
    assert outcome.returned == [0]
    assert queue.calls == []


def test_a_fifo_message_never_goes_to_the_retry_queue() -> None:
    """A FIFO message returns to its queue even if another sink has it, because the order must be kept."""
    failing = FlakySink([TransientError("down")] * 5)
    pipeline = forwarder({"healthy": FlakySink(), "failing": failing})
    queue = FlakySink()
    pipeline._failure_handler._retries.sink = queue
    payload = sqs(sqs_record(envelope(0), "m-0", arn=FIFO, group="g"))
    assert pipeline.handle(payload, Context()) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    assert queue.calls == []


def test_a_fifo_group_stops_at_its_first_failure() -> None:
    """After a returned message, nothing more of its FIFO group is sent; other groups continue."""

    def refuse_b1(batch: Any) -> list[Any]:
        if any(entry.key.endswith("1") for entry in batch):
            raise TransientError("down")
        return []

    sink = FlakySink(
        [refuse_b1] * 30, limits=Limits(max_entries=1, max_entry_bytes=10_000, max_batch_bytes=10_000)
    )
    groups = ["g", "g", "g", "h", "h"]
    records = [
        sqs_record(envelope(number), f"m-{number}", arn=FIFO, group=group)
        for number, group in enumerate(groups)
    ]
    response, outcome = forwarder({"a": sink}).process(sqs(*records), Context())
    assert response == {"batchItemFailures": [{"itemIdentifier": "m-1"}, {"itemIdentifier": "m-2"}]}
    assert outcome.verdicts["a"][2].code == "group_blocked"
    assert sorted(entry.key[-1] for entry in sink.taken) == ["0", "3", "4"]
    assert outcome.breaks == []


def test_sqs_gets_back_exactly_the_messages_that_failed() -> None:
    """The response names exactly the messageIds to deliver again."""
    sink = FlakySink([refuse(1, transient=False)])
    payload = sqs(*(sqs_record(envelope(number), f"m-{number}") for number in range(3)))
    assert forwarder({"a": sink}).handle(payload, Context()) == {
        "batchItemFailures": [{"itemIdentifier": "m-1"}]
    }


def test_a_direct_invocation_raises_if_the_event_is_not_delivered() -> None:
    """If the event of a direct invocation is not delivered, an exception names sink and code."""
    pipeline = forwarder({"siem": FlakySink([refuse(0, transient=False, code="NoSuchThing")])})
    with pytest.raises(PayloadError, match="siem: NoSuchThing"):
        pipeline.handle(json.loads(envelope(0)), Context())
    assert pipeline.handle(json.loads(envelope(0)), Context()) is None


def test_an_unknown_payload_is_never_dropped(tmp_path: Path) -> None:
    """A payload that no source recognizes is dead-lettered whole, or raises without a dead-letter queue."""
    with pytest.raises(PayloadError, match="unknown_payload"):
        forwarder({"a": FlakySink()}).handle({"awslogs2": {}}, Context())
    path = tmp_path / "dead.ndjson"
    with_dead = forwarder({"a": FlakySink()}, head=f'dead_letter = "file:{path}"')
    assert with_dead.handle({"awslogs2": {"x": 1}}, Context()) is None
    assert json.loads(path.read_bytes())["body"] == '{"awslogs2":{"x":1}}'


def test_latency_is_measured_from_the_event_to_its_delivery_by_region() -> None:
    """Each delivery records the milliseconds since the event's time, with the event's Region."""
    outcome = forwarder({"a": FlakySink()}).forward(messages(0))
    ((region, milliseconds),) = outcome.latencies
    assert region == "eu-west-1"
    assert milliseconds > 0


@pytest.mark.parametrize("time", [None, 5, "yesterday", "2026-05-04T09:15:00", "2" * 1_000])
def test_an_event_without_a_usable_time_has_no_latency(time: object) -> None:
    """If the time is missing, invalid, or without offset, the event is delivered without a latency."""
    raw = json.dumps({**json.loads(envelope(0, eventTime=time)), "time": None}).encode()
    outcome = forwarder({"a": FlakySink()}).forward([Message(raw, Origin("test"))])
    assert outcome.latencies == []
    assert outcome.totals("a").delivered == 1


def test_a_pipeline_that_forgets_a_message_returns_it_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """A message without a fate returns to the source, and the broken ledger is logged as an error."""
    pipeline = forwarder({"a": FlakySink()})
    pipeline._intake.decide = lambda *_: Decisions({})  # type: ignore[method-assign]
    outcome = pipeline.forward(messages(0))
    assert outcome.returned == [0]
    assert list(map(str, outcome.breaks)) == ["a: message 0 met no fate"]
    assert "ledger does not add up" in caplog.text


def test_a_message_given_two_fates_breaks_the_ledger_and_keeps_the_first() -> None:
    """A second fate of a message breaks the ledger and is not counted."""
    pipeline = forwarder({"a": FlakySink([refuse(1, transient=False)])})

    def again(_failures: Any, outcome: Outcome, deadline: float) -> list[Any]:
        return [("a", 0, outcome.verdicts["a"][0]), ("a", 1, Verdict(Fate.RETURNED))]

    pipeline._failure_handler.handle = again  # type: ignore[method-assign, assignment]
    outcome = pipeline.forward(messages(0, 1))
    assert outcome.totals("a") == Totals(received=2, delivered=1, returned=1)
    assert list(map(str, outcome.breaks)) == ["a: message 0 met delivered after delivered"]


def test_a_firehose_stream_in_another_account_is_rejected() -> None:
    """Events for another account's Firehose stream never go to a stream of that name in the own account."""
    stream = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/archive"
    sink = FlakySink()
    config = Config.from_toml(f'[sinks.archive]\nto = "{stream}"\n')
    pipeline = Forwarder(config, made={"archive": sink})
    with pytest.raises(ConfigError, match=r"sinks.archive.to: .* 111122223333.* Fix: "):
        pipeline.handle(sqs(sqs_record(envelope(0), "m-0")), Context())
    assert sink.calls == []
    own = Config.from_toml(f'[sinks.archive]\nto = "{stream.replace("123456789012", "111122223333")}"\n')
    response = Forwarder(own, made={"archive": sink}).handle(sqs(sqs_record(envelope(0), "m-0")), Context())
    assert response == {"batchItemFailures": []}
    assert sink.data == [envelope(0)]


def test_an_empty_batch() -> None:
    """An empty batch gets a response without failures."""
    sink = FlakySink()
    assert forwarder({"a": sink}).handle({"Records": []}, Context()) == {"batchItemFailures": []}
    assert sink.calls == []


def test_closing_closes_every_sink(tmp_path: Path) -> None:
    """Closing a forwarder closes its sinks and failure queues."""
    sinks = {"a": FlakySink([refuse(0, transient=False)])}
    pipeline = forwarder(sinks, head=f'dead_letter = "file:{tmp_path / "dead.ndjson"}"')
    pipeline.forward(messages(0))
    pipeline.close()
    assert sinks["a"].closed
    dead_letters = pipeline._failure_handler._dead_letters.sink
    assert isinstance(dead_letters, FileSink)
    assert dead_letters._file < 0


def test_an_error_that_the_source_found_is_the_verdict() -> None:
    """If the source knows why a message is not an event, its error code is the verdict."""
    bad = Message(b"{}", Origin("test"), error=EventError("bad_sqs_record", "no body"))
    outcome = forwarder({"a": FlakySink()}).forward([bad])
    assert outcome.verdicts["a"][0].code == "bad_sqs_record"


def test_the_destinations_of_a_configuration_are_used(tmp_path: Path) -> None:
    """A forwarder sends to the destinations of its configuration."""
    path = tmp_path / "out.ndjson"
    pipeline = Forwarder(Config.to(f"file:{path}"))
    pipeline.forward(messages(0, 1))
    pipeline.close()
    assert path.read_bytes() == envelope(0) + b"\n" + envelope(1) + b"\n"


def test_a_misspelled_sink_in_made_raises_an_error() -> None:
    """``made`` with the name of a sink that is not configured is an error that lists the configured names."""
    config = Config.from_toml('[sinks.archive]\nto = "stdout:"\n[sinks.siem]\nto = "stdout:"\n')
    with pytest.raises(ValueError, match=r"^made: no sink named siem2; .* has: archive, siem$"):
        Forwarder(config, made={"archive": FlakySink(), "siem2": FlakySink()})
