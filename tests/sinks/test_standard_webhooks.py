"""Standard Webhooks signatures are valid for that project's own library."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.support.receiver import Receiver, Status
from tests.support.secrets import REFERENCE, FixedSecrets
from trailforward.errors import PermanentError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.http.sink import HttpSettings, HttpSink
from trailforward.sinks.http.webhook_auth import signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.receiver import Request

KEY = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()
#: Sinks to close.
OPEN: list[HttpSink] = []
BODY = '{"average":9.82222E-5,"name":"bücher"}'.encode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that follows a script."""
    with Receiver() as receiver:
        yield receiver
        while OPEN:
            OPEN.pop().close()


def sink(receiver: Receiver, secret: str = KEY) -> HttpSink:
    """A sink that signs its requests."""
    settings = HttpSettings(to=receiver.url, preset="standard-webhooks", secret=REFERENCE)
    OPEN.append(HttpSink(settings, secrets=FixedSecrets(secret)))
    return OPEN[-1]


def verify(request: Request, key: str = KEY) -> None:
    """Verifies a request with the library."""
    library = pytest.importorskip("standardwebhooks")
    library.Webhook(key).verify(
        request.body, {name.lower(): value for name, value in request.headers.items()}
    )


def test_receivers_can_verify_signatures(receiver: Receiver) -> None:
    """The library accepts a signature with the right key, and rejects it with another key."""
    assert sink(receiver).send([Entry(BODY, "key")]) == []
    (request,) = receiver.requests
    assert request.body == BODY
    verify(request)
    with pytest.raises(Exception, match="No matching signature"):
        verify(request, OTHER)


def test_a_retry_has_the_same_id(receiver: Receiver) -> None:
    """Receivers can distinguish a retry from a new event by ``webhook-id``."""
    receiver.script(Status(503))
    made = sink(receiver)
    with pytest.raises(TransientError):
        made.send([Entry(BODY, "key")])
    made.send([Entry(BODY, "key")])
    made.send([Entry(b"{}", "key")])
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert ids[0] == ids[1] != ids[2]
    assert "." not in ids[0]


def test_two_secrets_give_two_signatures(receiver: Receiver) -> None:
    """During a rotation receivers can verify with the old or the new secret."""
    sink(receiver, f"{KEY} {OTHER}\n").send([Entry(BODY, "key")])
    for key in (KEY, OTHER):
        verify(receiver.requests[0], key)


@pytest.mark.parametrize("secret", ["", "hunter2", "whsec_", "whsec_?", "whsk_AAAA", f"{KEY} hunter2"])
def test_an_invalid_signing_secret_is_permanent(receiver: Receiver, secret: str) -> None:
    """An invalid signing secret is a permanent error that contains its reference and not its value."""
    with pytest.raises(PermanentError) as caught:
        sink(receiver, secret or " ").send([Entry(BODY, "key")])
    assert REFERENCE in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("secret", "message_id", "timestamp", "body", "signature"),
    [
        (
            "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
            "228f9c2e-5b1f-5c0e-9a3d-0d1a2b3c4d5e",
            1777884000,
            BODY,
            "v1,RX3fL6xJH0DbHSUaCrONeVOxbTV5CXxuYTOotO57BMI=",
        ),
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ],
)
def test_signatures_match_known_examples(
    secret: str, message_id: str, timestamp: int, body: bytes, signature: str
) -> None:
    """Signatures equal the specification's example, and one with floats and non-ASCII letters."""
    assert signed(secret, message_id, timestamp, body) == {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }
