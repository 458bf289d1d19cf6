"""Connections are reused, lost connections are detected, and nothing counts as sent by mistake."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.receiver import (
    ENDLESS_CONTINUE,
    Early,
    Fault,
    Goodbye,
    HangUp,
    Hold,
    Raw,
    Receiver,
    Reset,
    Slow,
    Status,
    Trickle,
)
from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.http.sink import HttpSettings, HttpSink
from trailforward.transport import connections
from trailforward.transport.calls import Calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    MakeSink = Callable[..., HttpSink]


#: Larger than the socket buffers of both sides.
HUGE = Entry(b'"' + b"x" * 24_000_000 + b'"', "key")


def event(number: int) -> list[Entry]:
    """A batch of one."""
    return [Entry(b"%d" % number, f"key-{number}")]


@pytest.fixture
def make_sink() -> Iterator[MakeSink]:
    """Creates sinks, and closes them after the test."""
    made = []

    def make(to: str, **settings: Any) -> HttpSink:
        made.append(HttpSink(HttpSettings(to=to, **settings)))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def send(sink: HttpSink) -> None:
    """Sends one event."""
    sink.send(event(0))


def failure(sink: HttpSink, batch: list[Entry] | None = None) -> SinkError:
    """The error that the next send raises."""
    with pytest.raises(SinkError) as caught:
        sink.send(batch or event(0))
    return caught.value


def test_batches_share_a_connection(make_sink: MakeSink) -> None:
    """Batches reuse one connection, so that the TLS handshake happens only once."""
    with Receiver() as receiver:
        sink = make_sink(receiver.url)
        for number in range(5):
            sink.send(event(number))
        assert receiver.connections == 1
        assert receiver.bodies == [b"[%d]" % number for number in range(5)]


def test_a_connection_closed_while_idle_is_replaced(make_sink: MakeSink) -> None:
    """If the server closes the connection between two batches, the second is sent over a new connection."""
    with Receiver([Goodbye(), Goodbye()]) as receiver:
        sink = make_sink(receiver.url)
        for number in (1, 2, 3):
            assert sink.send(event(number)) == []
            receiver.wait_for_closed(min(number, 2))
        assert receiver.bodies == [b"[1]", b"[2]", b"[3]"]
        assert [request.connection for request in receiver.requests] == [1, 2, 3]


@pytest.mark.parametrize("loss", [HangUp(stored=True), HangUp(stored=False), Reset(stored=True), Reset()])
def test_a_reused_connection_lost_before_any_response_is_replaced_once(
    make_sink: MakeSink, loss: Any
) -> None:
    """If a reused connection breaks, the request is sent once more; the event may arrive twice."""
    with Receiver([Status(), loss]) as receiver:
        sink = make_sink(receiver.url)
        sink.send(event(1))
        assert sink.send(event(2)) == []
        assert receiver.bodies == [b"[1]", *[b"[2]"] * (2 if loss.stored else 1)]


def test_a_connection_is_replaced_only_once(make_sink: MakeSink) -> None:
    """If the new connection breaks as well, the sink raises an error, and the forwarder decides."""
    with Receiver([Status(), HangUp(), HangUp()]) as receiver:
        sink = make_sink(receiver.url)
        sink.send(event(1))
        assert failure(sink, event(2)).code == "connection_reset"
        assert receiver.bodies == [b"[1]", b"[2]", b"[2]"]


def test_a_request_is_not_repeated_after_a_partial_response(make_sink: MakeSink) -> None:
    """After the first byte of a response only the forwarder may send the batch again."""
    with Receiver([Status(), Raw(b"HTTP/1.1 2")]) as receiver:
        sink = make_sink(receiver.url)
        sink.send(event(1))
        assert failure(sink, event(2)).code == "invalid_response"
        assert receiver.bodies == [b"[1]", b"[2]"]


@pytest.mark.parametrize(
    ("loss", "arrived"), [(Reset(), []), (Reset(stored=True), [b"[1]"]), (HangUp(stored=True), [b"[1]"])]
)
@pytest.mark.parametrize("tls", ["", "localhost"])
def test_a_lost_connection_is_transient(
    make_sink: MakeSink, loss: Any, arrived: list[bytes], tls: str
) -> None:
    """A reset is transient, because the client cannot know whether the request arrived."""
    with Receiver([loss], tls=tls) as receiver:
        sink = make_sink(receiver.url, ca_file=receiver.ca_file if tls else None)
        error = failure(sink, event(1))
        assert isinstance(error, TransientError)
        assert error.code == "connection_reset"
        assert receiver.bodies == arrived
        assert sink.send(event(2)) == []


@pytest.mark.parametrize(("stored", "arrived"), [(False, []), (True, [b"[1]"])])
def test_both_kinds_of_read_timeout_are_transient(
    make_sink: MakeSink, *, stored: bool, arrived: list[bytes]
) -> None:
    """A read timeout is transient, whether or not the server read the request, and closes the connection."""
    with Receiver([Slow(5, stored=stored)]) as receiver:
        sink = make_sink(receiver.url, read_timeout_seconds=1.0)
        error = failure(sink, event(1))
        assert isinstance(error, TransientError)
        assert error.code == "read_timeout"
        assert [request.decoded for request in receiver.wait_for_requests(len(arrived))] == arrived
        assert sink.send(event(2)) == []
        assert receiver.connections == 2


def test_a_response_that_stops_in_the_middle_times_out(make_sink: MakeSink) -> None:
    """A 200 status with an incomplete body does not count as delivered."""
    with Receiver([Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", end=False)]) as receiver:
        error = failure(make_sink(receiver.url, read_timeout_seconds=0.1))
        assert isinstance(error, TransientError)
        assert error.code == "read_timeout"


def test_a_reset_in_the_middle_of_a_response_is_transient(make_sink: MakeSink) -> None:
    """A 200 status whose body ends with a reset does not count as delivered."""

    class HalfThenReset(Raw):
        def apply(self, exchange: Any) -> None:
            super().apply(exchange)
            # Gives the client time to read the first bytes before the reset.
            exchange.pause(0.1)
            exchange.reset()

    with Receiver([HalfThenReset(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")]) as receiver:
        error = failure(make_sink(receiver.url))
        assert isinstance(error, TransientError)
        assert error.code == "connection_reset"


def test_a_server_that_stops_reading_times_out(make_sink: MakeSink) -> None:
    """If the server does not read the request in time, the error is transient."""
    with Receiver([Slow(5, stored=False)]) as receiver:
        error = failure(make_sink(receiver.url, read_timeout_seconds=0.2), [HUGE])
        assert isinstance(error, TransientError)
        assert error.code == "write_timeout"
        assert receiver.requests == []


@pytest.mark.parametrize("status", [401, 413])
def test_an_error_response_before_the_request_was_read_is_used(make_sink: MakeSink, status: int) -> None:
    """If the server responds with an error and closes the connection early, the response is used."""
    with Receiver([Early(status)]) as receiver:
        error = failure(make_sink(receiver.url), [HUGE])
        assert isinstance(error, PermanentError)
        assert error.code == f"http_{status}"


def test_success_before_the_request_was_read_is_not_a_delivery(make_sink: MakeSink) -> None:
    """A 200 response to a request that was not completely sent is a transient error."""
    with Receiver([Early(200)]) as receiver:
        error = failure(make_sink(receiver.url), [HUGE])
        assert isinstance(error, TransientError)
        assert error.code == "connection_reset"


def test_a_refused_connection_is_transient(make_sink: MakeSink) -> None:
    """If nothing listens on the port, the error is transient."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = failure(make_sink(f"http://127.0.0.1:{unused.getsockname()[1]}"))
    assert isinstance(error, TransientError)
    assert error.code == "connection_refused"


