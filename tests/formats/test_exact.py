"""``raw`` and ``record`` send exactly the bytes that arrived."""

from __future__ import annotations

import pytest

from trailforward import EventError, Message, Origin, formats

ODD = b' { "detail-type" : "x", "detail" :  { "n" : 1.10, "e": "\\u003d" } , "x":1e400 }\n'


def message(raw: bytes) -> Message:
    """A message of these bytes."""
    return Message(raw, Origin("test"))


def test_raw_is_every_byte() -> None:
    """``raw`` keeps all bytes but the whitespace around an event, even if the bytes are not an event."""
    form = formats.load("raw")
    for raw in (ODD, b"no json", b""):
        assert form.data(message(raw)) == raw.strip()
        assert form.subject(message(raw)) == ""


def test_record_is_every_byte_of_detail() -> None:
    """The record is cut out of its envelope; a record without an envelope is sent whole."""
    form = formats.load("record")
    assert form.data(message(ODD)) == b'{ "n" : 1.10, "e": "\\u003d" }'
    bare = b'{ "eventVersion": "1.11", "awsRegion": "x" } '
    assert form.data(message(bare)) == bare.strip()
    assert form.subject(message(ODD)) == ""


@pytest.mark.parametrize("name", ["record", "text"])
def test_bytes_that_are_not_an_event(name: str) -> None:
    """Formats that need an event raise an error if the bytes are not one."""
    with pytest.raises(EventError, match="not JSON"):
        formats.load(name).data(message(b"no json"))


@pytest.mark.parametrize("name", list(formats.BUILT_IN))
def test_formats_are_found_by_name(name: str) -> None:
    """Every built-in format loads under its name and states its media type."""
    form = formats.load(name)
    assert form.name == name
    assert form.content_type.startswith("application/" if form.json else "text/plain")


def test_unknown_format() -> None:
    """An unknown name raises ``KeyError``; the configuration rejects it earlier."""
    with pytest.raises(KeyError):
        formats.load("xml")
