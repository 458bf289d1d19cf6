"""Routes in the pipeline: which events each sink gets, and in which format."""

from __future__ import annotations

import json

import pytest

from tests.support.events import envelope
from tests.support.receiver import Receiver
from trailforward import Config, Forwarder, Message, Origin, Pattern
from trailforward.testing import FlakySink, samples

CONFIG = """
[sinks.archive]
to = "file:archive.ndjson"
[sinks.siem]
to = "file:siem.ndjson"
format = "record"

[[routes]]
name = "noise"
sinks = [{ sink = "archive", format = "record" }]
stop = true
pattern = { detail = { eventName = ["Noise"] } }

[[routes]]
name = "alarm"
sinks = ["siem", { sink = "archive", format = "text" }]
pattern = { detail = { eventName = ["Alarm"] } }

[[routes]]
name = "copies"
sinks = [{ sink = "siem", format = "raw" }]
pattern = { detail = { eventName = ["Alarm", "Noise", "Copy"] } }

[[routes]]
name = "rest"
sinks = ["archive"]
default = true
"""


def message(name: str) -> Message:
    """An event with this name."""
    return Message(envelope(0, eventName=name), Origin("test"))


def test_each_sink_gets_an_event_once_in_the_format_of_the_first_route() -> None:
    """The first matching route that names the sink decides the format; stop and default apply."""
    archive, siem = FlakySink(), FlakySink()
    forwarder = Forwarder(Config.from_toml(CONFIG), made={"archive": archive, "siem": siem})
    messages = [message(name) for name in ("Noise", "Alarm", "Copy", "Other")]
    outcome = forwarder.forward(messages)
    noise, alarm, copy, other = messages
    assert archive.data[0] == noise.detail
    assert b"Alarm" in archive.data[1]
    assert not archive.data[1].startswith(b"{")
    assert archive.data[2:] == [other.raw]
    assert siem.data == [alarm.detail, copy.raw]
    assert outcome.totals("archive").filtered == 1
    assert outcome.totals("siem").filtered == 2


def test_requests_have_the_content_type_of_their_format() -> None:
    """An HTTP sink that gets several formats sends each with its own content type."""
    with Receiver() as receiver:
        text = f"""
[sinks.api]
to = "{receiver.url}"
batch = "single"
[[routes]]
name = "alarm"
sinks = [{{ sink = "api", format = "text" }}]
pattern = {{ detail = {{ eventName = ["Alarm"] }} }}
[[routes]]
name = "rest"
sinks = ["api"]
default = true
"""
        forwarder = Forwarder(Config.from_toml(text))
        forwarder.forward([message("Alarm"), message("Other")])
        forwarder.close()
        types = {
            request.headers["Content-Type"]: request.body.startswith(b"{") for request in receiver.requests
        }
    assert types == {"text/plain; charset=utf-8": False, "application/json": True}


def test_detections_forward_their_events() -> None:
    """A configuration with detections forwards exactly the events that they match."""
    names = ["trail-changed", "root-sign-in", "access-denied"]
    text = '[sinks.alerts]\nto = "file:alerts"\n'
    text += "".join(f'[[routes]]\nname = "{name}"\nuse = "{name}"\nsinks = ["alerts"]\n' for name in names)
    alerts = FlakySink()
    events = [Message(samples.load(name), Origin("test")) for name in samples.names()]
    Forwarder(Config.from_toml(text), made={"alerts": alerts}).forward(events)
    found = {json.loads(data)["detail"].get("eventName") for data in alerts.data}
    assert found == {"StopLogging", "DeleteTrail", "ConsoleLogin", "GetSecretValue", "PutObject"}
    assert len(alerts.data) == 5


@pytest.mark.parametrize(("size", "taken"), [("18446744073709551616", True), ("18446744073709551617", False)])
def test_routes_compare_numbers_of_any_length_exactly(size: str, *, taken: bool) -> None:
    """A number that does not fit a double is compared exactly, as `trailforward match` does."""
    text = '[sinks.a]\nto = "file:a"\n[[routes]]\nname = "n"\nsinks = ["a"]\n'
    text += 'pattern = \'{"detail": {"size": [18446744073709551616]}}\'\n'
    sink = FlakySink()
    raw = envelope(0, size=int(size))
    Forwarder(Config.from_toml(text), made={"a": sink}).forward([Message(raw, Origin("test"))])
    assert sink.data == ([raw] if taken else [])
    assert Pattern('{"detail": {"size": [18446744073709551616]}}').matches(raw) is taken
