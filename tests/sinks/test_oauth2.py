"""OAuth 2.0 client credentials: tokens are cached, shared, renewed in time and on a 401, and never shown."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from tests.support.receiver import Exchange, Fault, Receiver, Reset, Status
from tests.support.secrets import REFERENCE, FixedSecrets
from tests.support.settings import read
from trailforward.errors import PermanentError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.http import oauth2
from trailforward.sinks.http.auth import OAuth2Auth
from trailforward.sinks.http.oauth2 import Tokens
from trailforward.sinks.http.sink import HttpSettings, HttpSink

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "hunter2 &=%"
EVENT = [Entry(b"{}", "k")]


def token(value: str = "t-1", **more: Any) -> Status:
    """The response of a token endpoint."""
    content = {"access_token": value, "token_type": "Bearer", "expires_in": 3_600, **more}
    return Status(200, {"Content-Type": "application/json"}, json.dumps(content).encode())


def error(status: int, code: str) -> Status:
    """An error of a token endpoint, whose description repeats the request."""
    content = {"error": code, "error_description": f"wrong: {SECRET}"}
    return Status(status, {}, json.dumps(content).encode())


@pytest.fixture
def server() -> Iterator[Receiver]:
    """A token endpoint."""
    with Receiver() as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of events."""
    with Receiver() as receiver:
        yield receiver


def auth(server: Receiver, **more: Any) -> dict[str, Any]:
    """The table ``auth``."""
    return {
        "type": "oauth2",
        "token_url": f"http://127.0.0.1:{server.port}/oauth2/token",
        "client_id": "client+1",
        "client_secret": REFERENCE,
        **more,
    }


def sink(server: Receiver, receiver: Receiver, *secrets: str, **more: Any) -> HttpSink:
    """A sink that gets its tokens from the server."""
    table = {"to": receiver.url, "auth": auth(server, **more)}
    return HttpSink(read(HttpSettings, table), secrets=FixedSecrets(*(secrets or (SECRET,))))


@dataclass(frozen=True)
class Later(Fault):
    """Responds after a fifth of a second."""

    then: Status

    def apply(self, exchange: Exchange) -> None:
        """Waits, then responds."""
        exchange.pause(0.2)
        self.then.apply(exchange)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        """The time that was set."""
        return self.now


def tokens(server: Receiver, clock: Clock, *secrets: str) -> Tokens:
    """A cache of tokens."""
    settings = read(OAuth2Auth, auth(server))
    return Tokens(settings, FixedSecrets(*(secrets or (SECRET,))), 300.0, clock)


def used(cache: Tokens) -> str:
    """The token of the next request."""
    return cache.prove("", {}, b"").headers["Authorization"].removeprefix("Bearer ")


def test_the_request_is_that_of_the_specification(server: Receiver, receiver: Receiver) -> None:
    """ID and secret are form fields, next to the grant, the scope, and the audience."""
    server.script(token())
    made = sink(server, receiver, scope="https://monitor.azure.com/.default", audience="api")
    assert made.send(EVENT) == []
    made.close()
    (request,) = server.requests
    assert (request.path, request.headers["Authorization"]) == ("/oauth2/token", None)
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["https://monitor.azure.com/.default"],
        "audience": ["api"],
        "client_id": ["client+1"],
        "client_secret": [SECRET],
    }
    assert receiver.requests[0].headers["Authorization"] == "Bearer t-1"


def test_id_and_secret_in_a_header_are_encoded_first(server: Receiver, receiver: Receiver) -> None:
    """With ``auth_style = "basic"`` both are encoded before they are joined (RFC 6749, section 2.3.1)."""
    server.script(token())
    made = sink(server, receiver, auth_style="basic")
    assert made.send(EVENT) == []
    made.close()
    (request,) = server.requests
    assert parse_qs(request.body.decode()) == {"grant_type": ["client_credentials"]}
    pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic "))
    assert pair == b"client%2B1:hunter2%20%26%3D%25"


