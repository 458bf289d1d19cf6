"""Files and pipes: every event keeps the exact bytes that it has in the file, whatever the format."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.events import envelope
from tests.support.payloads import record
from tests.test_jsontext import fault
from trailforward import EventError, Message, redelivery
from trailforward.sources import file
from trailforward.sources.file import read

if TYPE_CHECKING:
    from collections.abc import Callable

A, B, C = envelope(1), envelope(2), envelope(3)
ODD = b'{ "detail" : { "n" : 1.10, "eventID" : "odd \xe2\x80\xa8 \xc2\x85" } }\t'


class Pipe(io.RawIOBase):
    """Standard input as a pipe that cannot seek and returns one byte at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads one byte."""
        byte = self._data.read(1)
        buffer[: len(byte)] = byte
        return len(byte)


OPENERS: list[Callable[[bytes], Any]] = [
    io.BytesIO,
    Pipe,
    lambda data: io.BufferedReader(Pipe(data)),
    lambda data: io.BytesIO(gzip.compress(data)),
    lambda data: Pipe(gzip.compress(data)),
]
opened = pytest.mark.parametrize("opener", OPENERS, ids=["file", "pipe", "buffered", "gzip", "gzip pipe"])


def raws(data: bytes, opener: Callable[[bytes], Any] = io.BytesIO) -> list[bytes]:
    """The bytes of each message."""
    return [message.raw for message in read(opener(data), "f")]


def refs(data: bytes) -> list[str]:
    """The reference of each message."""
    return [message.origin.ref for message in read(io.BytesIO(data), "f")]


def code(message: Message) -> str:
    """The error code of a message; empty if it is an event."""
    error = fault(lambda: message.event)
    return error.code if error else ""


@opened
def test_ndjson(opener: Callable[[bytes], Any]) -> None:
    """Each line is an event with its exact bytes. Blank lines count; the last line needs no newline."""
    data = b"\n" + A + b"\n\n  \n" + ODD + b"\n" + B
    assert raws(data, opener) == [A, ODD, B]
    assert refs(data) == ["f:2", "f:5", "f:6"]


@opened
def test_crlf(opener: Callable[[bytes], Any]) -> None:
    """Lines that end in CR LF yield the same events."""
    assert raws(b"\r\n".join([A, b"", B, b""]), opener) == [A, B]


@opened
def test_one_document_over_many_lines(opener: Callable[[bytes], Any]) -> None:
    """A pretty-printed event is one event with all its bytes."""
    data = json.dumps(json.loads(A), indent=2).encode()
    assert raws(b"\n" + data + b"\n\n", opener) == [data]
    assert refs(data) == ["f"]


@opened
@pytest.mark.parametrize("separator", [b",", b" ,\r\n\t"])
def test_lists_and_log_files(opener: Callable[[bytes], Any], separator: bytes) -> None:
    """Events in a list or in a log file's ``Records`` keep their exact bytes."""
    inner = separator.join([A, ODD.strip(), B])
    for data in (
        b"[" + inner + b"]",
        b'{"x": [1], "Records": [\n' + inner + b"\n]}",
        b' {"Records":[' + inner + b"]} ",
    ):
        assert raws(data, opener) == [A, ODD.strip(), B]
        assert refs(data) == ["f#0", "f#1", "f#2"]


def test_a_log_file_and_more_lines() -> None:
    """Lines after a log file that is on one line are events, too."""
    data = b'{"Records":[' + A + b"]}\n" + B + b"\n"
    assert raws(data) == [A, B]
    assert refs(data) == ["f#0", "f:2"]


@pytest.mark.parametrize("data", [b"", b"\n", b" \n\r\n"])
def test_files_without_events(data: bytes) -> None:
    """A file without text yields nothing."""
    assert raws(data) == []


@pytest.mark.parametrize("data", [b"[]", b"[\n]", b'{"Records": []}', b'{"Records":\n[]}'])
def test_documents_without_events(data: bytes) -> None:
    """An empty list or log file is filtered."""
    (message,) = read(io.BytesIO(data), "f")
    assert (message.raw, code(message)) == (data, "no_records")


