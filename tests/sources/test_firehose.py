"""Firehose transformations: exact bytes, and a result for each record, with its data."""

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

#: Lambda's limit of a response in bytes (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
MAX_BYTES = 6 * 1024 * 1024


def forwarder(sink: FlakySink, head: str = "") -> Forwarder:
    """A forwarder with one sink and without retries."""
    text = f'{head}\nretry = {{ max_attempts = 1 }}\n[sinks.a]\nto = "stdout:"\n'
    return Forwarder(Config.from_toml(text), made={"a": sink})


def results(payload: dict[str, Any], sink: FlakySink, head: str = "") -> list[str]:
    """The results of a response. Checks that the response has each record once, with its data."""
    response = forwarder(sink, head).handle(payload)
    returned = [(each["recordId"], each["data"]) for each in response["records"]]
    assert returned == [(each["recordId"], each["data"]) for each in payload["records"]]
    assert {"recordId", "result", "data"} == {key for each in response["records"] for key in each}
    return [each["result"] for each in response["records"]]


@pytest.mark.parametrize("data", [*ODD, envelope() + b"\n", b"\xff\x00", b""])
def test_a_message_has_the_bytes_of_the_record(data: bytes) -> None:
    """A message's bytes are the record's data."""
    (message,) = detect(firehose(data)).messages(firehose(data))
    assert message.raw == data
    assert (message.origin.source, message.origin.ref, message.origin.arn) == ("firehose", "r0", DELIVERY)
    assert message.origin.first_seen == "2026-05-04T09:15:00.123+00:00"


def test_delivered_and_filtered_records_stay_in_the_stream() -> None:
    """The stream keeps delivered and filtered records unchanged."""
    text = (
        '[sinks.a]\nto = "stdout:"\n[[routes]]\nname = "r"\nsinks = ["a"]\n'
        'pattern = { detail = { eventName = ["StopInstances"] } }\n'
    )
    sink = FlakySink()
    made = Forwarder(Config.from_toml(text), made={"a": sink})
    payload = firehose(envelope(1), envelope(2, eventName="Other"))
    response, outcome = made.process(payload)
    assert [each["result"] for each in response["records"]] == ["Ok", "Ok"]
    assert [outcome.verdicts["a"][index].fate for index in range(2)] == [Fate.DELIVERED, Fate.FILTERED]
    assert sink.data == [envelope(1)]


def test_undelivered_records_fail() -> None:
    """Only undelivered records get ProcessingFailed, so that Firehose writes them to the stream's bucket."""
    payload = firehose(envelope(1), b"no json", envelope(3), envelope(4))
    assert results(payload, FlakySink([refuse(1)])) == ["Ok", "ProcessingFailed", "ProcessingFailed", "Ok"]


def test_dead_letters_stay_in_the_stream(tmp_path: Any) -> None:
    """A permanent failure goes to the dead-letter queue, and the stream keeps the record, too."""
    dead = tmp_path / "dead"
    payload = firehose(envelope(1), b"no json")
    assert results(payload, FlakySink(), f'dead_letter = "file:{dead}"') == ["Ok", "Ok"]
    assert json.loads(dead.read_text())["body"] == "no json"


def test_transient_failures_go_to_the_retry_queue(local_aws: Any) -> None:
    """Firehose never delivers a record again, so the retry queue also takes what no destination accepted."""
    queue = local_aws.queue()
    sink = FlakySink([TransientError("down")])
    assert results(firehose(envelope(1)), sink, f'retry_queue = "{queue}"') == ["Ok"]
    assert [message["Body"].encode() for message in local_aws.messages(queue)] == [envelope(1)]


def test_log_events_in_a_stream() -> None:
    """A record with log events fails if one of them fails; a control message does not fail."""
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
    """An unreadable record becomes a message with an error, and gets ProcessingFailed."""
    payload = firehose(envelope(1), envelope(2))
    payload["records"].insert(1, bad)
    made = list(detect(payload).messages(payload))
    assert [made[0].raw, made[2].raw] == [envelope(1), envelope(2)]
    error = fault(lambda: made[1].event)
    assert error is not None
    assert error.code == "bad_base64"
    response = forwarder(FlakySink()).handle(payload)
    assert [each["result"] for each in response["records"]] == ["Ok", "ProcessingFailed", "Ok"]


def test_the_response_is_never_longer_than_the_payload() -> None:
    """If a payload is within Lambda's limit, so is the response."""
    for data in (b"", b"x" * 1_000):
        payload = firehose(*[data] * 500)
        response = forwarder(FlakySink()).handle(payload)
        assert {each["result"] for each in response["records"]} == {"ProcessingFailed"}
        assert len(json.dumps(response)) <= len(json.dumps(payload)) < MAX_BYTES
    assert base64.b64decode(response["records"][0]["data"]) == b"x" * 1_000
