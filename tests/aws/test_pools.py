"""botocore's connections follow the direct client's rules: idle time, abandoned calls, and host names."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tests.support.receiver import ENDLESS_CONTINUE, Fault, Mute, Receiver, Status, Trickle
from trailforward.aws import pools
from trailforward.aws.client import Client
from trailforward.errors import SinkError
from trailforward.transport.calls import Calls

ACCEPTED = Status(
    200, {"Content-Type": "application/x-amz-json-1.1"}, b'{"FailedRecordCount":0,"Records":[]}'
)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    """A Kinesis client that calls through botocore."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    return Client("kinesis", "eu-west-1", direct=False, read_timeout=600)


def put(client: Client) -> Any:
    """Sends one record."""
    records = [{"Data": b"x", "PartitionKey": "x"}]
    return client.call("put_records", Records=records, StreamName="cloudsec")


def test_a_connection_that_was_idle_too_long_is_not_reused(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    """After a long freeze of the environment, or if the clock went back, the next call connects again."""
    now = [1000.0]
    monkeypatch.setattr(pools._Pool, "clock", lambda _: now[0])
    with Receiver(then=ACCEPTED) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", f"http://127.0.0.1:{receiver.port}")
        for later in (0.0, 49.0, 51.0, -5.0):
            now[0] += later
            put(client)
        client.close()
        assert [request.connection for request in receiver.requests] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    "fault",
    [
        Trickle(),
        Trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n"),
        Trickle(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
        ENDLESS_CONTINUE,
        Mute(),
    ],
    ids=["head", "body", "until the end", "continue", "silent"],
)
@pytest.mark.parametrize("reused", [False, True])
def test_an_abandoned_call_ends(
    monkeypatch: pytest.MonkeyPatch, client: Client, fault: Fault, *, reused: bool
) -> None:
    """Giving up on a call closes its connection, so that its thread ends, and lets no other call begin."""
    with Receiver([ACCEPTED] * reused + [fault]) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", f"http://127.0.0.1:{receiver.port}")
        if reused:
            put(client)
        calls = Calls(time.monotonic() + 600)
        errors: list[SinkError] = []

        def work() -> None:
            for _ in range(2):
                with pytest.raises(SinkError) as caught:
                    put(client)
                errors.append(caught.value)

        thread = threading.Thread(target=calls.run, args=(work,))
        thread.start()
        receiver.wait_for_requests(1 + reused)
        calls.abandon()
        thread.join(60)
        assert not thread.is_alive()
        assert len(errors) == 2
        assert len(receiver.requests) == 1 + reused
        client.close()


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_that_matches_only_by_common_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, client: Client, *, trusted: bool
) -> None:
    """The host name must be among the alternative names of the certificate; then the same call succeeds."""
    names: dict[str, Any] = {"tls": "localhost"} if trusted else {"common_name": "localhost"}
    with Receiver(then=ACCEPTED, **names) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", f"https://localhost:{receiver.port}")
        monkeypatch.setenv("AWS_CA_BUNDLE", receiver.ca_file)
        if trusted:
            put(client)
        else:
            with pytest.raises(SinkError, match=r"subjectAltName|ostname mismatch"):
                put(client)
        assert len(receiver.requests) == int(trusted)
        client.close()