def test_a_handshake_that_never_ends_is_a_connect_timeout(make_sink: MakeSink) -> None:
    """The connect timeout includes the TLS handshake, so a silent server is detected quickly."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = make_sink(
            f"https://127.0.0.1:{silent.getsockname()[1]}",
            connect_timeout_seconds=0.1,
            read_timeout_seconds=60,
        )
        error = failure(sink)
    assert isinstance(error, TransientError)
    assert error.code == "connect_timeout"


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "dns"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "dns"),
        (TimeoutError("timed out"), "connect_timeout"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection_reset"),
        (OSError(113, "No route to host"), "connection_failed"),
    ],
)
def test_failures_of_the_network_are_transient(
    monkeypatch: pytest.MonkeyPatch, make_sink: MakeSink, raised: OSError, code: str
) -> None:
    """Each kind of connection failure has its own code and is transient."""

    def fail(*_: Any, **__: Any) -> None:
        raise raised

    sink = make_sink("https://siem.example.com")
    monkeypatch.setattr(connections, "_connect", fail)
    error = failure(sink)
    assert isinstance(error, TransientError)
    assert error.code == code


@pytest.mark.parametrize("step", ["sendall", "recv"])
def test_any_other_failure_of_the_socket_is_transient(
    monkeypatch: pytest.MonkeyPatch, make_sink: MakeSink, step: str
) -> None:
    """Rare errors of the operating system count as a lost connection."""

    class Failing(socket.socket):
        pass

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(113, "No route to host")

    def connect(host: str, port: int, *_: Any) -> socket.socket:
        made = Failing()
        made.connect((host, port))
        return made

    setattr(Failing, step, fail)
    with Receiver() as receiver:
        monkeypatch.setattr(connections, "_connect", connect)
        error = failure(make_sink(receiver.url))
        assert isinstance(error, TransientError)
        assert error.code == "connection_reset"


def test_tls_with_a_private_ca(make_sink: MakeSink) -> None:
    """A server with a certificate from the private CA is trusted, and its connection is reused."""
    with Receiver(tls="localhost") as receiver:
        sink = make_sink(receiver.url, ca_file=receiver.ca_file)
        for number in (1, 2):
            assert sink.send(event(number)) == []
        assert receiver.connections == 1


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("other.example.com", True)])
def test_an_untrusted_server_receives_nothing(make_sink: MakeSink, name: str, *, trusted: bool) -> None:
    """An unknown CA or another host's certificate is a permanent error, and no request is sent."""
    with Receiver(tls=name) as receiver:
        sink = make_sink(receiver.url, ca_file=receiver.ca_file if trusted else None)
        error = failure(sink)
        assert isinstance(error, PermanentError)
        assert (error.code, error.divisible) == ("tls", False)
        assert error.message.endswith("; set `ca_file` if the server has a private CA")
        assert "`ca_file`" in str(error)
        assert receiver.requests == []