def test_records_that_are_not_a_list() -> None:
    """``Records`` that is not a list makes one message with an error, on one line or on several."""
    for data in (
        b'{"Records": 3}',
        b'{"Records":\n3}',
        b'{"Records": [], "Records": 3}',
        b'{"Records":[],\n"Records":3}',
    ):
        (message,) = read(io.BytesIO(data), "f")
        assert (message.raw, code(message)) == (data, "unknown_shape")


@pytest.mark.parametrize("first", [b"no json", b"{", b'{"detail":', b"\xff", b"[1", b"3"])
def test_bad_lines_do_not_hide_good_ones(first: bytes) -> None:
    """A bad line, even the first, becomes a message with an error; all other lines are events."""
    found = list(read(io.BytesIO(first + b"\n" + A + b"\nno json\n" + B + b"\n{"), "f"))
    assert [message.raw for message in found] == [first, A, b"no json", B, b"{"]
    assert [code(message) == "" for message in found] == [False, True, False, True, False]
    assert found[2].origin.ref == "f:3"


def test_a_broken_document_is_one_message() -> None:
    """An invalid pretty-printed document is one message with one error, not one for each line."""
    data = json.dumps([json.loads(A)], indent=2).encode()[:-4]
    (message,) = read(io.BytesIO(data), "f")
    assert (message.raw, code(message)) == (data.strip(), "not_json")


@pytest.mark.parametrize("rest", [b"\n" + B, b""])
def test_a_byte_order_mark_belongs_to_the_file(rest: bytes) -> None:
    """A byte order mark, as Windows writes it, is not part of the first event."""
    assert raws(b"\xef\xbb\xbf" + A + rest) == [A, *filter(None, [rest.strip()])]
    document = json.dumps(json.loads(A), indent=1).encode()
    assert raws(b"\xef\xbb\xbf" + document) == [document]


@pytest.mark.parametrize("cut", [1, 3, 9, 12, 40, -1, -8])
def test_truncated_gzip(cut: int) -> None:
    """The events before the damage are yielded, and the error names the file."""
    packed = gzip.compress(b"\n".join([A, B, C] * 500))[:cut]
    found: list[Message] = []
    if cut == 1:
        assert raws(packed) == [b"\x1f"]
        return
    with pytest.raises(EventError, match=r"f: damaged or truncated gzip: .") as caught:
        found.extend(read(io.BytesIO(packed), "f"))
    assert caught.value.code == "bad_gzip"
    assert [message.raw for message in found] == ([A, B, C] * 500)[: len(found)]


def test_damaged_gzip_after_a_bad_line() -> None:
    """A bad first line and a damaged end do not hide the lines between."""
    packed = gzip.compress(b"no json\n" + (A + b"\n") * 100)[:-9]
    found: list[Message] = []
    with pytest.raises(EventError, match="damaged"):
        found.extend(read(io.BytesIO(packed), "f"))
    assert [message.raw for message in found[:2]] == [b"no json", A]


def test_damaged_gzip() -> None:
    """A gzip file with changed bytes, or with garbage after it, raises an error."""
    packed = bytearray(gzip.compress(A))
    packed[20] ^= 0xFF
    for data in (bytes(packed), gzip.compress(A) + b"garbage"):
        with pytest.raises(EventError, match="damaged"):
            list(read(io.BytesIO(data), "f"))


def test_concatenated_gzip_files() -> None:
    """Concatenated gzip members are one file."""
    assert raws(gzip.compress(A + b"\n") + gzip.compress(B)) == [A, B]


def test_dead_letters_come_back() -> None:
    """A dead letter that ``file:`` wrote becomes the original message again, for the sinks still owed."""
    attributes = {
        redelivery.SINKS: "siem",
        redelivery.ATTEMPTS: "3",
        redelivery.FIRST_SEEN: "2026-05-01T00:00:00+00:00",
    }
    for raw in (ODD, b"\xff\x00"):
        (message,) = read(io.BytesIO(redelivery.to_json_line(raw, attributes) + b"\n"), "f")
        assert message.raw == raw
        assert (message.origin.owed, message.origin.attempts) == (frozenset({"siem"}), 3)
        assert message.origin.first_seen == "2026-05-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"trailforward-sinks": "a", "body": "%", "trailforward-encoding": "base64"}', "bad_base64"),
        (b'{"trailforward-sinks": "a", "body"', "not_json"),
        (b'{"trailforward-sinks": "a"}', "unknown_shape"),
        (b'{"detail": {"\\"trailforward-sinks\\"": 1, "x": "\\"trailforward-sinks\\""}}', ""),
    ],
)
def test_lines_that_are_not_dead_letters(line: bytes, expected: str) -> None:
    """A line that only looks like a dead letter is read as an event or gets an error."""
    (message,) = read(io.BytesIO(line), "f")
    assert (message.raw, code(message)) == (line, expected)


