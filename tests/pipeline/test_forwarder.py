"""The pipeline as a whole, with sinks that refuse by script."""

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
from trailforward.outcome import Totals
from trailforward.pipeline.intake import Decisions
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.local import FileSink
from trailforward.testing import FlakySink, refuse

if TYPE_CHECKING:
    from pathlib import Path

    from trailforward.outcome import Outcome
    from trailforward.pipeline.self_guard import Author

ONE = '[sinks.a]\nto = "stdout:"\n'
TWO = ONE + '[sinks.b]\nto = "stdout:"\n'
QUICK = "[retry]\nbase_seconds = 0\n"


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
    """Without routes, every sink gets every event's own bytes, in the order they came."""
    sinks = {"a": FlakySink(), "b": FlakySink()}
    outcome = forwarder(sinks).forward(messages(*range(1200)))
    expected = [envelope(number) for number in range(1200)]
    assert sinks["a"].data == expected
    assert sinks["b"].data == expected
    assert [len(call) for call in sinks["a"].calls] == [500, 500, 200]
    assert outcome.totals("a") == Totals(received=1200, delivered=1200)
    assert outcome.breaks == []


def test_only_refused_entries_are_sent_again() -> None:
    """A partial failure costs the refused entries another call, and no other entry."""
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


def test_a_destination_that_stays_down_hands_everything_back_after_the_last_attempt() -> None:
    """What is refused for now in every attempt goes back to the source, with the destination's code."""
    sink = FlakySink([TransientError("http_503")] * 5)
    outcome = forwarder({"a": sink}).forward(messages(0, 1))
    assert fates(outcome, "a") == ["returned", "returned"]
    assert outcome.verdicts["a"][0].code == "http_503"
    assert outcome.verdicts["a"][0].attempts == 5
    assert outcome.returned == [0, 1]


def test_after_a_whole_call_failed_the_batches_that_were_not_tried_go_first() -> None:
    """One batch that always fails cannot keep the others from being tried."""
    limits = Limits(entries=1, entry_bytes=10_000, batch_bytes=10_000)

    def poison(batch: Any) -> list[Any]:
        if batch[0].key.endswith("0"):
            raise TransientError("http_500")
        return []

    sink = FlakySink([poison] * 20, limits=limits)
    outcome = forwarder({"a": sink}).forward(messages(0, 1, 2))
    assert fates(outcome, "a") == ["returned", "delivered", "delivered"]


def test_a_destination_that_is_down_is_left_in_peace_until_the_wait_is_over() -> None:
    """After a whole call failed, the batches behind it wait too: nobody that is down is hammered."""
    limits = Limits(entries=1, entry_bytes=10_000, batch_bytes=10_000)
    sink = FlakySink([TransientError("http_503", retry_after=3600)], limits=limits)
    outcome = forwarder({"a": sink}).forward(messages(0, 1, 2), seconds=30)
    assert len(sink.calls) == 1
    assert fates(outcome, "a") == ["returned"] * 3
    assert [outcome.verdicts["a"][index].attempts for index in range(3)].count(0) == 2


def test_one_bad_entry_does_not_cost_its_batch() -> None:
    """A call refused because of one entry is split until that entry stands alone."""

    def validate(batch: Any) -> list[Any]:
        if any(entry.key.endswith("7") for entry in batch):
            raise PermanentError("InvalidArgumentException", divisible=True)
        return []

    sink = FlakySink([validate] * 50)
    outcome = forwarder({"a": sink}).forward(messages(*range(10)))
    assert [index for index in range(10) if outcome.verdicts["a"][index].fate is Fate.RETURNED] == [7]
    assert outcome.verdicts["a"][7].code == "InvalidArgumentException"
    assert len(sink.data) == 9


def test_a_forbidden_destination_is_asked_once() -> None:
    """A refusal that no single entry can be to blame for is neither split nor repeated."""
    sink = FlakySink([PermanentError("AccessDeniedException")])
    outcome = forwarder({"a": sink}).forward(messages(*range(10)))
    assert len(sink.calls) == 1
    assert outcome.totals("a").returned == 10


