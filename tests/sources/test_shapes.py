"""Every shape in which CloudTrail events arrive gives the same events everywhere, with their exact bytes."""

from __future__ import annotations

import base64
import gzip
import json
import re
from hashlib import md5
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.support.events import FIFO, envelope, sqs, sqs_record
from tests.support.payloads import (
    TOPIC,
    firehose,
    kinesis_record,
    log_data,
    log_file,
    logs,
    notification,
    record,
    s3_record,
    sns_record,
)
from tests.test_jsontext import fault
from trailforward import Config, Forwarder, Message, PayloadError, parse
from trailforward.cli import app
from trailforward.message import Origin
from trailforward.runtime import Marshaller
from trailforward.sources import detect
from trailforward.sources._unwrap import examine, examined, messages_in
from trailforward.sources.base import ObjectReader
from trailforward.testing import FlakySink, refuse

if TYPE_CHECKING:
    from pathlib import Path

#: Parsing and encoding would change these: numbers such as 1.688560107857E9, and spaces.
ENVELOPES = [envelope(1), envelope(2).replace(b":", b": "), envelope(3)]
RECORDS = [record(number) for number in (1, 2, 3)]
TEXTS = [each.decode() for each in RECORDS]


def dumped(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def listed(*values: bytes) -> bytes:
    """A JSON list of these texts."""
    return b"[" + b" ,\n".join(values) + b"]"


def aggregated(*data: bytes) -> bytes:
    """A record as the Kinesis Producer Library aggregates it, with keys, tags, and unknown fields."""

    def field(number: int, content: bytes) -> bytes:
        size, sizes = len(content), b""
        while True:
            sizes += bytes([size & 127 | (128 if size > 127 else 0)])
            size >>= 7
            if not size:
                return bytes([number << 3 | 2]) + sizes + content

    records = (field(3, b"\x08\x00\x10\x00" + field(3, each) + field(4, b"\x0a\x01k")) for each in data)
    message = field(1, b"key") + field(2, b"1") + b"".join(records) + b"\x79" + b"x" * 8 + b"\x7d" + b"x" * 4
    return b"\xf3\x89\x9a\xc2" + message + md5(message, usedforsecurity=False).digest()


def with_metadata(event: bytes) -> bytes:
    """An event from a custom event bus, with its metadata."""
    about = {"aws:Source": "aws.ec2", "aws:DeliveryType": "LIVE", "ContentType": "application/json"}
    return b'{"Data": ' + event + b' ,"Metadata":{},"SystemMetadata":' + dumped(about) + b"}"


def in_stream(data: bytes) -> bytes:
    """A Kinesis batch with one record."""
    return dumped({"Records": [kinesis_record(data, "1")]})


LOOKUP = {"Events": [{"EventId": str(n), "CloudTrailEvent": text} for n, text in enumerate(TEXTS)]}
PIPE_KINESIS = [{**each["kinesis"], **each} for each in (kinesis_record(event, "1") for event in ENVELOPES)]
for each in PIPE_KINESIS:
    del each["kinesis"]
FIREHOSE_SAMPLE = {"invocationId": "i", "region": "us-east-1", "records": firehose(*ENVELOPES)["records"]}
#: What Firehose's decompression makes of the data of a subscription.
INFLATED = gzip.decompress(log_data(*TEXTS))

#: Payloads of three envelopes.
OF_ENVELOPES: dict[str, bytes] = {
    "a list from a pipe or a custom bus": listed(*ENVELOPES),
    "a list with metadata": listed(*map(with_metadata, ENVELOPES)),
    "SQS": dumped(sqs(*(sqs_record(each, str(n)) for n, each in enumerate(ENVELOPES)))),
    "SQS with whitespace": dumped(sqs(*(sqs_record(b"\n " + each + b"\r\n", "1") for each in ENVELOPES))),
    "SQS with a byte order mark": dumped(sqs(*(sqs_record(b"\xef\xbb\xbf" + e, "1") for e in ENVELOPES))),
    "SQS with a list": dumped(sqs(sqs_record(listed(*ENVELOPES), "1"))),
    "SQS without delimiters": dumped(sqs(sqs_record(b"".join(ENVELOPES), "1"))),
    "SQS with lines": dumped(sqs(sqs_record(b"\r\n".join(ENVELOPES), "1"))),
    "SQS records from a pipe": dumped([sqs_record(each, str(n)) for n, each in enumerate(ENVELOPES)]),
    "SNS": dumped({"Records": [sns_record(each.decode()) for each in ENVELOPES]}),
    "SNS in SQS": dumped(sqs(*(sqs_record(dumped(notification(e.decode())), "1") for e in ENVELOPES))),
    "Kinesis": dumped({"Records": [kinesis_record(each, "1") for each in ENVELOPES]}),
    "Kinesis without delimiters": in_stream(b"".join(ENVELOPES)),
    "Kinesis, aggregated": in_stream(aggregated(*ENVELOPES)),
    "Kinesis, aggregated lines": in_stream(aggregated(ENVELOPES[0], b"\n".join(ENVELOPES[1:]))),
    "Kinesis records from a pipe": dumped(PIPE_KINESIS),
    "Firehose": dumped(firehose(*ENVELOPES)),
    "Firehose without the stream's ARN": dumped(FIREHOSE_SAMPLE),
    "log group of envelopes": dumped(logs(log_data(*(each.decode() for each in ENVELOPES)))),
    "strings": dumped([each.decode() for each in ENVELOPES]),
}
#: Payloads of three records that stay without an envelope.
OF_RECORDS: dict[str, bytes] = {
    "lookup-events": json.dumps({**LOOKUP, "NextToken": "t"}, indent=4).encode(),
    "lookup-events, events only": dumped(LOOKUP["Events"]),
    "lookup-events, records only": dumped(TEXTS),
    "a list of records": listed(*RECORDS),
    "Firehose with extracted lines": dumped(firehose(b"\n".join(RECORDS) + b"\n")),
    "Firehose with extracted messages": dumped(firehose(b"".join(RECORDS))),
}
#: Payloads of three records that get an envelope.
OF_LOG_FILES: dict[str, bytes] = {
    "log file": log_file(*RECORDS, packed=False),
    "log file in SQS": dumped(sqs(sqs_record(log_file(*RECORDS, packed=False), "1"))),
    "log group": dumped(logs(log_data(*TEXTS))),
    "Kinesis with log data": in_stream(log_data(*TEXTS)),
    "Firehose, decompressed": dumped(firehose(INFLATED)),
    "Firehose, decompressed and compressed": dumped(firehose(INFLATED.replace(b"e0", b"e9"), b"\n")),
}
OF_LOG_FILES["Firehose, decompressed and compressed"] = dumped(
    firehose(gzip.decompress(log_data(TEXTS[0])), log_data(*TEXTS[1:]))
)
SHAPES = {**OF_ENVELOPES, **OF_RECORDS, **OF_LOG_FILES}
#: What Lambda's runtime client parses; trailforward keeps the bytes of all others.
PARSED = {"log file"}

_ORIGIN = re.compile(rb'"trailforward":\{"origin":"[^"]*"\},')


def from_handler(payload: bytes) -> list[bytes]:
    """The events that the function delivers."""
    sink = FlakySink([])
    forwarder = Forwarder(Config.from_toml('[sinks.a]\nto = "stdout:"\n'), made={"a": sink})
    _, outcome = forwarder.process(Marshaller(_Json()).unmarshal_request(payload))
    assert outcome.breaks == []
    assert outcome.totals("a").delivered == outcome.totals("a").received == len(sink.data)
    return sink.data


class _Json:
    """Lambda's marshaller."""

    def unmarshal_request(self, request: bytes, _: str) -> Any:
        """The parsed payload."""
        return json.loads(request)


def from_command(payload: bytes, folder: Path) -> list[bytes]:
    """The events that ``trailforward forward`` delivers from a file with the payload."""
    (folder / "in.json").write_bytes(payload)
    done = CliRunner().invoke(app, ["forward", "--to", f"file:{folder}/out", str(folder / "in.json")])
    assert done.exit_code == 0, done.output
    return (folder / "out").read_bytes().splitlines()


@pytest.mark.parametrize("name", SHAPES)
def test_all_ways_give_the_same_events(name: str, tmp_path: Path) -> None:
    """``parse``, the function, and the command line read the same events, with the same bytes."""
    payload = SHAPES[name]
    delivered = [_ORIGIN.sub(b"", event) for event in from_handler(payload)]
    found = [_ORIGIN.sub(b"", event) for event in from_command(payload, tmp_path)]
    if name in PARSED:
        assert list(map(json.loads, delivered)) == list(map(json.loads, found))
    else:
        assert delivered == found
    expected = ENVELOPES if name in OF_ENVELOPES else RECORDS
    if name in OF_LOG_FILES:
        assert [event.partition(b',"detail":')[2] for event in found] == [each + b"}" for each in expected]
    else:
        assert found == expected
    for way in (payload, payload.decode(), json.loads(payload)):
        parsed = [event.detail for event in parse(way)]
        assert parsed == [event.detail for each in found for event in parse(each)]


def codes(payload: Any) -> list[str]:
    """The error codes of the messages in a payload."""
    reader = ObjectReader(lambda _: [])
    return [code(message) for message in examined(detect(payload).messages(payload, reader), reader)]


def code(message: Message) -> str:
    """The error code of a message; empty if it is an event."""
    error = fault(lambda: message.event)
    return error.code if error else ""


def through(data: str | bytes) -> dict[str, Any]:
    """The payload of each transport around some data."""
    raw = data.encode() if isinstance(data, str) else data
    text = raw.decode("utf-8", "replace")
    return {
        "sqs": sqs(sqs_record(text, "1")),
        "sns": {"Records": [sns_record(text)]},
        "sns in sqs": sqs(sqs_record(dumped(notification(text)), "1")),
        "kinesis": {"Records": [kinesis_record(raw, "1")]},
        "firehose": firehose(raw),
    }


def subscription(kind: str) -> bytes:
    """SNS's message about a subscription."""
    return dumped({"Type": kind, "TopicArn": TOPIC, "Token": "x", "Message": "m", "SubscribeURL": "u"})


LAKE = "AWSLogs/111122223333/CloudTrail-Lake/Query/2026/11/20/q-1/result_1.csv.gz"


@pytest.mark.parametrize("transport", through(""))
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"CloudTrail validation message.", "validation_message"),
        (b"CloudTrail validation message.\n", "validation_message"),
        (subscription("SubscriptionConfirmation"), "subscription_confirmation"),
        (subscription("UnsubscribeConfirmation"), "unsubscribe_confirmation"),
        (dumped({"Records": [s3_record("b", LAKE)]}), "other_service"),
        (b"[]", "no_records"),
        (b'{"Records":[]}', "no_records"),
        (b"[" * 20 + b"]" * 20, "too_deep"),
        (b" \n", "empty"),
    ],
)
def test_messages_without_events(transport: str, data: bytes, code: str) -> None:
    """Messages that are not events have a code of their own, whatever delivers them."""
    assert codes(through(data)[transport]) == [code]


