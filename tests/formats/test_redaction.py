"""Redaction replaces the configured values by a marker and keeps every other byte."""

from __future__ import annotations

import json

import pytest

from tests.support.entries import ODD
from tests.support.events import envelope
from trailforward import Config, ConfigError, EventError, Forwarder, Message, Origin
from trailforward.formats import load
from trailforward.formats.redaction import MARK, MAX_LEVELS, Redaction
from trailforward.testing import FlakySink


def redacted(raw: bytes, *paths: str) -> bytes:
    """The bytes after redaction."""
    return Redaction(paths)(Message(raw, Origin("test"))).raw


MARKED = f'"{MARK}"'.encode()


def test_only_the_value_is_replaced() -> None:
    """Whitespace, number literals, and escapes around a redacted value stay byte for byte."""
    raw = b' \n{ "detail" : {"n":1.10, "a" : {"password" : "p\\u0061ss" , "x":[1E400] } ,"s":"\\ud800"} }'
    assert redacted(raw, "detail.a.password") == raw.replace(b'"p\\u0061ss"', MARKED)


def test_a_name_may_be_spelt_in_any_way() -> None:
    """Escapes in a key do not hide it, and a repeated key is redacted each time."""
    raw = b'{"detail":{"\\u0070in":1,"pin":{"a":[2]}}}'
    assert redacted(raw, "detail.pin") == b'{"detail":{"\\u0070in":%b,"pin":%b}}' % (MARKED, MARKED)


def test_arrays_are_passed_through() -> None:
    """A path applies to every element of an array, as in patterns, and only to the configured fields."""
    raw = b'{"detail":{"l":[{"k":1},[ {"k":null}],3,{"o":{"k":1}}]}}'
    expected = b'{"detail":{"l":[{"k":%b},[ {"k":%b}],3,{"o":{"k":1}}]}}' % (MARKED, MARKED)
    assert redacted(raw, "detail.l.k") == expected


@pytest.mark.parametrize("paths", [("detail.a", "detail.a.b"), ("detail.a.b", "detail.a")])
def test_the_shorter_path_wins(paths: tuple[str, str]) -> None:
    """Redacting an object covers its fields, whatever the order of the paths."""
    assert redacted(b'{"detail":{"a":{"b":1}}}', *paths) == b'{"detail":{"a":%b}}' % MARKED


def test_missing_values_are_ignored() -> None:
    """An event without the value is the same message object as before."""
    message = Message(envelope(1), Origin("test"))
    assert Redaction(["detail.absent", "x.y", "detail.eventName.deeper"])(message) is message


def test_a_bare_record_has_the_same_paths() -> None:
    """Records from CloudTrail log files are redacted by the same paths as in an envelope."""
    record = json.dumps(json.loads(envelope(1))["detail"]).encode()
    assert redacted(record, "detail.eventName") == record.replace(b'"StopInstances"', MARKED)
    assert redacted(record, "detail") == record
    assert redacted(record, "account") == record


def test_bytes_that_are_not_an_event() -> None:
    """Bytes that cannot be parsed raise an error, so they are never sent unredacted."""
    for raw in (b"no json", b"[]", ODD[5]):
        with pytest.raises(EventError):
            redacted(raw, "detail.a")


@pytest.mark.parametrize("form", ["record", "text", "cloudevents", "ocsf"])
def test_no_format_shows_what_was_redacted(form: str) -> None:
    """Redaction runs before the format, applies to one sink only, and covers message attributes and keys."""
    config = Config.from_toml(
        f'[sinks.a]\nto = "https://a.example.com"\nbatch = "single"\nformat = "{form}"\n'
        'redact = ["detail.userIdentity.userName", "detail.eventName"]\n'
        '[sinks.b]\nto = "stdout:"\n'
    )
    sinks = {"a": FlakySink(), "b": FlakySink()}
    Forwarder(config, made=sinks).forward([Message(envelope(1), Origin("test"))])
    (entry,) = sinks["a"].taken
    assert b"rosa" not in entry.data
    assert b"StopInstances" not in entry.data
    assert MARK.encode() in entry.data
    assert entry.fields["eventName"] == MARK
    assert sinks["b"].taken[0].data == envelope(1)


@pytest.mark.parametrize("lines", ['redact = ["a..b"]', 'redact = [""]', "redact = [1]", 'redact = "a"'])
def test_malformed_paths_are_refused(lines: str) -> None:
    """A path that cannot match anything is reported as a configuration error."""
    with pytest.raises(ConfigError):
        Config.from_toml(f'[sinks.a]\nto = "stdout:"\nformat = "record"\n{lines}\n')


@pytest.mark.parametrize("sink", ["stdout:", "https://a.example.com", "s3://lake?region=eu-west-1"])
def test_raw_is_never_redacted(sink: str) -> None:
    """``raw`` means what arrived; a sink that redacts names its format accordingly."""
    with pytest.raises(ConfigError, match='format "raw" sends the event unchanged'):
        Config.from_toml(f'[sinks.a]\nto = "{sink}"\nredact = ["detail.a"]\n')


def test_every_format_but_raw_can_follow() -> None:
    """Each format works with the redacted event."""
    for name in ("record", "text", "slack", "cloudevents", "ocsf"):
        message = Redaction(["detail.userIdentity"])(Message(envelope(1), Origin("test")))
        assert load(name).data(message)


@pytest.mark.parametrize("levels", [1, MAX_LEVELS - 3, MAX_LEVELS - 2, 990])
def test_deep_arrays_are_redacted_or_refused(levels: int) -> None:
    """A value within many arrays is redacted, or the event is refused with a code; it never goes out."""
    raw = b'{"detail":{"a":' + b"[" * levels + b'{"b":"rosa"}' + b"]" * levels + b"}}"
    message = Message(raw, Origin("test"))
    if levels < MAX_LEVELS - 2:
        assert b"rosa" not in Redaction(["detail.a.b"])(message).raw
        return
    with pytest.raises(EventError) as caught:
        Redaction(["detail.a.b"])(message)
    assert caught.value.code == "redact_too_deep"