def test_permanent_failures_become_dead_letters_with_everything_needed_to_redrive(tmp_path: Path) -> None:
    """A dead letter holds the original bytes, the sink, the code, the attempts and the first-seen time."""
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
    """An event too large for a sink never blocks its batch, and its dead letter says both figures."""
    path = tmp_path / "dead.ndjson"
    limits = Limits(entries=10, entry_bytes=len(envelope(0)), batch_bytes=100_000)
    small, large = FlakySink(limits=limits), FlakySink()
    with_dead = forwarder({"small": small, "large": large}, head=f'dead_letter = "file:{path}"')
    big = envelope(1, pad="x" * 1000)
    outcome = with_dead.forward([Message(big, Origin("test")), *messages(0)])
    assert outcome.verdicts["small"][0].fate is Fate.DEAD_LETTERED
    assert outcome.verdicts["small"][0].code == "too_large"
    assert f"{len(big):,} bytes, over the limit of {len(envelope(0)):,} bytes" in path.read_text()
    assert small.data == [envelope(0)]
    assert large.data == [big, envelope(0)]


def test_a_dead_letter_that_cannot_be_written_goes_back_instead(tmp_path: Path) -> None:
    """If the dead-letter queue fails too, the event returns to its source: it is never lost."""
    sink = FlakySink([refuse(0, transient=False)])
    broken = forwarder({"a": sink}, head=f'dead_letter = "file:{tmp_path / "missing" / "dead.ndjson"}"')
    outcome = broken.forward(messages(0))
    assert outcome.verdicts["a"][0].fate is Fate.RETURNED
    assert outcome.returned == [0]


def test_an_unexpected_exception_in_a_sink_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in a sink counts as a refusal for now, and is logged by type and place without its text."""
    sink = FlakySink([KeyError("payload inside")])
    outcome = forwarder({"a": sink}).forward(messages(0))
    assert fates(outcome, "a") == ["delivered"]
    assert "KeyError" in caplog.text
    assert "payload inside" not in caplog.text


def test_refusals_of_entries_that_were_never_sent_break_no_ledger() -> None:
    """A sink that names an index outside its batch is taken for broken, and the batch is sent again."""
    sink = FlakySink([lambda _: [Rejection(9, "Throttled", "refused by script", transient=True)]])
    outcome = forwarder({"a": sink}).forward(messages(0, 1))
    assert fates(outcome, "a") == ["delivered", "delivered"]
    assert [len(call) for call in sink.calls] == [2, 2]


def test_a_slow_sink_holds_up_no_other_and_never_the_deadline() -> None:
    """At the deadline a hanging call is left behind: its events go back, the other sink's are delivered."""
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


def test_an_answer_after_the_deadline_changes_nothing() -> None:
    """What a call left behind learns later never touches the ledger: the event was already handed back."""
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


def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    """Retry-After beyond the time left hands the events back at once."""
    sink = FlakySink([TransientError("http_429", retry_after=3600)])
    outcome = forwarder({"a": sink}).forward(messages(0), seconds=30)
    assert len(sink.calls) == 1
    assert outcome.verdicts["a"][0].code == "http_429"


def test_nothing_is_sent_when_the_time_is_up_already() -> None:
    """An invocation without time left sends nothing and hands everything back."""
    sink = FlakySink()
    outcome = forwarder({"a": sink}).forward(messages(0), seconds=0)
    assert sink.calls == []
    assert outcome.verdicts["a"][0].code == "deadline"


def test_an_event_that_is_none_is_refused_by_name_and_spoils_nothing() -> None:
    """Bytes that are no event go back with an error that names what is wrong; the rest is delivered."""
    sink = FlakySink()
    bad = Message(b'{"detail": tru', Origin("test"))
    outcome = forwarder({"a": sink}).forward([*messages(0), bad, *messages(1)])
    assert fates(outcome, "a") == ["delivered", "returned", "delivered"]
    assert outcome.verdicts["a"][1].code == "not_json"
    assert "not JSON" in outcome.verdicts["a"][1].reason


