"""Transformations of a Firehose stream: exact bytes, and an answer for each record, with its own data."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.entries import ODD
from tests.support.events import envelope
from tests.support.payloads import DELIVERY, firehose, log_data, record
from tests.test_jsontext import fault
from trailforward import Config, Fate, Forwarder, TransientError
from trailforward.sources import detect
from trailforward.testing import FlakySink, refuse

#: Lambda's limit of an answer (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
MOST = 6 * 1024 * 1024


def forwarder(sink: FlakySink, head: str = "") -> Forwarder:
    """Forwards to one sink, without waiting."""
    text = f'{head}\nretry = {{ max_attempts = 1 }}\n[sinks.a]\nto = "stdout:"\n'
    return Forwarder(Config.from_toml(text), made={"a": sink})


def results(payload: dict[str, Any], sink: FlakySink, head: str = "") -> list[str]:
    """The results of an answer, after seeing that each record is in it once, with its data."""
    answer = forwarder(sink, head).handle(payload)
    told = [(each["recordId"], each["data"]) for each in answer["records"]]
    assert told == [(each["recordId"], each["data"]) for each in payload["records"]]
    assert {"recordId", "result", "data"} == {key for each in answer["records"] for key in each}
    return [each["result"] for each in answer["records"]]


@pytest.mark.parametrize("data", [*ODD, envelope() + b"\n", b"\xff\x00", b""])
def test_the_data_are_the_bytes(data: bytes) -> None:
    """The bytes of a message are the record's data."""
    (message,) = detect(firehose(data)).messages(firehose(data))
    assert message.raw == data
    assert (message.origin.source, message.origin.ref, message.origin.arn) == ("firehose", "r0", DELIVERY)
    assert message.origin.first_seen == "2026-05-04T09:15:00.123+00:00"


def test_what_was_delivered_or_filtered_stays_in_the_stream() -> None:
    """The stream keeps every record that was dealt with, also one that no route wanted, unchanged."""
    text = (
        '[sinks.a]\nto = "stdout:"\n[[routes]]\nname = "r"\nsinks = ["a"]\n'
        'pattern = { detail = { eventName = ["StopInstances"] } }\n'
    )
    sink = FlakySink()
    made = Forwarder(Config.from_toml(text), made={"a": sink})
    payload = firehose(envelope(1), envelope(2, eventName="Other"))
    answer, outcome = made.process(payload)
    assert [each["result"] for each in answer["records"]] == ["Ok", "Ok"]
    assert [outcome.verdicts["a"][index].fate for index in range(2)] == [Fate.DELIVERED, Fate.FILTERED]
    assert sink.data == [envelope(1)]


def test_what_was_not_delivered_has_failed() -> None:
    """Only what is safe nowhere is ProcessingFailed: Firehose keeps it in the stream's bucket."""
    payload = firehose(envelope(1), b"no json", envelope(3), envelope(4))
    assert results(payload, FlakySink([refuse(1)])) == ["Ok", "ProcessingFailed", "ProcessingFailed", "Ok"]


def test_dead_letters_stay_in_the_stream(tmp_path: Any) -> None:
    """What can never be delivered is in the dead-letter queue, and in the stream all the same."""
    dead = tmp_path / "dead"
    payload = firehose(envelope(1), b"no json")
    assert results(payload, FlakySink(), f'dead_letter = "file:{dead}"') == ["Ok", "Ok"]
    assert json.loads(dead.read_text())["body"] == "no json"


def test_leftovers_go_to_the_retry_queue(local_aws: Any) -> None:
    """Firehose brings nothing again, so the retry queue takes even what no destination took."""
    queue = local_aws.queue()
    sink = FlakySink([TransientError("down")])
    assert results(firehose(envelope(1)), sink, f'retry_queue = "{queue}"') == ["Ok"]
    assert [message["Body"].encode() for message in local_aws.messages(queue)] == [envelope(1)]


def test_log_events_in_a_stream() -> None:
    """A record of log events has failed if one of them has; a control message has not."""
    payload = firehose(
        log_data(record(1).decode(), record(2).decode()),
        log_data(record(3).decode()),
        log_data("x", kind="CONTROL_MESSAGE"),
    )
    sink = FlakySink([refuse(1)])
    assert results(payload, sink) == ["ProcessingFailed", "Ok", "Ok"]
    assert len(sink.taken) == 2


@pytest.mark.parametrize("bad", [None, 3, {"recordId": "b"}, {"recordId": "b", "data": "%"}])
def test_a_bad_record_does_not_hide_the_others(bad: Any) -> None:
    """A record that cannot be read is a message that says so, and has failed."""
    payload = firehose(envelope(1), envelope(2))
    payload["records"].insert(1, bad)
    made = list(detect(payload).messages(payload))
    assert [made[0].raw, made[2].raw] == [envelope(1), envelope(2)]
    error = fault(lambda: made[1].event)
    assert error is not None
    assert error.code == "bad_base64"
    answer = forwarder(FlakySink()).handle(payload)
    assert [each["result"] for each in answer["records"]] == ["Ok", "ProcessingFailed", "Ok"]


def test_the_answer_is_never_longer_than_what_came() -> None:
    """What fits Lambda's limit on the way in fits it on the way out."""
    for data in (b"", b"x" * 1_000):
        payload = firehose(*[data] * 500)
        answer = forwarder(FlakySink()).handle(payload)
        assert {each["result"] for each in answer["records"]} == {"ProcessingFailed"}
        assert len(json.dumps(answer)) <= len(json.dumps(payload)) < MOST
    assert base64.b64decode(answer["records"][0]["data"]) == b"x" * 1_000