def test_a_token_is_used_until_shortly_before_it_expires(server: Receiver) -> None:
    """A token of an hour is renewed a minute before its end, one of 100 seconds after 90."""
    clock = Clock()
    server.script(token("t-1"), token("t-2", expires_in="100"), token("t-3"))
    cache = tokens(server, clock)
    assert used(cache) == "t-1"
    clock.now += 3_539
    assert used(cache) == "t-1"
    clock.now += 1
    assert used(cache) == "t-2"
    clock.now += 89
    assert used(cache) == "t-2"
    clock.now += 1
    assert used(cache) == "t-3"


def test_a_valid_token_survives_an_outage_of_the_token_endpoint(server: Receiver) -> None:
    """If renewal fails for a passing reason, the old token is used until it expires."""
    clock = Clock()
    server.script(token("t-1"), Status(503), Status(503), token("t-2"))
    cache = tokens(server, clock)
    assert used(cache) == "t-1"
    clock.now += 3_545
    assert used(cache) == "t-1"
    assert used(cache) == "t-1", "the next attempt waits"
    assert len(server.requests) == 2
    clock.now += 60  # expired
    with pytest.raises(TransientError, match="http_503"):
        used(cache)
    assert used(cache) == "t-2"


def test_a_clock_that_goes_back_renews_the_token(server: Receiver) -> None:
    """A token from the future is not trusted."""
    clock = Clock()
    server.script(token("t-1"), token("t-2"))
    cache = tokens(server, clock)
    assert used(cache) == "t-1"
    clock.now -= 10_000
    assert used(cache) == "t-2"


def test_threads_share_one_token(server: Receiver, receiver: Receiver) -> None:
    """Concurrent calls wait for the same request to the token endpoint."""
    server.script(Later(token()))
    made = sink(server, receiver)
    errors: list[object] = []

    def send() -> None:
        try:
            errors.extend(made.send(EVENT))
        except Exception as error:  # noqa: BLE001  # the assertion below shows it
            errors.append(error)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.close()
    assert errors == []
    assert len(receiver.requests) == 8
    assert len(server.requests) == 1


def test_a_rejected_token_is_renewed_once(server: Receiver, receiver: Receiver) -> None:
    """The first 401 renews the token; if the new one is rejected as well, the destination is at fault."""
    server.script(token("t-1"), token("t-2"))
    receiver.script(Status(401), Status(401))
    made = sink(server, receiver)
    with pytest.raises(TransientError, match="newer"):
        made.send(EVENT)
    with pytest.raises(PermanentError, match="http_401"):
        made.send(EVENT)
    assert made.send(EVENT) == []
    made.close()
    sent = [request.headers["Authorization"] for request in receiver.requests]
    assert sent == ["Bearer t-1", "Bearer t-2", "Bearer t-2"]


def test_a_renewed_token_is_renewed_again_later(server: Receiver) -> None:
    """A minute after a renewal, another 401 may have another cause: the token is renewed once more."""
    clock = Clock()
    server.script(token("t-1"), token("t-2"), token("t-3"))
    cache = tokens(server, clock)
    assert cache.renew(used(cache))
    assert not cache.renew(used(cache))
    assert cache.renew("t-1"), "another thread has renewed this one"
    clock.now += oauth2.RENEWAL_PAUSE
    assert cache.renew("t-2")
    assert used(cache) == "t-3"


def test_a_missing_permission_does_not_renew_the_token(server: Receiver, receiver: Receiver) -> None:
    """403 means that the client lacks a permission, which a new token does not change."""
    server.script(token("t-1"))
    receiver.script(Status(403))
    made = sink(server, receiver)
    with pytest.raises(PermanentError, match="http_403"):
        made.send(EVENT)
    made.close()
    assert len(server.requests) == 1


def test_a_rotated_client_secret_is_read_again(server: Receiver, receiver: Receiver) -> None:
    """If the token endpoint refuses the client, the secret is read again before anything fails."""
    server.script(error(401, "invalid_client"), token())
    made = sink(server, receiver, "old", "new")
    assert made.send(EVENT) == []
    made.close()
    sent = [parse_qs(request.body.decode())["client_secret"] for request in server.requests]
    assert sent == [["old"], ["new"]]