@pytest.mark.parametrize("name", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("line", [b"", b"\n"])
def test_other_encodings_are_named(name: str, line: bytes) -> None:
    """UTF-16 and UTF-32, with and without a byte order mark, are refused by name."""
    data = (line + ENVELOPES[0]).decode().encode(name)
    (message,) = examine(data, Origin("kinesis"), ObjectReader())
    assert message.raw == data
    assert f"but {name[:6].upper()}: convert it" in str(fault(lambda: message.event))
    assert codes({"Records": [kinesis_record(data, "1")]}) == ["not_utf8"]


def test_double_gzip_is_named() -> None:
    """Data that was compressed twice is refused by name."""
    assert codes({"Records": [kinesis_record(gzip.compress(log_data("x")), "1")]}) == ["double_gzip"]
    found = ObjectReader(lambda _: [gzip.compress(log_file(RECORDS[0]))])
    payload = {"Records": [s3_record("b")]}
    (message,) = detect(payload).messages(payload, found)
    assert "gzip inside gzip" in str(fault(lambda: message.event))


@pytest.mark.parametrize("cut", [3, 4, 5, 19, 20, 30, -1, -17])
def test_damaged_aggregation(cut: int) -> None:
    """A damaged aggregated record is one dead letter that says what it is."""
    data = aggregated(*ENVELOPES)[:cut]
    assert codes({"Records": [kinesis_record(data, "1")]}) == [
        "not_utf8" if cut == 3 else "kpl_aggregated"  # less than the mark
    ]


@given(st.binary(max_size=60))
def test_any_aggregation(message: bytes) -> None:
    """No bytes with the mark and digest of an aggregated record crash the reader."""
    data = b"\xf3\x89\x9a\xc2" + message + md5(message, usedforsecurity=False).digest()
    assert codes({"Records": [kinesis_record(data, "1")]})


def test_a_list_that_must_come_back_raises() -> None:
    """If one event of a list must be delivered again, the function raises an error."""
    text = 'retry = { max_attempts = 1 }\n[sinks.a]\nto = "stdout:"\n'
    forwarder = Forwarder(Config.from_toml(text), made={"a": FlakySink([refuse(1)])})
    with pytest.raises(PayloadError, match="must be retried: a: Throttled"):
        forwarder.handle(json.loads(listed(*ENVELOPES)))
    assert forwarder.handle(json.loads(listed(*ENVELOPES))) is None


def test_parts_return_with_their_message() -> None:
    """If one of several events in a message must come back, its message does."""
    text = 'retry = { max_attempts = 1 }\n[sinks.a]\nto = "stdout:"\n'
    forwarder = Forwarder(Config.from_toml(text), made={"a": FlakySink([refuse(2)])})
    payload = sqs(sqs_record(ENVELOPES[0], "m0"), sqs_record(b"".join(ENVELOPES[1:]), "m1"))
    assert forwarder.handle(payload) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_parts_keep_the_order_of_their_group() -> None:
    """Several events in a FIFO message are delivered in order, and the later messages of the group wait."""
    text = 'retry = { max_attempts = 1 }\n[sinks.a]\nto = "stdout:"\n'
    sink = FlakySink([None, refuse(0)])
    messages = (
        sqs_record(b, f"m{n}", arn=FIFO, group="g") for n, b in enumerate([b"".join(ENVELOPES), b"{}"])
    )
    response = Forwarder(Config.from_toml(text), made={"a": sink}).handle(sqs(*messages))
    assert sink.data == [ENVELOPES[0]]
    assert response == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}


