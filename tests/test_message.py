"""A message: its bytes first, a view that is parsed once, and the exact bytes of ``detail``."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_jsontext import BLANKS, STRINGS, documents, fault, spelt
from trailforward import EventError, Message, Origin, parse
from trailforward.jsontext import to_bytes
from trailforward.message import as_envelope, is_record

RECORD = {
    "eventVersion": "1.11",
    "eventSource": "ec2.amazonaws.com",
    "awsRegion": "eu-west-1",
    "eventID": "e-1",
}

FIELDS = {"source", "detail-type", "account", "region", "eventSource", "eventName", "errorCode", "readOnly"}


def message(text: str | bytes) -> Message:
    """A message of these bytes."""
    return Message(text if isinstance(text, bytes) else to_bytes(text), Origin("test", "1"))


@given(
    BLANKS,
    st.lists(st.tuples((STRINGS | st.just("detail")).flatmap(spelt), BLANKS, documents(depth=2)), max_size=6),
    documents(depth=2),
)
def test_detail_is_cut_exactly(blank: str, parts: list[tuple[str, str, str]], detail: str) -> None:
    """However keys repeat, are spaced or escaped, ``detail`` is the bytes of what Python parses."""
    everything = [('"de\\u0074ail"', blank, detail), *parts]
    text = blank + "{" + ",".join(f"{key}{a}:{a}{value}{a}" for key, a, value in everything) + "}" + blank
    made = message(text)
    (*_, last) = [value for key, _, value in everything if json.loads(key) == "detail"]
    assert made.detail == to_bytes(last)
    assert json.loads(made.detail.decode("utf-8", "surrogatepass")) == made.event["detail"]
    assert made.raw == to_bytes(text)


def test_a_bare_record_is_its_own_detail() -> None:
    """A record without envelope is shown in the one it would have had, and its bytes are all of it."""
    made = message(
        json.dumps({**RECORD, "eventType": "AwsConsoleSignin", "recipientAccountId": "111122223333"})
    )
    assert made.detail == made.raw
    assert made.event["source"] == "aws.ec2"
    assert made.event["detail-type"] == "AWS Console Sign In via CloudTrail"
    assert (made.event["account"], made.event["region"]) == ("111122223333", "eu-west-1")
    assert made.record["eventID"] == "e-1"


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        ([1], "not_an_object", "a JSON list where"),
        ("x", "not_an_object", "a JSON string where"),
        (None, "not_an_object", "a JSON null where"),
        (True, "not_an_object", "a JSON boolean where"),
        (1.5, "not_an_object", "a JSON number where"),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent"}, "s3_test_event", "S3 test notification"),
        ({"detail-type": "x"}, "no_detail", "without 'detail'"),
        (
            {"Type": "Notification", "TopicArn": "x", "Message": "{}"},
            "sns_notification",
            "raw message delivery",
        ),
        ({}, "unknown_shape", "its keys: none"),
        ({"hunter2 is a password": 1, "b": 2, "a": 1}, "unknown_shape", "its keys: a, b$"),
        (
            {"eventSource": "aws:s3", "awsRegion": "x", "eventVersion": "2.1"},
            "unknown_shape",
            "neither an envelope",
        ),
    ],
)
def test_what_is_no_event(value: Any, code: str, text: str) -> None:
    """The error has a code and says what is wrong; each use of the message raises it again."""
    made = message(json.dumps(value))
    for _ in range(2):
        with pytest.raises(EventError, match=text) as caught:
            _ = made.event
        assert caught.value.code == code
    with pytest.raises(EventError, match=text):
        _ = made.detail
    assert made.key == made.digest == hashlib.sha256(made.raw).hexdigest()
    assert made.fields == {}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "detail",
                        "detail-type",
                        "eventVersion",
                        "awsRegion",
                        "eventSource",
                        "eventType",
                        "id",
                        "eventID",
                        "account",
                        "region",
                        "source",
                        "readOnly",
                        "errorCode",
                        "Event",
                        "Records",
                    ]
                )
                | st.text(),
                inner,
                max_size=6,
            )
        ),
    )
)
def test_wrong_types_everywhere(value: Any) -> None:
    """Any JSON has a view or an ``EventError``; fields are always text that is short and printable."""
    made = message(json.dumps(value))
    error = fault(lambda: made.event)
    if error is None:
        assert isinstance(made.record, dict)
        json.loads(made.detail)
    else:
        assert error.code
    assert made.key
    assert made.key.isascii()
    for name, text in made.fields.items():
        assert name in FIELDS
        assert text.isprintable()
        assert 0 < len(text) <= 256


def test_depth_does_not_matter() -> None:
    """Fields of 1,000 nested levels where text belongs are left alone."""
    nested = "[" * 990 + "]" * 990
    text = f'{{"awsRegion":{nested},"eventVersion":{nested},"eventSource":{nested},"eventType":{nested}}}'
    made = message(text)
    assert made.event["source"] == "aws.cloudtrail"
    assert made.fields == {"source": "aws.cloudtrail", "detail-type": "AWS API Call via CloudTrail"}
    assert not is_record({"eventSource": nested})


def test_what_identifies_an_event() -> None:
    """``eventID`` survives hops between Regions; without it the envelope's id counts, else a digest."""
    assert message('{"id": "x", "detail": {"eventID": "e-1"}}').key == "e-1"
    assert message('{"id": "x", "detail": {"eventId": "e-2"}}').key == "e-2"
    assert message('{"id": "x", "detail": {"eventID": ""}}').key == "x"
    assert len(message('{"id": 5, "detail": {"eventID": "é"}}').key) == 64


