"""Only a complete 2xx response is a delivery; other responses are classified by status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.support.receiver import MALFORMED, TRUNCATED, TRUNCATED_HEAD, Fault, Raw, Receiver, Status
from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.http.sink import HttpSettings, HttpSink


def send(*faults: Fault, query: str = "", times: int = 1) -> Receiver:
    """Sends to a receiver that follows this script, and returns the receiver."""
    with Receiver(faults) as receiver:
        settings = HttpSettings(to=receiver.url + query, read_timeout_seconds=5)
        sink = HttpSink(settings)
        try:
            for _ in range(times):
                assert sink.send([Entry(b'{"payload":1}', "key")]) == []
        finally:
            sink.close()
    return receiver


def failure(*faults: Fault, query: str = "") -> SinkError:
    """The error that a send to a receiver with this script raises."""
    with pytest.raises(SinkError) as caught:
        send(*faults, query=query)
    return caught.value


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_every_complete_2xx_is_a_delivery(status: int) -> None:
    """Receivers may report success with any 2xx status."""
    send(Status(status))


@pytest.mark.parametrize("status", [102, 103])
def test_interim_responses_are_skipped(status: int) -> None:
    """A response that begins with 102 or 103 and ends with 200 is a delivery, with one request."""
    data = b"HTTP/1.1 %d Wait\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" % status
    assert len(send(Raw(data, end=False)).requests) == 1


def test_207_is_not_a_delivery() -> None:
    """Multi-Status may hide refused events, so the batch is divided until each event has its own status."""
    error = failure(Status(207, body=b'[{"status":201},{"status":400}]'))
    assert isinstance(error, PermanentError)
    assert (error.code, error.divisible) == ("http_207", True)
    assert "Fix: set `preset`" in str(error)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_redirects_are_permanent(status: int) -> None:
    """A redirect is not followed; the error has the fix, but not the target, which may contain a token."""
    error = failure(Status(status, {"Location": "https://elsewhere.example.com/?token=hunter2"}))
    assert isinstance(error, PermanentError)
    assert (error.code, error.divisible) == (f"http_{status}", False)
    assert "Fix: set `to`" in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("status", [400, 402, 403, 406, 409, 411, 413, 414, 415, 418, 422, 451, 499])
def test_errors_that_one_event_may_cause_are_divisible(status: int) -> None:
    """A batch rejected for its content or size can be split, so that one event does not fail the others."""
    error = failure(Status(status))
    assert isinstance(error, PermanentError)
    assert (error.code, error.divisible) == (f"http_{status}", True)


@pytest.mark.parametrize("status", [401, 404, 405, 407, 410])
def test_other_client_errors_are_permanent(status: int) -> None:
    """A status about credentials, path, or method is never an event's fault, so no batch is split."""
    error = failure(Status(status))
    assert isinstance(error, PermanentError)
    assert (error.code, error.divisible) == (f"http_{status}", False)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 507, 529, 599])
def test_throttling_and_server_errors_are_transient(status: int) -> None:
    """Timeouts, throttling, and all 5xx statuses are transient."""
    error = failure(Status(status))
    assert isinstance(error, TransientError)
    assert (error.code, error.retry_after) == (f"http_{status}", None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 2.5 ", 2.5),
        ("-3", 0.0),
        ("86400", 86400.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("1_0", None),
        ("9" * 400, None),
        ("Wed, 99 Oct 2015 99:28:00 GMT", None),
        ("Mon, 01 Jan 10000 00:00:00 GMT", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    """Retry-After is read as seconds or a date; a past date means 0, and invalid values are ignored."""
    error = failure(Status(429, {"Retry-After": value}))
    assert isinstance(error, TransientError)
    assert error.retry_after == seconds


def test_retry_after_as_a_date_counts_from_now() -> None:
    """A date in Retry-After becomes the number of seconds until then."""
    date = datetime.now(UTC) + timedelta(hours=1)
    error = failure(Status(503, {"Retry-After": format_datetime(date, usegmt=True)}))
    assert isinstance(error, TransientError)
    assert error.retry_after is not None
    assert 3000 < error.retry_after <= 3600


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 418, 429, 503])
def test_errors_contain_no_query_payload_or_response_body(status: int) -> None:
    """An error's text contains the host and the status, and nothing that may be secret."""
    body = b'{"you sent":"payload"}'
    text = str(failure(Status(status, {"X-Echo": "payload"}, body), query="?topic=hunter2"))
    assert f"returned status {status}" in text
    assert "http://127.0.0.1:" in text
    for secret in ("payload", "hunter2", "/in"):
        assert secret not in text


@pytest.mark.parametrize(
    "fault",
    [
        TRUNCATED,
        TRUNCATED_HEAD,
        MALFORMED,
        Raw(b"HTTP/1.1 200"),
        Raw(b"HTTP/1.1 200 OK\r\n"),
        Raw(b"HTTP/1.1 OK\r\n\r\n"),
        Raw(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        Raw(b"HTTP/1.1 102 Processing\r\n\r\n" * 11 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: br, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        Raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n"),
        Raw(b"HTTP/9.9 200 OK\r\n\r\n", end=False),
        Raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 0\r\n\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 101 + b"\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"),
        Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
    ],
    ids=lambda fault: repr(fault.data[:60]),
)
def test_an_invalid_response_is_not_a_delivery(fault: Raw) -> None:
    """A truncated or malformed response is a transient error."""
    error = failure(fault)
    assert isinstance(error, TransientError)
    assert error.code == "invalid_response"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 \r\nContent-Type: multipart/mixed; boundary=x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 204\nX: y\n\n",
    ],
    ids=repr,
)
def test_every_valid_form_of_a_complete_response_is_accepted(data: bytes) -> None:
    """Content-Length, chunks, an interim 100, HTTP/1.0, and bare line feeds are accepted."""
    send(Raw(data))


@pytest.mark.parametrize("status", [200, 400])
def test_bodies_are_read_completely_so_that_the_connection_is_reused(status: int) -> None:
    """A response's body is read completely, whatever its status, so the next batch reuses the connection."""
    with Receiver([Status(status, body=b"x" * 500_000)]) as receiver:
        sink = HttpSink(HttpSettings(to=receiver.url))
        for number in (1, 2):
            try:
                sink.send([Entry(b"%d" % number, "key")])
            except PermanentError:
                assert status == 400
        sink.close()
        assert [request.connection for request in receiver.requests] == [1, 1]


def test_a_long_body_only_closes_the_connection() -> None:
    """A body over 1 MiB is not read completely; its status is used, and the next batch reconnects."""
    receiver = send(Status(200, body=b"x" * 3_000_000), Status(), times=2)
    assert [request.connection for request in receiver.requests] == [1, 2]