def test_a_server_without_tls_fails_the_handshake(make_sink: MakeSink) -> None:
    """With https to a plain HTTP port, nothing is sent."""
    with Receiver() as receiver:
        error = failure(make_sink(receiver.url.replace("http:", "https:")))
        assert isinstance(error, TransientError)
        assert error.code == "tls_handshake"
        assert receiver.requests == []


def test_tls_is_at_least_1_2() -> None:
    """Older TLS versions are never used, and certificates and host names are always verified."""
    import ssl

    from trailforward.sinks.http.network import endpoint

    tls = endpoint(HttpSettings(to="https://siem.example.com").url).tls
    assert tls is not None
    assert tls.minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls.verify_mode == ssl.CERT_REQUIRED
    assert tls.check_hostname


def test_threads_share_the_pool(make_sink: MakeSink) -> None:
    """Many threads can send through one sink; each batch arrives once, over few connections."""
    with Receiver() as receiver:
        sink = make_sink(receiver.url)
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda number: sink.send(event(number)), range(200))) == [[]] * 200
        assert sorted(receiver.bodies) == sorted(b"[%d]" % number for number in range(200))
        assert receiver.connections <= 8


def test_a_blocked_thread_does_not_block_the_others(make_sink: MakeSink) -> None:
    """While one thread waits for a response, others can send; closing the sink closes all connections."""
    hold = Hold()
    with Receiver([hold]) as receiver:
        sink = make_sink(receiver.url)
        blocked = threading.Thread(target=sink.send, args=(event(1),))
        blocked.start()
        receiver.wait_for_requests(1)
        assert sink.send(event(2)) == []
        sink.close()
        hold.go.set()
        blocked.join()
        assert not sink._connections._idle
        assert receiver.connections == 2