def test_fields_for_filters() -> None:
    """Fields that filters may use are there if the event has them, and nothing else is."""
    detail = {
        "eventSource": "ec2.amazonaws.com",
        "eventName": "X",
        "errorCode": "line\nbreak",
        "readOnly": False,
    }
    made = message(json.dumps({"source": "aws.ec2", "account": 5, "region": "r" * 257, "detail": detail}))
    expected = {
        "source": "aws.ec2",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "X",
        "readOnly": "false",
    }
    assert made.fields == made.fields == expected


def test_a_view_that_is_known_already() -> None:
    """A source that had to parse hands its view over, and one that knows of an error hands that over."""
    event = {"detail": {}}
    assert Message(b"never read", Origin("test"), event=event).event is event
    error = EventError("bad", "because")
    with pytest.raises(EventError, match="because"):
        _ = Message(b'{"detail": 1}', Origin("test"), error=error).event


def test_repr_shows_no_payload() -> None:
    """A message in a log shows its source, name and size only."""
    assert repr(message(b'{"detail": "hunter2"}')) == "<Message test 1 21 bytes>"
    assert repr(Message(b"", Origin("x"))) == "<Message x - 0 bytes>"


def test_a_detail_that_is_no_object() -> None:
    """Its bytes are exact, and the record is empty."""
    made = message('{"detail-type": "x", "detail":  "text" }')
    assert (made.detail, made.record) == (b'"text"', {})


def test_an_event_of_256_kb() -> None:
    """The largest event EventBridge carries is read and cut."""
    detail = json.dumps({"padding": "é" * 130_000})
    assert message(f'{{"detail": {detail}}}').detail == detail.encode()


CORPUS = os.environ.get("TRAILFORWARD_CORPUS")


@pytest.mark.skipif(not CORPUS, reason="TRAILFORWARD_CORPUS is unset: it names a directory of *.ndjson")
def test_every_event_of_the_corpus() -> None:
    """Each real event has a view, exact detail bytes and an id, and ``parse`` types it."""
    for path in sorted(Path(str(CORPUS)).glob("*.ndjson")):
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            if not line:
                continue
            made = message(line)
            place = f"{path.name}:{number}"
            assert json.loads(made.detail) == made.event["detail"], place
            assert made.detail in line, place
            assert made.key, place
            (event,) = parse(line)
            assert (event.detail.event_source or "") == (made.record.get("eventSource") or ""), place
            assert as_envelope(made.event) is made.event
