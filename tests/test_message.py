"""A message keeps the exact bytes of an event and of its ``detail``, and parses its view once."""

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
    """``detail`` is exact, however keys are repeated, spaced, or escaped."""
    everything = [('"de\\u0074ail"', blank, detail), *parts]
    text = blank + "{" + ",".join(f"{key}{a}:{a}{value}{a}" for key, a, value in everything) + "}" + blank
    made = message(text)
    (*_, last) = [value for key, _, value in everything if json.loads(key) == "detail"]
    assert made.detail == to_bytes(last)
    assert json.loads(made.detail.decode("utf-8", "surrogatepass")) == made.event["detail"]
    assert made.raw == to_bytes(text)


def test_a_bare_record_is_its_own_detail() -> None:
    """A record without an envelope gets one in the view, and ``detail`` is all of its bytes."""
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
        ([1], "not_an_object", "a JSON list"),
        ("x", "not_an_object", "a JSON string"),
        (None, "not_an_object", "a JSON null"),
        (True, "not_an_object", "a JSON boolean"),
        (1.5, "not_an_object", "a JSON number"),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent"}, "s3_test_event", "S3 test notification"),
        ({"detail-type": "x"}, "no_detail", "without 'detail'"),
        (
            {"Type": "Notification", "TopicArn": "x", "Message": "{}"},
            "sns_notification",
            "raw message delivery",
        ),
        ({}, "unknown_shape", r"its keys: \(no key looks like a name\)"),
        ({"hunter2 is a password": 1, "b": 2, "a": 1}, "unknown_shape", "its keys: a, b$"),
        (
            {"eventSource": "aws:s3", "awsRegion": "x", "eventVersion": "2.1"},
            "unknown_shape",
            "neither an EventBridge envelope",
        ),
    ],
)
def test_bytes_that_are_not_an_event(value: Any, code: str, text: str) -> None:
    """The error has a code and a reason, and each use of the message raises it again."""
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
    """Any JSON gives a view or raises ``EventError``; ``fields`` holds only short, printable text."""
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
    """Deeply nested values in place of text are ignored, not an error."""
    nested = "[" * 990 + "]" * 990
    text = f'{{"awsRegion":{nested},"eventVersion":{nested},"eventSource":{nested},"eventType":{nested}}}'
    made = message(text)
    assert made.event["source"] == "aws.cloudtrail"
    assert made.fields == {"source": "aws.cloudtrail", "detail-type": "AWS API Call via CloudTrail"}
    assert not is_record({"eventSource": nested})


def test_what_identifies_an_event() -> None:
    """The key is ``eventID``, which is the same in every Region, else the envelope's id, else a digest."""
    assert message('{"id": "x", "detail": {"eventID": "e-1"}}').key == "e-1"
    assert message('{"id": "x", "detail": {"eventId": "e-2"}}').key == "e-2"
    assert message('{"id": "x", "detail": {"eventID": ""}}').key == "x"
    assert len(message('{"id": 5, "detail": {"eventID": "é"}}').key) == 64


def test_fields_for_filters() -> None:
    """``fields`` holds the fields that filters may use, if the event has them, and nothing else."""
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


def test_a_source_may_pass_the_view_or_an_error() -> None:
    """A message uses the view or the error that its source passes in, without parsing."""
    event: dict[str, Any] = {"detail": {}}
    assert Message(b"never read", Origin("test"), event=event).event is event
    error = EventError("bad", "because")
    with pytest.raises(EventError, match="because"):
        _ = Message(b'{"detail": 1}', Origin("test"), error=error).event


def test_repr_shows_no_payload() -> None:
    """``repr`` shows only the source, the name, and the size."""
    assert repr(message(b'{"detail": "hunter2"}')) == "<Message test 1 21 bytes>"
    assert repr(Message(b"", Origin("x"))) == "<Message x - 0 bytes>"


def test_a_detail_that_is_not_an_object() -> None:
    """If ``detail`` is not an object, its bytes are still exact, and ``record`` is empty."""
    made = message('{"detail-type": "x", "detail":  "text" }')
    assert (made.detail, made.record) == (b'"text"', {})


def test_an_event_of_256_kb() -> None:
    """The largest event that EventBridge carries can be parsed and cut."""
    detail = json.dumps({"padding": "é" * 130_000})
    assert message(f'{{"detail": {detail}}}').detail == detail.encode()


CORPUS = os.environ.get("TRAILFORWARD_CORPUS")


@pytest.mark.skipif(not CORPUS, reason="TRAILFORWARD_CORPUS is unset: it names a directory of *.ndjson")
def test_every_event_of_the_corpus() -> None:
    """Each recorded event has a view, exact ``detail`` bytes, a key, and a typed event."""
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