def test_a_format_that_fails_on_one_event_costs_that_event_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in a format is a refusal of the event it met, and the others are delivered."""
    from trailforward.formats.raw import Raw

    def data(self: Raw, message: Message) -> bytes:
        if message.origin.ref == "1":
            raise ZeroDivisionError
        return message.raw

    monkeypatch.setattr(Raw, "data", data)
    outcome = forwarder({"a": FlakySink()}).forward(messages(0, 1, 2))
    assert fates(outcome, "a") == ["delivered", "returned", "delivered"]
    assert outcome.verdicts["a"][1].code == "ZeroDivisionError"


def test_a_bug_in_routing_costs_the_event_it_met_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that trips a guard or pattern is refused by name, and the others are delivered."""
    pipeline = forwarder({"a": FlakySink()})
    author = pipeline._guard.author

    def trip(event: dict[str, Any]) -> Author:
        if event["id"].endswith("1"):
            raise ZeroDivisionError
        return author(event)

    monkeypatch.setattr(pipeline._guard, "author", trip)
    outcome = pipeline.forward(messages(0, 1, 2))
    assert fates(outcome, "a") == ["delivered", "returned", "delivered"]
    assert outcome.verdicts["a"][1].code == "ZeroDivisionError"


def test_parsed_views_are_let_go_once_an_event_is_on_its_way() -> None:
    """A batch is held as bytes, not as parsed events, which take many times the room."""
    events = messages(0, 1)
    forwarder({"a": FlakySink()}).forward(events)
    assert [message._event for message in events] == [None, None]
    assert events[0].record["eventName"] == "StopInstances"


def test_a_sink_that_says_it_looks_at_nothing_else_gets_nothing_else() -> None:
    """A plain sink spares itself fields, group and subject; data, key and time are there for all."""
    usual, plain = FlakySink(), FlakySink()
    plain.uses_fields = False
    forwarder({"usual": usual, "plain": plain}).forward(messages(1))
    (entry,), (bare,) = usual.taken, plain.taken
    assert (entry.fields["eventName"], entry.group) == ("StopInstances", "111122223333")
    assert (bare.fields, bare.group, bare.subject) == ({}, "", "")
    assert (bare.data, bare.key, bare.time) == (entry.data, entry.key, entry.time)


def test_routes_choose_the_sinks() -> None:
    """An event goes to the sinks of all routes that match it; to every other sink it counts as filtered."""
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
    """An event by the function's own role session is filtered as self, at every sink."""
    sink = FlakySink()
    own = {
        "type": "AssumedRole",
        "arn": "arn:aws:sts::111122223333:assumed-role/tf-role/trailforward",
        "accountId": "111122223333",
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/service/tf-role"}},
        "inScopeOf": {"credentialsIssuedTo": Context.invoked_function_arn},
    }
    payload = sqs(sqs_record(envelope(0, userIdentity=own), "m-0"), sqs_record(envelope(1), "m-1"))
    answer, outcome = forwarder({"a": sink}).process(payload, Context())
    assert answer == {"batchItemFailures": []}
    assert outcome.verdicts["a"][0].code == "self"
    assert outcome.totals("a") == Totals(received=2, delivered=1, filtered=1)


def test_an_event_never_goes_back_into_the_queue_it_came_from() -> None:
    """A sink that is the source queue itself gets nothing from it, or it would feed itself for ever."""
    sink = FlakySink(arn="arn:aws:sqs:eu-west-1:111122223333:trailforward")
    outcome = forwarder({"a": sink}).process(sqs(sqs_record(envelope(0), "m-0")), Context())[1]
    assert sink.calls == []
    assert outcome.verdicts["a"][0].code == "self"


def test_the_retry_queue_takes_what_only_some_sinks_took(tmp_path: Path) -> None:
    """A message one sink refused goes to the retry queue for that sink alone, not back to all."""
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
    # And when it comes back, only the sink still owed gets it.
    again = sqs(sqs_record(entry.data, "m-1", attributes=dict(entry.attributes)))
    outcome = pipeline.process(again, Context())[1]
    assert outcome.totals("healthy") == Totals()
    assert outcome.totals("failing") == Totals(received=1, delivered=1)
    assert healthy.data == [envelope(0)]


