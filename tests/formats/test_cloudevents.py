"""The cloudevents format produces CloudEvents 1.0."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest

from tests.support.entries import ODD
from tests.support.events import envelope
from tests.support.receiver import Receiver
from trailforward import Config, EventError, Forwarder, Message, Origin
from trailforward.formats import load
from trailforward.testing import samples

FORM = load("cloudevents")


def made(raw: bytes) -> bytes:
    """The CloudEvent for these bytes."""
    return FORM.data(Message(raw, Origin("test")))


@pytest.mark.parametrize("name", samples.names())
def test_every_event_is_a_valid_cloudevent(name: str) -> None:
    """All required attributes are present with the right types, and the data is the event byte for byte."""
    raw = samples.load(name)
    data = made(raw)
    assert data.endswith(b',"data":' + raw + b"}")
    value = json.loads(data)
    assert value["specversion"] == "1.0"
    assert all(isinstance(item, str) and item for key, item in value.items() if key != "data")
    assert all(re.fullmatch("[a-z0-9]+", key) for key in value)
    assert {"id", "source", "type", "time"} <= value.keys()
    assert datetime.fromisoformat(value["time"]).tzinfo is not None


def test_attributes_tell_what_brokers_route_by() -> None:
    """source, type, subject, and time describe the event, and the id is the same in every Region."""
    value = json.loads(made(envelope(7)))
    assert value.pop("data")["account"] == "111122223333"
    assert value == {
        "specversion": "1.0",
        "id": "00000000-0000-4000-8000-000000000007",
        "source": "//cloudtrail.amazonaws.com/111122223333/eu-west-1",
        "type": "com.amazonaws.cloudtrail.AwsApiCall",
        "datacontenttype": "application/json",
        "subject": "ec2.amazonaws.com:StopInstances",
        "time": "2026-05-04T09:15:00Z",
    }


def test_what_the_event_does_not_tell_is_left_out() -> None:
    """An event without names or a readable time is still a valid CloudEvent."""
    value = json.loads(made(b'{"account":"a/b ?","time":"2026-05-04","detail":{"eventType":"a b"}}'))
    assert value["source"] == "//cloudtrail.amazonaws.com/a%2Fb%20%3F/unknown"
    assert value["type"] == "com.amazonaws.cloudtrail.Event"
    assert value["id"]
    assert not {"time", "subject"} & value.keys()
    assert "time" not in json.loads(made(b'{"detail":{"eventTime":"xT"}}'))


def test_odd_bytes_are_embedded_untouched() -> None:
    """Numbers, escapes, and whitespace of the event are unchanged."""
    raw = b'{"detail":' + ODD[1] + b', "x": ' + ODD[0] + b"}"
    assert made(raw).endswith(raw + b"}")


def test_batches_have_the_batch_media_type() -> None:
    """An array of CloudEvents is sent as the HTTP binding requires."""
    with Receiver() as receiver:
        config = Config.from_toml(f'[sinks.a]\nto = "{receiver.url}"\nformat = "cloudevents"\n')
        forwarder = Forwarder(config)
        forwarder.forward([Message(envelope(number), Origin("test")) for number in range(2)])
        forwarder.close()
        (request,) = receiver.requests
    assert request.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert len(request.json) == 2


def test_bytes_that_are_not_an_event() -> None:
    """Bytes that are not an event raise an error, and the format has no subject."""
    with pytest.raises(EventError):
        made(b"no json")
    assert FORM.subject(Message(envelope(1), Origin("test"))) == ""
