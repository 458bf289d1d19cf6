"""Dead letters and retries keep the original bytes and the sinks still owed, in SQS and in files."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.events import sqs, sqs_record
from trailforward import EventError, Message, Origin, redelivery
from trailforward.jsontext import readable
from trailforward.sinks._aws_batches import attribute_bytes
from trailforward.sinks.sqs import LIMITS
from trailforward.sources import detect

SEEN = "2026-05-04T09:15:00.123+00:00"


def stored(raw: bytes, attributes: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """Body and attributes of a message that fits into a queue."""
    found = redelivery.to_sqs(raw, attributes, LIMITS.max_entry_bytes)
    assert found is not None
    return found


def through_sqs(raw: bytes, attributes: dict[str, str]) -> Message:
    """The message that Lambda delivers after it was sent to a queue with these attributes."""
    data, sent = stored(raw, attributes)
    assert readable(data) is not None
    for name, value in sent.items():
        assert value == "" or readable(value.encode()) == value, name
    payload = sqs(sqs_record(data, "m-1", attributes={name: value for name, value in sent.items() if value}))
    (made,) = detect(payload).messages(json.loads(json.dumps(payload)))
    return made


@given(
    st.binary() | st.text().map(str.encode),
    st.lists(st.from_regex(r"[a-z][a-z0-9_.-]{0,20}", fullmatch=True), min_size=1, unique=True),
    st.text(),
    st.text(),
    st.integers(0, 1000),
    st.builds(Origin, st.text(), st.text(), st.text(), attempts=st.integers(0, 1000), seen=st.just(SEEN)),
)
def test_sqs_round_trip(
    raw: bytes, sinks: list[str], code: str, reason: str, attempts: int, origin: Origin
) -> None:
    """Bytes, sinks, attempts, and first-seen time survive a queue, whatever the message and its error."""
    attributes = redelivery.to_attributes(
        Message(raw, origin), sinks, code=code, reason=reason, attempts=attempts
    )
    assert len(attributes) < 10
    back = through_sqs(raw, attributes)
    assert back.raw == raw
    assert back.origin.owed == frozenset(sinks)
    assert back.origin.attempts == origin.attempts + attempts
    assert back.origin.first_seen == SEEN


@given(st.binary(), st.dictionaries(st.sampled_from([redelivery.CODE, redelivery.REASON]), st.text()))
def test_line_round_trip(raw: bytes, attributes: dict[str, str]) -> None:
    """A dead letter in a file is one line of JSON that preserves the bytes, even if they are not text."""
    attributes[redelivery.SINKS] = "a"
    line = redelivery.to_json_line(raw, attributes)
    assert b"\n" not in line
    dead_letter = redelivery.from_json_line(json.loads(line))
    assert dead_letter is not None
    data, read = dead_letter
    assert data == raw
    assert read.items() >= attributes.items()


def test_surrogates_stay_separate() -> None:
    """Two lone surrogates do not become one character."""
    raw = "\ud83d\ude00".encode("utf-8", "surrogatepass")
    attributes = {redelivery.SINKS: "a"}
    assert (redelivery.from_json_line(json.loads(redelivery.to_json_line(raw, attributes))) or (b"",))[
        0
    ] == raw
    assert through_sqs(raw, attributes).raw == raw


def test_written_attributes() -> None:
    """The attributes name sinks, reason, attempts, first-seen time, and origin, in short printable text."""
    origin = Origin("sqs", "m-1", "arn:aws:sqs:eu-west-1:111122223333:q", attempts=2, seen=SEEN)
    reason = "no\nentry ü " + "x" * 1000
    written = redelivery.to_attributes(
        Message(b"{}", origin), ["a", "b"], code="AccessDenied", reason=reason, attempts=3
    )
    assert written == {
        "trailforward-sinks": "a,b",
        "trailforward-code": "AccessDenied",
        "trailforward-reason": ("no?entry ? " + "x" * 1000)[:300],
        "trailforward-attempts": "5",
        "trailforward-first-seen": SEEN,
        "trailforward-origin": "sqs arn:aws:sqs:eu-west-1:111122223333:q m-1",
    }


def test_first_seen_defaults_to_now() -> None:
    """If the source does not know when a message was first seen, the current time counts."""
    written = redelivery.to_attributes(Message(b"{}", Origin("x")), ["a"], code="", reason="", attempts=0)
    assert redelivery.from_attributes(written).first_seen.endswith("+00:00")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, (None, 0, "")),
        ({"x": "y", redelivery.ATTEMPTS: "3"}, (None, 0, "")),
        ({redelivery.SINKS: "a, b"}, (frozenset({"a", "b"}), 0, "")),
        ({redelivery.SINKS: "a", redelivery.ATTEMPTS: "9" * 5_000}, (frozenset({"a"}), 0, "")),
        ({redelivery.SINKS: "a", redelivery.ATTEMPTS: "²"}, (frozenset({"a"}), 0, "")),
        ({redelivery.SINKS: "a", redelivery.FIRST_SEEN: "yester\nday"}, (frozenset({"a"}), 0, "")),
        (
            {redelivery.SINKS: "a", redelivery.FIRST_SEEN: SEEN, redelivery.ATTEMPTS: "7"},
            (frozenset({"a"}), 7, SEEN),
        ),
    ],
)
def test_read_attributes(attributes: dict[str, str], expected: tuple[Any, ...]) -> None:
    """Invalid attributes are ignored, because anybody may write to a queue."""
    assert redelivery.from_attributes(attributes) == (*expected, 0)


@pytest.mark.parametrize("text", ["x", "ü", "YQ", "YQ==="])
def test_broken_base64(text: str) -> None:
    """A body that should be base64 and is not raises an error instead of changing bytes."""
    with pytest.raises(EventError, match="says base64") as caught:
        redelivery.decode_body(text, {redelivery.SINKS: "a", redelivery.ENCODING: "base64"})
    assert caught.value.code == "bad_base64"
    with pytest.raises(EventError, match="says base64"):
        redelivery.from_json_line({redelivery.SINKS: "a", "body": text, redelivery.ENCODING: "base64"})


@pytest.mark.parametrize(
    "value", [None, [], "x", {}, {redelivery.SINKS: "a"}, {redelivery.SINKS: "a", "body": 1}, {"body": ""}]
)
def test_other_json_is_not_a_dead_letter(value: Any) -> None:
    """Events are not mistaken for dead letters."""
    assert redelivery.from_json_line(value) is None


def test_readable_bytes_stay_unchanged() -> None:
    """A dead letter that SQS allows as text stays readable; only others are base64."""
    assert stored(b'{"a": "\xc3\xbc"}', {}) == (b'{"a": "\xc3\xbc"}', {})
    assert stored(b"\x00", {}) == (base64.b64encode(b"\x00"), {redelivery.ENCODING: "base64"})


def test_a_notification_has_the_number_of_records_done() -> None:
    """A notification about a partly read object has the number of records done; other messages do not."""
    origin = Origin("sqs", "s3://b/k", item="m", unit="m", skip=7)
    attributes = redelivery.to_attributes(
        Message(b"{}", origin), ["a"], code="deadline", reason="", attempts=0
    )
    assert redelivery.from_attributes(attributes).skip == 7
    assert len(attributes) == 7
    whole = redelivery.to_attributes(Message(b"{}", Origin("sqs")), ["a"], code="x", reason="", attempts=0)
    assert redelivery.SKIP not in whole


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"", "gzip+base64"),
        (b"\x00", "base64"),
        (b'{"a":"' + b"x" * 1_048_576 + b'"}', "gzip+base64"),
        (bytes(10 * 1024 * 1024), "gzip+base64"),
        (hashlib.shake_256(b"").digest(800_000), None),
        (hashlib.shake_256(b"").digest(780_000), "base64"),
        (bytes(10 * 1024 * 1024 + 1), None),
    ],
    ids=["empty", "binary", "1 MiB", "10 MiB", "800 KB random", "780 KB random", "over 10 MiB"],
)
def test_what_fits_is_stored_completely(raw: bytes, encoding: str | None) -> None:
    """Bytes are encoded, and compressed if necessary; what still does not fit gives None."""
    attributes = {redelivery.SINKS: "a", redelivery.REASON: "r" * 300}
    found = redelivery.to_sqs(raw, attributes, LIMITS.max_entry_bytes)
    if encoding is None:
        assert found is None
        return
    assert found is not None
    body, sent = found
    assert sent[redelivery.ENCODING] == encoding
    assert 0 < len(body) + attribute_bytes(sent) <= LIMITS.max_entry_bytes
    assert redelivery.decode_body(body.decode(), sent) == raw


@given(st.binary(max_size=4_000), st.integers(0, 3_000))
def test_a_stored_message_never_exceeds_the_limit(raw: bytes, most: int) -> None:
    """Body and attributes are never larger than the queue accepts."""
    found = redelivery.to_sqs(raw, {redelivery.SINKS: "a"}, most)
    if found is not None:
        assert len(found[0]) + attribute_bytes(found[1]) <= most
        assert redelivery.decode_body(found[0].decode(), found[1]) == raw


def test_the_encoding_counts_only_beside_the_sinks() -> None:
    """A message that only says base64 keeps its bytes, because trailforward did not write it."""
    assert redelivery.decode_body("YQ==", {redelivery.ENCODING: "base64"}) == b"YQ=="


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (gzip.compress(bytes(redelivery.MAX_BODY_BYTES + 1)), "too_large"),
        (gzip.compress(b"x")[:-3], "bad_gzip"),
        (gzip.compress(b"x") + b"y", "bad_gzip"),
        (b"x", "bad_gzip"),
    ],
    ids=["expands too much", "truncated", "extra bytes", "not gzip"],
)
def test_a_compressed_body_is_bounded(data: bytes, code: str) -> None:
    """A body that expands beyond 10 MiB, or is damaged, raises an error."""
    attributes = {redelivery.SINKS: "a", redelivery.ENCODING: "gzip+base64"}
    with pytest.raises(EventError) as caught:
        redelivery.decode_body(base64.b64encode(data).decode(), attributes)
    assert caught.value.code == code


@given(st.binary(max_size=50), st.builds(Origin, st.text(), st.text(), st.text(), item=st.text()), st.text())
def test_a_pointer_fits_and_is_recognized(raw: bytes, origin: Origin, reason: str) -> None:
    """A pointer is text that every queue accepts, and reading it raises ``pointer``."""
    pointer = redelivery.to_pointer(Message(raw, origin), code="not_utf8", reason=reason)
    assert readable(pointer) is not None
    assert len(pointer) < 10_000
    with pytest.raises(EventError, match="sha256") as caught:
        _ = Message(pointer, Origin("sqs")).event
    assert caught.value.code == "pointer"


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=3))
def test_a_forged_pointer_is_only_an_error(value: Any) -> None:
    """Whatever a pointer contains, reading it raises ``pointer``, with printable text."""
    pointer = json.dumps({"trailforward-pointer": {"ref": value, "arn": value}}).encode()
    with pytest.raises(EventError) as caught:
        _ = Message(pointer, Origin("sqs")).event
    assert caught.value.code == "pointer"
    assert str(caught.value).isprintable()