def test_a_bad_message_does_not_hide_its_neighbors() -> None:
    """In a batch with garbage, several events in one message, and single events, each has its own fate."""
    sink = FlakySink([])
    forwarder = Forwarder(Config.from_toml('[sinks.a]\nto = "stdout:"\n'), made={"a": sink})
    bodies = [ENVELOPES[0], b"no json", b"\n".join(ENVELOPES), b"{}", b"[1]", RECORDS[0]]
    response, outcome = forwarder.process(sqs(*(sqs_record(b, f"m{n}") for n, b in enumerate(bodies))))
    assert sink.data == [ENVELOPES[0], *ENVELOPES, RECORDS[0]]
    assert [each["itemIdentifier"] for each in response["batchItemFailures"]] == ["m1", "m3", "m4"]
    assert outcome.breaks == []


def test_whitespace_stays_in_dead_letters(tmp_path: Path) -> None:
    """Whitespace around an event is not sent, but a dead letter has it."""
    text = f'dead_letter = "file:{tmp_path}/dead"\n[sinks.a]\nto = "file:{tmp_path}/a"\n'
    forwarder = Forwarder(Config.from_toml(text + "limits = { max_entry_bytes = 2000 }\n"))
    large = envelope(2, note="x" * 2_000).decode()
    forwarder.handle(sqs(sqs_record(f"\n{TEXTS[0]}\t\n", "1"), sqs_record(f" {large}\r\n", "2")))
    forwarder.close()
    assert (tmp_path / "a").read_text() == TEXTS[0] + "\n"
    assert json.loads((tmp_path / "dead").read_text())["body"] == f" {large}\r\n"


