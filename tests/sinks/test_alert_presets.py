"""Presets of chats and pagers send alerts as each receiver documents, and read its responses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.alerts import alert
from tests.support.receiver import Receiver, Status
from tests.support.secrets import REFERENCE, FixedSecrets
from tests.support.settings import read
from trailforward.errors import PermanentError, TransientError
from trailforward.formats import load
from trailforward.sinks.base import Entry
from trailforward.sinks.http.sink import HttpSettings, HttpSink

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "0123456789abcdef0123456789ABCDEF"
URL = "/hook/hunter2?key=a&token=hunter2"
SUCCESS = {
    "teams": Status(202),
    "google-chat": Status(200, body=b'{"name":"spaces/AAAA/messages/BBBB"}'),
    "pagerduty": Status(202, body=b'{"status":"success","message":"Event processed","dedup_key":"k"}'),
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that follows a script."""
    with Receiver() as receiver:
        yield receiver


def send(receiver: Receiver, preset: str, *, secret: str = "") -> bytes:
    """Sends one alert; returns the bytes of its format."""
    to = f"http://127.0.0.1:{receiver.port}"
    settings = read(HttpSettings, {"to": to, "preset": preset, "secret": REFERENCE})
    text = secret or (KEY if preset == "pagerduty" else to + URL)
    made = HttpSink(settings, secrets=FixedSecrets(text))
    data = load(settings.format or "").data(alert())
    try:
        assert made.send([Entry(data, "key", content_type=load(settings.format or "").content_type)]) == []
    finally:
        made.close()
    return data


@pytest.mark.parametrize("preset", ["teams", "google-chat"])
def test_the_webhook_url_is_the_secret(preset: str, receiver: Receiver) -> None:
    """The path and query come from the secret, and the body is the alert."""
    receiver.script(SUCCESS[preset])
    data = send(receiver, preset)
    (request,) = receiver.requests
    assert request.path == URL
    assert receiver.bodies == [data]
    assert request.headers["Content-Type"].startswith("application/json")


def test_pagerduty_gets_the_routing_key_in_the_body(receiver: Receiver) -> None:
    """The routing key comes from the secret; the rest of the body is the alert."""
    receiver.script(SUCCESS["pagerduty"])
    data = send(receiver, "pagerduty", secret=KEY + "\n")
    (request,) = receiver.requests
    assert request.path == "/v2/enqueue"
    assert receiver.bodies[0] == b'{"routing_key":"' + KEY.encode() + b'",' + data[1:]
    assert len(receiver.bodies[0]) == len(data) + 49
    assert json.loads(receiver.bodies[0]) == {"routing_key": KEY, **json.loads(data)}


@pytest.mark.parametrize("key", ["short", KEY + "0", 'x"' + "0" * 30, "https://example.com/" + "0" * 12])
def test_a_secret_that_is_not_a_routing_key_is_not_sent(key: str, receiver: Receiver) -> None:
    """A wrong secret is the destination's fault, and the error does not show it."""
    with pytest.raises(PermanentError) as caught:
        send(receiver, "pagerduty", secret=key)
    assert caught.value.code == "secret"
    assert key not in str(caught.value)
    assert receiver.requests == []


@pytest.mark.parametrize("preset", SUCCESS)
@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[]", b'{"ok":1}x'])
def test_a_page_of_a_proxy_is_not_a_delivery(preset: str, body: bytes, receiver: Receiver) -> None:
    """A successful status whose body the receiver does not send is not counted as delivered."""
    receiver.script(Status(200, body=body))
    with pytest.raises(TransientError, match="unparseable"):
        send(receiver, preset)


@pytest.mark.parametrize("response", [Status(200), Status(200, body=b"1"), Status(202, body=b'{"id":"r"}')])
def test_successes_of_teams(response: Status, receiver: Receiver) -> None:
    """Workflows answer 202, or 200 with an empty body; the former connectors answered 1."""
    receiver.script(response)
    send(receiver, "teams")


@pytest.mark.parametrize(
    ("preset", "status", "body", "shown"),
    [
        ("teams", 401, {"error": {"code": "DirectApiAuthorizationRequired", "message": "m"}}, "DirectApi"),
        ("teams", 404, {"error": {"code": "WorkflowNotFound"}}, "WorkflowNotFound"),
        ("google-chat", 403, {"error": {"status": "PERMISSION_DENIED"}}, "PERMISSION_DENIED"),
        ("pagerduty", 400, {"errors": ["Length of 'routing_key' is incorrect"]}, "routing_key"),
    ],
)
def test_errors_of_the_destination(
    preset: str, status: int, body: Any, shown: str, receiver: Receiver
) -> None:
    """A wrong URL or key is not the fault of an alert, and the error has the receiver's code."""
    receiver.script(Status(status, body=json.dumps(body).encode()), *[Status(status)] * 3)
    with pytest.raises(PermanentError) as caught:
        send(receiver, preset)
    assert shown in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert not caught.value.divisible


@pytest.mark.parametrize("preset", SUCCESS)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"error":"text"}', b'{"error":{"code":5,"status":"a b"},"errors":5}']
)
def test_throttling_waits_as_long_as_the_receiver_asks(preset: str, body: bytes, receiver: Receiver) -> None:
    """Status 429 is retried after the time in Retry-After, whatever the body."""
    receiver.script(Status(429, {"Retry-After": "7"}, body))
    with pytest.raises(TransientError) as caught:
        send(receiver, preset)
    assert caught.value.retry_after == 7