def test_the_number_of_idle_connections_is_limited(
    monkeypatch: pytest.MonkeyPatch, make_sink: MakeSink
) -> None:
    """The pool keeps at most ``MAX_IDLE`` idle connections and closes the others."""
    monkeypatch.setattr(connections, "MAX_IDLE", 0)
    with Receiver() as receiver:
        sink = make_sink(receiver.url)
        for number in (1, 2):
            sink.send(event(number))
        assert receiver.connections == 2


def test_a_connection_that_was_idle_too_long_is_not_reused(make_sink: MakeSink) -> None:
    """After a long freeze of the environment the next batch uses a new connection."""
    with Receiver() as receiver:
        sink = make_sink(receiver.url)
        now = [1000.0]
        sink._connections._clock = lambda: now[0]
        for later in (0.0, 49.0, 51.0, -5.0):
            now[0] += later
            sink.send(event(1))
        assert [request.connection for request in receiver.requests] == [1, 1, 2, 3]


def test_unexpected_bytes_close_the_connection(make_sink: MakeSink) -> None:
    """Unexpected bytes on an idle connection are never read as the next response."""

    class Stray(Raw):
        def apply(self, exchange: Any) -> None:
            exchange.respond(200, {}, b"")
            exchange.pause(0.05)
            super().apply(exchange)

    with Receiver([Stray(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Status(503)]) as receiver:
        sink = make_sink(receiver.url)
        sink.send(event(1))
        receiver.wait_for_closed(1)
        assert failure(sink, event(2)).code == "http_503"


#: Receivers that always send something before the read timeout.
ALIVE = {
    "head": Trickle(),
    "headers": Trickle(b"HTTP/1.1 200 OK\r\n", byte=b"X: x\r\n"),
    "body": Trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n"),
    "chunks": Trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", byte=b"1\r\nx\r\n"),
    "end": Trickle(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
}


@pytest.mark.parametrize("tls", ["", "localhost"])
@pytest.mark.parametrize("fault", ALIVE.values(), ids=ALIVE)
def test_a_call_has_a_total_time(make_sink: MakeSink, fault: Fault, tls: str) -> None:
    """A receiver that sends a byte now and then cannot hold a call: the total time ends it."""
    with Receiver([fault], tls=tls) as receiver:
        sink = make_sink(
            receiver.url,
            read_timeout_seconds=60,
            total_timeout_seconds=0.3,
            ca_file=receiver.ca_file if tls else None,
        )
        error = failure(sink)
        assert isinstance(error, TransientError)
        assert error.code == "total_timeout"
        assert "within 0.3 s" in str(error)
        receiver.wait_for_closed(1)
        assert sink.send(event(2)) == []


def test_the_total_time_includes_sending_and_connecting(make_sink: MakeSink) -> None:
    """A receiver that reads nothing, or never ends its TLS handshake, is left after the total time."""
    with Receiver([Slow(5, stored=False)]) as receiver:
        sink = make_sink(receiver.url, read_timeout_seconds=60, total_timeout_seconds=0.3)
        assert failure(sink, [HUGE]).code == "total_timeout"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        sink = make_sink(url, connect_timeout_seconds=60, total_timeout_seconds=0.2)
        assert failure(sink).code == "total_timeout"


def test_the_total_time_covers_all_addresses_of_a_host(
    monkeypatch: pytest.MonkeyPatch, make_sink: MakeSink
) -> None:
    """A host with many addresses that do not respond costs the total time, not each address's timeout."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", unused.getsockname())
        tried = []

        def addresses(*_: Any, **__: Any) -> Iterator[Any]:
            while True:
                tried.append(address)
                yield address

        sink = make_sink(f"http://127.0.0.1:{unused.getsockname()[1]}", total_timeout_seconds=0.1)
        monkeypatch.setattr(socket, "getaddrinfo", addresses)
        assert failure(sink).code == "total_timeout"
        assert len(tried) > 1


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch, make_sink: MakeSink) -> None:
    """If one address of a host refuses connections, the next one gets the request."""
    with Receiver() as receiver, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", address)
            for address in (unused.getsockname(), ("127.0.0.1", receiver.port))
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert make_sink("http://127.0.0.1:9").send(event(1)) == []
        assert receiver.bodies == [b"[1]"]


def test_the_deadline_of_the_task_ends_a_call(make_sink: MakeSink) -> None:
    """A call ends at the deadline of the invocation, if that is before its own total time."""
    with Receiver([Trickle()]) as receiver:
        sink = make_sink(receiver.url, total_timeout_seconds=60)
        codes: list[str] = []
        Calls(time.monotonic() + 0.3).run(lambda: codes.append(failure(sink).code))
        assert codes == ["deadline"]


@pytest.mark.parametrize("tls", ["", "localhost"])
@pytest.mark.parametrize("fault", [*ALIVE.values(), Slow(60)], ids=[*ALIVE, "silent"])
def test_an_abandoned_call_ends(make_sink: MakeSink, fault: Fault, tls: str) -> None:
    """Giving up on a call closes its connection, so that its thread ends, and lets no other call begin."""
    with Receiver([fault], tls=tls) as receiver:
        sink = make_sink(
            receiver.url,
            read_timeout_seconds=600,
            total_timeout_seconds=600,
            ca_file=receiver.ca_file if tls else None,
        )
        calls = Calls(time.monotonic() + 600)
        codes: list[str] = []

        def work() -> None:
            codes.extend([failure(sink).code, failure(sink).code])

        thread = threading.Thread(target=calls.run, args=(work,))
        thread.start()
        receiver.wait_for_requests(1)
        calls.abandon()
        thread.join(60)
        assert not thread.is_alive()
        assert codes[0] in {"deadline", "connection_reset", "invalid_response"}
        assert codes[1] == "deadline"
        assert len(receiver.requests) == 1


def test_endless_interim_responses_end(make_sink: MakeSink) -> None:
    """A receiver that sends 100 Continue forever is left after ten of them."""
    with Receiver([ENDLESS_CONTINUE]) as receiver:
        sink = make_sink(receiver.url, read_timeout_seconds=600, total_timeout_seconds=600)
        assert failure(sink).code == "invalid_response"


def test_a_certificate_that_matches_only_by_common_name_is_refused(make_sink: MakeSink) -> None:
    """The host name must be among the alternative names of the certificate, as RFC 9525 requires."""
    with Receiver(common_name="localhost") as receiver:
        error = failure(make_sink(receiver.url, ca_file=receiver.ca_file))
        assert error.code == "tls"
        assert "ostname mismatch" in str(error)
        assert receiver.requests == []


def test_abandoning_a_task_leaves_connections_of_finished_calls_alone(make_sink: MakeSink) -> None:
    """A connection whose call is over belongs to the next call, also if its former task is abandoned."""
    with Receiver() as receiver:
        sink, task = make_sink(receiver.url), Calls(time.monotonic() + 600)
        task.run(partial(send, sink))
        task.abandon()
        sink.send(event(1))
        assert receiver.connections == 1


def test_a_kept_connection_waits_as_long_as_a_new_one(make_sink: MakeSink) -> None:
    """A call close to the deadline shortens only its own waits, not those of the next call."""
    with Receiver() as receiver:
        sink = make_sink(receiver.url, read_timeout_seconds=50, total_timeout_seconds=60)
        Calls(time.monotonic() + 40).run(partial(send, sink))
        ((connection, _),) = sink._connections._idle
        assert connection.gettimeout() == 50