def test_the_retry_queue_is_not_used_where_no_sink_took_the_message() -> None:
    """A message that no sink took goes back to its source: there is nobody it would be repeated to."""
    queue = FlakySink()
    down = {name: FlakySink([TransientError("down")] * 5) for name in ("a", "b")}
    pipeline = forwarder(down)
    pipeline._failure_handler._retries.sink = queue
    outcome = pipeline.forward(messages(0))
    assert outcome.returned == [0]
    assert queue.calls == []


def test_a_fifo_message_never_takes_the_retry_queue() -> None:
    """A message of a FIFO queue goes back to its queue, though another sink has it: its order comes first."""
    failing = FlakySink([TransientError("down")] * 5)
    pipeline = forwarder({"healthy": FlakySink(), "failing": failing})
    queue = FlakySink()
    pipeline._failure_handler._retries.sink = queue
    payload = sqs(sqs_record(envelope(0), "m-0", arn=FIFO, group="g"))
    assert pipeline.handle(payload, Context()) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    assert queue.calls == []


def test_a_fifo_group_stops_at_its_first_failure() -> None:
    """Of a FIFO group, nothing after a message that goes back is sent; other groups go on."""

    def refuse_b1(batch: Any) -> list[Any]:
        if any(entry.key.endswith("1") for entry in batch):
            raise TransientError("down")
        return []

    sink = FlakySink([refuse_b1] * 30, limits=Limits(entries=1, entry_bytes=10_000, batch_bytes=10_000))
    groups = ["g", "g", "g", "h", "h"]
    records = [
        sqs_record(envelope(number), f"m-{number}", arn=FIFO, group=group)
        for number, group in enumerate(groups)
    ]
    answer, outcome = forwarder({"a": sink}).process(sqs(*records), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}, {"itemIdentifier": "m-2"}]}
    assert outcome.verdicts["a"][2].code == "group_blocked"
    assert sorted(entry.key[-1] for entry in sink.taken) == ["0", "3", "4"]
    assert outcome.breaks == []


def test_sqs_gets_back_exactly_the_messages_that_failed() -> None:
    """The answer names the messageIds to hand back, and no other."""
    sink = FlakySink([refuse(1, transient=False)])
    payload = sqs(*(sqs_record(envelope(number), f"m-{number}") for number in range(3)))
    assert forwarder({"a": sink}).handle(payload, Context()) == {
        "batchItemFailures": [{"itemIdentifier": "m-1"}]
    }


def test_a_direct_invocation_raises_what_must_be_tried_again() -> None:
    """EventBridge hands an event back by an exception that names sink and code."""
    pipeline = forwarder({"siem": FlakySink([refuse(0, transient=False, code="NoSuchThing")])})
    with pytest.raises(PayloadError, match="siem: NoSuchThing"):
        pipeline.handle(json.loads(envelope(0)), Context())
    assert pipeline.handle(json.loads(envelope(0)), Context()) is None


def test_an_unknown_payload_is_never_dropped(tmp_path: Path) -> None:
    """A payload no source knows raises, or is dead-lettered whole where there is a dead-letter queue."""
    with pytest.raises(PayloadError, match="unknown_payload"):
        forwarder({"a": FlakySink()}).handle({"awslogs2": {}}, Context())
    path = tmp_path / "dead.ndjson"
    with_dead = forwarder({"a": FlakySink()}, head=f'dead_letter = "file:{path}"')
    assert with_dead.handle({"awslogs2": {"x": 1}}, Context()) is None
    assert json.loads(path.read_bytes())["body"] == '{"awslogs2":{"x":1}}'


def test_latency_is_measured_from_the_event_to_its_delivery_by_region() -> None:
    """Each delivery tells the milliseconds since the event's own time, under the event's Region."""
    outcome = forwarder({"a": FlakySink()}).forward(messages(0))
    ((region, milliseconds),) = outcome.latencies
    assert region == "eu-west-1"
    assert milliseconds > 0