LINES = st.binary(max_size=8).map(lambda data: data.replace(b"\n", b"").replace(b"\r", b""))


@given(st.lists(LINES | st.sampled_from([A, B, ODD]), max_size=6), st.sampled_from([b"\n", b"\r\n"]))
def test_any_lines_after_an_event(lines: list[bytes], end: bytes) -> None:
    """After an event, each line that is not blank is one message with the line's bytes."""
    assert raws(end.join([A, *lines])) == [A, *(line for line in lines if line.strip())]


@given(st.binary())
def test_any_file(data: bytes) -> None:
    """Any bytes become messages that lose nothing but whitespace, or raise an ``EventError`` for gzip."""
    if data.startswith(b"\x1f\x8b"):
        with pytest.raises(EventError, match="gzip"):
            raws(data)
    elif data.strip().startswith((b"\0", b"\xff\xfe", b"\xfe\xff")) or b"\0" in data.strip()[:4]:
        assert fault(lambda: raws(data)) is None or "UTF-" in str(fault(lambda: raws(data)))
    elif not data.lstrip().startswith((b"\xef\xbb\xbf", b"[", b"{")):
        assert b"".join(b"".join(raws(data)).split()) == b"".join(data.split())
    else:
        raws(data)


@pytest.fixture(name="_short_lines")
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a document of more than 2,000 bytes a long one."""
    monkeypatch.setattr(file, "MAX_LINE_BYTES", 2_000)


@pytest.mark.usefixtures("_short_lines")
@pytest.mark.parametrize("separator", [b",", b",\n"])
@pytest.mark.parametrize(
    ("start", "end"), [(b"[", b"]"), (b'{"Records":[', b"]}\n"), (b'{\n"Records": [\n', b"]}")]
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_long_document_is_read_record_by_record(
    separator: bytes, start: bytes, end: bytes, pack: Any
) -> None:
    """A list or log file of any size yields the exact bytes of its records, without being held as a whole."""
    data = pack(start + separator.join(map(record, range(9))) + end)
    made = list(read(io.BytesIO(data), "f"))
    assert [message.detail for message in made] == [record(number) for number in range(9)]
    assert [message.raw.startswith(b'{"version":"0"') for message in made] == [b"Records" in start] * 9
    assert made[8].origin.ref == "f#8"


@pytest.mark.usefixtures("_short_lines")
@pytest.mark.parametrize(
    ("data", "count", "code"),
    [
        (envelope(1) + b"\n" + b"x" * 3_000 + b"\n" + envelope(2), 1, "too_large"),
        (b"x" * 3_000, 0, "not_json"),
        (b'{"a":"' + b"x" * 9_000_000, 0, "too_large"),
        (b"x\n" + envelope(1) + b"\n" + b"x" * 3_000, 2, "too_large"),
    ],
)
def test_a_line_that_is_too_long(data: bytes, count: int, code: str) -> None:
    """A line that is too long ends the file with an error; the events before it are yielded."""
    made: list[Message] = []
    with pytest.raises(EventError) as caught:
        made.extend(read(io.BytesIO(data), "f"))
    assert caught.value.code == code


@pytest.mark.parametrize("first", [b"{", b"[", b'{"a":1,', b'{"Records":'])
def test_a_broken_document_is_one_error(first: bytes) -> None:
    """A document of several lines that is cut off is one message with an error, not one for each line."""
    data = first + b"\n  1\n  2\n"
    (message,) = read(io.BytesIO(data), "f")
    assert message.raw == data.strip()
    with pytest.raises(EventError):
        _ = message.event


def test_a_document_that_is_not_utf8_is_refused_and_does_not_crash() -> None:
    """A file that begins like a document and goes on with other bytes is one refusal."""
    messages = list(read(io.BytesIO(b'{"a":\n\xff\xfe\xff\n'), "odd"))
    assert messages
    assert all(message.rejected for message in messages)
