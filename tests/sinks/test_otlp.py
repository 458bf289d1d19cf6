"""The OTLP preset writes what the published protobuf definitions say, and loses no event silently.

No collector runs here: the requests are parsed with the classes of the package ``opentelemetry-proto``.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

from tests.support.events import envelope
from tests.support.receiver import Exchange, Fault, Receiver, Status
from tests.support.settings import read
from trailforward import Config, Fate, Forwarder, Message, Origin
from trailforward.errors import PermanentError, TransientError
from trailforward.sinks.base import DETECTION, SEVERITY, Entry
from trailforward.sinks.http import otlp_protobuf
from trailforward.sinks.http.otlp_protobuf import ProtobufRecords
from trailforward.sinks.http.presets.otlp import LogRecords
from trailforward.sinks.http.sink import HttpSettings, HttpSink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TIME = "2026-05-04T09:15:00Z"
ODD = [b'{"a": 1.10,"b":1.688560107857E9 }', '{"name":"bücher\\u003d","lone":"\\ud800"}'.encode()]


def request(body: bytes) -> Any:
    """The request as the published protobuf classes read it; unknown fields are an error."""
    return json_format.Parse(body, ExportLogsServiceRequest())


def records(body: bytes) -> list[Any]:
    """All log records of a request."""
    return [
        record
        for resource in request(body).resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def attributes(listed: Any) -> dict[str, str]:
    """Attributes as a dict."""
    return {each.key: each.value.string_value for each in listed}


def partial(rejected: int, *, message: str = "too old") -> Status:
    """The response to a partial success, as protobuf writes it."""
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = rejected
    response.partial_success.error_message = message
    return Status(200, {}, json_format.MessageToJson(response).encode())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that follows a script."""
    with Receiver() as receiver:
        yield receiver


def sink(receiver: Receiver, **settings: Any) -> HttpSink:
    """A sink that sends to the receiver."""
    to = f"http://127.0.0.1:{receiver.port}"
    return HttpSink(read(HttpSettings, {"to": to, "preset": "otlp", **settings}))