@pytest.mark.parametrize("time", [None, 5, "yesterday", "2026-05-04T09:15:00", "2" * 1_000])
def test_an_event_without_a_usable_time_has_no_latency(time: object) -> None:
    """A time that is missing, odd or without zone costs the figure, not the event."""
    raw = json.dumps({**json.loads(envelope(0, eventTime=time)), "time": None}).encode()
    outcome = forwarder({"a": FlakySink()}).forward([Message(raw, Origin("test"))])
    assert outcome.latencies == []
    assert outcome.totals("a").delivered == 1


def test_a_pipeline_that_forgets_a_message_returns_it_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """If a fate were ever missing, the event goes back and the ledger's break is logged as an error."""
    pipeline = forwarder({"a": FlakySink()})
    pipeline._intake.decide = lambda *_: Decisions({})  # type: ignore[method-assign]
    outcome = pipeline.forward(messages(0))
    assert outcome.returned == [0]
    assert list(map(str, outcome.breaks)) == ["a: message 0 met no fate"]
    assert "ledger does not add up" in caplog.text


def test_a_message_given_two_fates_breaks_the_ledger_and_keeps_the_first() -> None:
    """Two fates for one message are a break, never a second count."""
    pipeline = forwarder({"a": FlakySink()})

    def again(_failures: Any, outcome: Outcome, deadline: float) -> list[Any]:
        return [("a", 0, outcome.verdicts["a"][0])]

    pipeline._failure_handler.handle = again  # type: ignore[method-assign]
    outcome = pipeline.forward(messages(0))
    assert outcome.totals("a") == Totals(received=1, delivered=1)
    assert list(map(str, outcome.breaks)) == ["a: message 0 met delivered after delivered"]


def test_a_firehose_of_another_account_is_refused_before_a_namesake_gets_anything() -> None:
    """Firehose's API takes a name only: events meant for another account's stream never go to one's own."""
    stream = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/archive"
    sink = FlakySink()
    config = Config.from_toml(f'[sinks.archive]\nto = "{stream}"\n')
    pipeline = Forwarder(config, made={"archive": sink})
    with pytest.raises(ConfigError, match=r"sinks.archive.to: .* 111122223333.* Fix: "):
        pipeline.handle(sqs(sqs_record(envelope(0), "m-0")), Context())
    assert sink.calls == []
    own = Config.from_toml(f'[sinks.archive]\nto = "{stream.replace("123456789012", "111122223333")}"\n')
    answer = Forwarder(own, made={"archive": sink}).handle(sqs(sqs_record(envelope(0), "m-0")), Context())
    assert answer == {"batchItemFailures": []}
    assert sink.data == [envelope(0)]


def test_an_empty_batch_is_answered_and_nothing_sent() -> None:
    """No records in, no failures out."""
    sink = FlakySink()
    assert forwarder({"a": sink}).handle({"Records": []}, Context()) == {"batchItemFailures": []}
    assert sink.calls == []


def test_closing_closes_every_sink(tmp_path: Path) -> None:
    """A forwarder gives up what its sinks hold, its own queues included."""
    sinks = {"a": FlakySink([refuse(0, transient=False)])}
    pipeline = forwarder(sinks, head=f'dead_letter = "file:{tmp_path / "dead.ndjson"}"')
    pipeline.forward(messages(0))
    pipeline.close()
    assert sinks["a"].closed
    dead_letters = pipeline._failure_handler._dead_letters.sink
    assert isinstance(dead_letters, FileSink)
    assert dead_letters._file < 0


def test_a_message_error_known_to_the_source_is_its_refusal() -> None:
    """A source that already knows why a message is no event has the last word on it."""
    bad = Message(b"{}", Origin("test"), error=EventError("bad_sqs_record", "no body"))
    outcome = forwarder({"a": FlakySink()}).forward([bad])
    assert outcome.verdicts["a"][0].code == "bad_sqs_record"


def test_the_destinations_of_a_configuration_are_made_as_configured(tmp_path: Path) -> None:
    """A forwarder made from a configuration alone sends where it says."""
    path = tmp_path / "out.ndjson"
    pipeline = Forwarder(Config.to(f"file:{path}"))
    pipeline.forward(messages(0, 1))
    pipeline.close()
    assert path.read_bytes() == envelope(0) + b"\n" + envelope(1) + b"\n"