def test_its_own_copy_is_read_back(tmp_path: Path) -> None:
    """What ``file:`` makes of indented documents is read back as the same events."""
    pretty = b"\n".join(json.dumps(json.loads(each), indent=2).encode() for each in ENVELOPES)
    copy = from_command(pretty, tmp_path)
    assert [json.loads(line) for line in copy] == [json.loads(each) for each in ENVELOPES]
    again = tmp_path / "again"
    again.mkdir()
    assert from_command(b"\n".join(copy), again) == copy


BLANKS = st.text(" \t\r\n", max_size=3).map(str.encode)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=2) | st.lists(inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=3).map(lambda value: {"detail": value})


@given(st.lists(st.tuples(BLANKS, OBJECTS, BLANKS), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_any_events_in_a_row(parts: list[tuple[bytes, Any, bytes]], pretty: bool, in_list: bool) -> None:  # noqa: FBT001
    """Events in a row or in a list, with any whitespace around them, keep their exact bytes."""
    texts = [json.dumps(value, indent=1 if pretty else None).encode() for _, value, _ in parts]
    around = [before + text + after for (before, _, after), text in zip(parts, texts, strict=True)]
    data = b"[" + b",".join(around) + b"]" if in_list else b"".join(around)
    found = list(examined(messages_in(data, Origin("sqs", "1"), ObjectReader()), ObjectReader()))
    assert [message.body for message in found] == texts
    assert list(map(code, found)) == [""] * len(texts)


PIECES = st.sampled_from(
    [*ENVELOPES, *RECORDS, b"[", b"]", b"{", b"}", b",", b"\n", b'"', b"\\", b"null", b"1", b"\xff", b" "]
)


@given(st.lists(PIECES | st.binary(max_size=4), max_size=8).map(b"".join))
def test_any_data_becomes_messages(data: bytes) -> None:
    """Any data becomes at least one message; each is an event, or has a code and bytes of the data."""
    found = list(examined(messages_in(data, Origin("sqs", "1"), ObjectReader()), ObjectReader()))
    assert found
    for message in found:
        assert code(message) or message.event
        assert message.raw in data or b"\\" in data or b"\xef\xbb\xbf" in data


def test_base64_of_the_samples_is_valid() -> None:
    """The samples are what the services send."""
    assert base64.b64decode(FIREHOSE_SAMPLE["records"][0]["data"]) == ENVELOPES[0]
    assert Message(ENVELOPES[0], Origin("x")).event


def test_other_fields_of_an_aggregated_record_are_skipped() -> None:
    """Fields of any wire type that the format does not define do not hide the events behind them."""
    event = ENVELOPES[0]
    inner = b"\x09" + bytes(8) + b"\x15" + bytes(4) + b"\x08\x00" + b"\x1a" + _varint(len(event)) + event
    message = b"\x09" + bytes(8) + b"\x1a" + _varint(len(inner)) + inner
    data = b"\xf3\x89\x9a\xc2" + message + md5(message, usedforsecurity=False).digest()
    payload = {"Records": [kinesis_record(data, "1")]}
    assert [each.raw for each in examined(detect(payload).messages(payload), ObjectReader())] == [event]


def _varint(number: int) -> bytes:
    """A number as Protocol Buffers write it."""
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def test_data_alone_is_not_an_event_of_a_custom_bus() -> None:
    """Only an object with both keys of a custom event bus is unpacked; others keep their own error."""
    text = json.dumps({"Data": ENVELOPES[0].decode()})
    (message,) = examine(text.encode(), Origin("test"), ObjectReader())
    assert fault(lambda: message.event).code == "unknown_shape"  # type: ignore[union-attr]