def test_a_request_is_what_the_published_definitions_say(receiver: Receiver) -> None:
    """Body, times, severity, and attributes of each event arrive in the fields that OTLP has for them."""
    fields = {
        "account": "111122223333",
        "region": "eu-west-1",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "RunInstances",
        SEVERITY: "high",
        DETECTION: '["root"]',
    }
    batch = [Entry(data, f"key-{index}", fields=fields, time=TIME) for index, data in enumerate(ODD)]
    made = sink(receiver, metadata={"service.name": "trail", "host.name": "hub"}, gzip=True)
    assert made.uses_fields
    assert made.send(batch) == []
    made.close()
    (sent,) = receiver.requests
    assert (sent.path, sent.headers["Content-Type"]) == ("/v1/logs", "application/json")
    (resource,) = request(sent.decoded).resource_logs
    assert attributes(resource.resource.attributes) == {
        "service.name": "trail",
        "cloud.provider": "aws",
        "host.name": "hub",
    }
    assert resource.scope_logs[0].scope.name == "trailforward"
    found = records(sent.decoded)
    assert [record.body.string_value.encode() for record in found] == ODD
    for index, record in enumerate(found):
        assert record.time_unix_nano == 1_777_886_100 * 10**9
        assert abs(record.observed_time_unix_nano / 1e9 - datetime.now(UTC).timestamp()) < 600
        assert record.severity_number == SeverityNumber.SEVERITY_NUMBER_ERROR
        assert record.severity_text == "high"
        assert attributes(record.attributes) == {
            "log.record.uid": f"key-{index}",
            "cloud.account.id": "111122223333",
            "cloud.region": "eu-west-1",
            "aws.cloudtrail.event_source": "ec2.amazonaws.com",
            "aws.cloudtrail.event_name": "RunInstances",
            DETECTION: '["root"]',
        }
    raw = json.loads(sent.decoded)["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert isinstance(raw["timeUnixNano"], str), "64-bit numbers are strings in protobuf's JSON"
    assert isinstance(raw["severityNumber"], int), "enums are numbers in OTLP's JSON"
    assert sum(map(made.size, batch)) + made.limits.batch_overhead == len(sent.decoded) + 1


@pytest.mark.parametrize("time", ["", "yesterday", "2026-05-04T09:15:00", "1969-12-31T23:59:59Z"])
def test_an_event_without_a_valid_time_has_only_the_observed_time(time: str) -> None:
    """``timeUnixNano`` is left out, which OTLP reads as unknown."""
    (record,) = records(LogRecords({}).body([Entry(b"{}", "k", time=time)]))
    assert record.time_unix_nano == 0
    assert record.observed_time_unix_nano > 0
    assert (record.severity_number, record.severity_text) == (9, "INFO")


@given(st.text(max_size=60), st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001
def test_any_text_and_time_survive(text: str, moment: datetime) -> None:
    """Whatever an event contains, the published classes read its exact bytes and its exact microsecond."""
    data = json.dumps({"x": text}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    time = moment.replace(tzinfo=UTC).isoformat()
    (record,) = records(LogRecords({}).body([Entry(data, "k", time=time)]))
    assert (record.body.string_value.encode() or record.body.bytes_value) == data
    since = moment - datetime(1970, 1, 1)  # noqa: DTZ001
    assert record.time_unix_nano == since // timedelta(microseconds=1) * 1_000


@pytest.mark.parametrize("body", [b"", b"{}", b" {} ", b'{"partialSuccess":{}}'])
@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_full_success_has_no_content(receiver: Receiver, status: int, body: bytes) -> None:
    """An empty message, an empty body, and Grafana Cloud's 204 mean that everything was accepted."""
    receiver.script(Status(status, {}, b"" if status == 204 else body))
    made = sink(receiver)
    assert made.send([Entry(b"{}", "k")]) == []
    made.close()


def test_a_warning_is_not_a_rejection(receiver: Receiver) -> None:
    """A message without rejected records is a warning, as the definition says."""
    receiver.script(partial(0, message="deprecated attribute"))
    made = sink(receiver)
    assert made.send([Entry(b"{}", "k")]) == []
    made.close()


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"[]", b"[" * 99_999])
def test_a_page_of_another_server_is_not_a_delivery(receiver: Receiver, body: bytes) -> None:
    """A 200 that no OTLP receiver would send is a transient failure."""
    receiver.script(Status(200, {}, body))
    made = sink(receiver)
    with pytest.raises(TransientError, match="unparseable"):
        made.send([Entry(b"{}", "k")])
    made.close()


@pytest.mark.parametrize(
    "body",
    [
        b'{"partialSuccess":{"rejectedLogRecords":"2"}}',
        b'{"partialSuccess":{"rejectedLogRecords":2}}',
        b'{"partial_success":{"rejected_log_records":2}}',
        b'{"partialSuccess":{"rejectedLogRecords":"many","errorMessage":"secret payload"}}',
    ],
)
def test_rejected_records_are_reported_without_the_receivers_words(receiver: Receiver, body: bytes) -> None:
    """The number counts in every form; the message may quote an event, so no error repeats it."""
    receiver.script(Status(200, {}, body))
    made = sink(receiver)
    with pytest.raises(PermanentError, match="partial_success") as caught:
        made.send([Entry(b"{}", "k")] * 3)
    made.close()
    assert caught.value.divisible
    assert "payload" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_the_retryable_statuses_are_retried_after_the_time_they_ask_for(
    receiver: Receiver, status: int
) -> None:
    """The four statuses that OTLP/HTTP declares retryable are transient, with ``Retry-After``."""
    receiver.script(Status(status, {"Retry-After": "7"}))
    made = sink(receiver)
    with pytest.raises(TransientError) as caught:
        made.send([Entry(b"{}", "k")])
    made.close()
    assert caught.value.retry_after == 7
    assert caught.value.throttled is (status == 429)


@given(
    st.lists(st.text(max_size=40), min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(["account", "region", "eventName", SEVERITY]), st.text(max_size=200)),
    st.sampled_from([TIME, "", "2026-05-04T09:15:00.123456+02:00"]),
)
def test_protobuf_has_the_content_of_json(texts: list[str], fields: dict[str, str], time: str) -> None:
    """The published classes read the same message from both encodings, for any events and attributes."""
    data = [json.dumps({"x": text}, ensure_ascii=False).encode("utf-8", "surrogatepass") for text in texts]
    plain = {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}
    batch = [Entry(each, f"k-{index}", fields=plain, time=time) for index, each in enumerate(data)]
    metadata = {"service.name": "trail", "encoding": "protobuf"}
    framing = ProtobufRecords(metadata)
    body = framing.body(batch)
    binary = ExportLogsServiceRequest.FromString(body)
    both = [binary, request(LogRecords(metadata).body(batch))]
    for each in both:
        for record in each.resource_logs[0].scope_logs[0].log_records:
            record.observed_time_unix_nano = 1
    assert both[0] == both[1]
    assert len(body) <= sum(map(framing.size, batch)) + framing.overhead


def test_a_receiver_of_protobuf_gets_it_and_responds_in_it(receiver: Receiver) -> None:
    """With ``encoding = "protobuf"`` the content type says so, and a rejected record is found."""
    response = ExportLogsServiceResponse()
    response.partial_success.error_message = "a warning"
    kind = {"Content-Type": "application/x-protobuf"}
    receiver.script(Status(200, kind, response.SerializeToString()))
    made = sink(receiver, metadata={"encoding": "protobuf"}, gzip=True)
    assert made.send([Entry(each, "k", time=TIME) for each in ODD]) == []
    (sent,) = receiver.requests
    assert sent.headers["Content-Type"] == "application/x-protobuf"
    message = ExportLogsServiceRequest.FromString(sent.decoded)
    found = message.resource_logs[0].scope_logs[0].log_records
    assert [record.body.string_value.encode() for record in found] == ODD
    response.partial_success.rejected_log_records = 300
    receiver.script(Status(200, kind, response.SerializeToString()), Status(200, kind, b"<html>"))
    with pytest.raises(PermanentError, match="rejected 300 of 1"):
        made.send([Entry(b"{}", "k")])
    with pytest.raises(TransientError, match="unparseable"):
        made.send([Entry(b"{}", "k")])
    made.close()


@given(st.binary(max_size=40))
def test_any_response_in_protobuf_is_read_or_refused(body: bytes) -> None:
    """A response that the published classes read has their number; any other one is an error."""
    try:
        found = otlp_protobuf.rejected(body)
    except ValueError:
        return
    assert found >= 0


@given(st.integers(0, 2**63 - 1), st.text(max_size=300))
def test_every_number_of_rejected_records_is_read(count: int, message: str) -> None:
    """The number survives, whatever the message next to it."""
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = count
    response.partial_success.error_message = message.encode("utf-8", "replace").decode()
    assert otlp_protobuf.rejected(response.SerializeToString()) == count


class Choosy(Fault):
    """Accepts the records that do not contain the culprit, and counts the others, as a collector does."""

    def __init__(self, culprit: bytes) -> None:
        self.culprit = culprit
        self.stored_events: list[bytes] = []

    def apply(self, exchange: Exchange) -> None:
        """Responds with the number of rejected records."""
        bodies = [each.body.string_value.encode() for each in records(exchange.stored.decoded)]
        good = [body for body in bodies if self.culprit not in body]
        self.stored_events += good
        partial(len(bodies) - len(good)).apply(exchange)


def forward(events: Sequence[bytes], culprit: bytes, dead: str) -> tuple[Any, Choosy]:
    """Forwards events to a receiver that rejects some of them."""
    collector = Choosy(culprit)
    with Receiver(then=collector) as receiver:
        config = f'dead_letter = "file:{dead}"\n[sinks.otel]\nto = "http://127.0.0.1:{receiver.port}"\n'
        forwarder = Forwarder(Config.from_toml(config + 'preset = "otlp"\n[retry]\ninitial_seconds = 0\n'))
        try:
            return forwarder.forward([Message(data, Origin("test")) for data in events]), collector
        finally:
            forwarder.close()


def test_the_forwarder_fills_the_attributes(tmp_path: Any) -> None:
    """Account, Region, names, and the severity of the detection come from the event and its route."""
    with Receiver(then=Status(200, {}, b"{}")) as receiver:
        forwarder = Forwarder(
            Config.from_toml(
                f'[sinks.otel]\nto = "http://127.0.0.1:{receiver.port}"\npreset = "otlp"\n'
                '[[routes]]\nname = "all"\nsinks = ["otel"]\nseverity = "critical"\n'
                "pattern = { source = [{ exists = true }] }\n"
            )
        )
        outcome = forwarder.forward([Message(envelope(1), Origin("test"))])
        forwarder.close()
        assert outcome.totals("otel").delivered == 1
        (record,) = records(receiver.bodies[0])
    event = json.loads(envelope(1))
    found = attributes(record.attributes)
    assert (found["cloud.account.id"], found["cloud.region"]) == (event["account"], event["region"])
    assert found["aws.cloudtrail.event_name"] == event["detail"]["eventName"]
    assert found["log.record.uid"]
    assert (record.severity_number, record.severity_text) == (21, "critical")


def test_a_partial_success_isolates_the_rejected_event(tmp_path: Any) -> None:
    """The response does not name the rejected event: halving finds it, and only it becomes a dead letter."""
    events = [envelope(number, userAgent="poison" if number == 5 else "ok") for number in range(12)]
    outcome, collector = forward(events, b"poison", str(tmp_path / "dead"))
    fates = [outcome.verdicts["otel"][index].fate for index in range(12)]
    assert [index for index, fate in enumerate(fates) if fate is Fate.DEAD_LETTERED] == [5]
    assert outcome.verdicts["otel"][5].code == "partial_success"
    assert set(collector.stored_events) == {data for index, data in enumerate(events) if index != 5}
    # 12, 6, 6, 3, 3 …: an event next to the rejected one arrives once per halving, never without end.
    assert max(Counter(collector.stored_events).values()) <= 5


def test_a_receiver_that_rejects_everything_loses_nothing(tmp_path: Any) -> None:
    """If every record is rejected, the receiver is at fault: all events go back to their source."""
    outcome, collector = forward([envelope(number) for number in range(8)], b"{", str(tmp_path / "dead"))
    assert {verdict.fate for verdict in outcome.verdicts["otel"].values()} == {Fate.RETURNED}
    assert collector.stored_events == []