@pytest.mark.parametrize(
    ("status", "code", "fix"),
    [
        (400, "invalid_client", "store the current secret"),
        (401, "invalid_client", "store the current secret"),
        (400, "invalid_scope", "correct `scope`"),
        (400, "unauthorized_client", "client credentials grant"),
        (400, "something_new", "check `token_url`"),
        (404, "", "check `token_url`"),
        (302, "", "check `token_url`"),
    ],
)
def test_a_refused_client_is_permanent_and_names_the_fix(
    server: Receiver, receiver: Receiver, status: int, code: str, fix: str
) -> None:
    """No retry helps until somebody corrects the client; redirects are not followed with the secret."""
    for _ in range(2):
        server.script(error(status, code))
    made = sink(server, receiver)
    with pytest.raises(PermanentError, match="secret: ") as caught:
        made.send(EVENT)
    made.close()
    assert fix in str(caught.value)
    assert not caught.value.divisible
    assert SECRET not in str(caught.value)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Status(429, {"Retry-After": "9"}), "http_429"),
        (Status(500), "http_500"),
        (Reset(stored=False), "connection_reset"),
        (Status(200, {}, b"<html>login</html>"), "unparseable_response"),
        (Status(200, {}, b'{"access_token":"t\\r\\nX: y"}'), "unparseable_response"),
        (Status(200, {}, b'{"access_token":"t","token_type":"mac"}'), "unparseable_response"),
        (Status(200, {}, b'{"access_token":"' + b"x" * 20_000 + b'"}'), "unparseable_response"),
        (Status(200, {}, b'{"access_token":5}'), "unparseable_response"),
        (Status(200, {}, b"[" * 99_999), "unparseable_response"),
    ],
)
def test_a_token_endpoint_that_is_down_or_odd_is_transient(
    server: Receiver, receiver: Receiver, fault: Any, code: str
) -> None:
    """An outage or an odd response is retried, and nothing is sent without a token."""
    server.script(fault)
    made = sink(server, receiver)
    with pytest.raises(TransientError) as caught:
        made.send(EVENT)
    made.close()
    assert caught.value.code == code
    assert f"127.0.0.1:{server.port}" in str(caught.value)
    assert caught.value.retry_after == (9 if code == "http_429" else None)
    assert receiver.requests == []


@pytest.mark.parametrize("lifetime", [None, 0, -5, "soon", [], 1e400])
def test_an_odd_lifetime_means_five_minutes(server: Receiver, lifetime: Any) -> None:
    """A token without a usable lifetime is used for 300 seconds, less a tenth."""
    clock = Clock()
    server.script(token("t-1", expires_in=lifetime), token("t-2"))
    cache = tokens(server, clock)
    assert used(cache) == "t-1"
    clock.now += 269
    assert used(cache) == "t-1"
    clock.now += 1
    assert used(cache) == "t-2"


def test_neither_secret_nor_token_is_shown(server: Receiver, receiver: Receiver) -> None:
    """No repr of the parts that a traceback could show contains the secret or the token."""
    server.script(token("very-secret-token"))
    made = sink(server, receiver)
    assert made.send(EVENT) == []
    made.close()
    authorizer: Any = made._authorizer
    shown = f"{authorizer!r} {vars(authorizer)!r} {authorizer.prove('', {}, b'')!r}"
    assert "very-secret-token" not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"token_url": "http://login.example.com/token"}, "unencrypted"),
        ({"token_url": "https://user:pass@login.example.com/token"}, "user name or password"),
        ({"token_url": "https://login.example.com/token?client_secret=hunter2hunter2"}, "secret"),
        ({"token_url": "file:///etc/passwd"}, "neither https nor http"),
        ({"client_secret": "hunter2"}, "must be a reference"),
        ({"auth_style": "header"}, "unknown value"),
        ({"ca_file": "/does/not/exist"}, "cannot be used"),
        ({"client_id": ""}, "empty"),
    ],
)
def test_settings_are_checked_like_those_of_a_sink(change: dict[str, Any], what: str) -> None:
    """The token URL has the same checks as ``to``, and the secret must be a reference."""
    from trailforward.config.problems import validated

    table = {
        "type": "oauth2",
        "token_url": "https://login.example.com/token",
        "client_id": "c",
        "client_secret": REFERENCE,
    }
    problems: list[Any] = []
    assert validated(OAuth2Auth, {**table, **change}, "auth", problems) is None
    assert what in str(problems[0])
    assert "hunter2" not in str(problems[0])
