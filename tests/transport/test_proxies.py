"""The HTTP sink takes the way through a proxy that botocore would take, and says what a proxy refuses."""

from __future__ import annotations

import base64
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.utils import get_environ_proxies
from hypothesis import given
from hypothesis import strategies as st

from tests.support.proxy import TunnelProxy
from tests.support.receiver import Mute, Receiver
from tests.support.settings import read
from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.http.sink import HttpSettings, HttpSink
from trailforward.transport.calls import Calls
from trailforward.transport.proxies import parse, proxy_for

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = [Entry(b"{}", "k")]
PASSWORD = "hunter2 /@:"
QUOTED = "hunter2%20%2F%40%3A"
BASIC = "Basic " + base64.b64encode(f"us er:{PASSWORD}".encode()).decode()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """A receiver with TLS."""
    with Receiver(tls="localhost") as receiver:
        yield receiver


def sink(receiver: Receiver, **more: Any) -> HttpSink:
    """A sink that sends to the receiver."""
    table = {"to": receiver.url, "ca_file": receiver.ca_file, **more}
    return HttpSink(read(HttpSettings, table))


def error_of(receiver: Receiver, **more: Any) -> SinkError:
    """The error of one call."""
    made = sink(receiver, **more)
    try:
        with pytest.raises(SinkError) as caught:
            made.send(EVENT)
        return caught.value
    finally:
        made.close()


def test_events_go_through_the_proxy(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """``HTTPS_PROXY`` opens one tunnel, which several calls use; TLS is with the receiver, not the proxy."""
    before = len(receiver.requests)
    with TunnelProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        made = sink(receiver)
        assert made.connect().startswith("TLS")
        assert [made.send(EVENT) for _ in range(3)] == [[]] * 3
        made.close()
        assert len(proxy.heads) == 2  # one for the check
        assert proxy.heads[0].startswith(b"CONNECT localhost:%d HTTP/1.1\r\nHost: localhost:" % receiver.port)
        assert proxy.carried > 0
    assert len(receiver.requests) - before == 3
    assert receiver.requests[-1].headers["Proxy-Authorization"] is None


def test_the_proxy_gets_user_and_password(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Percent-encoded credentials in the variable are sent to the proxy only."""
    with TunnelProxy(credentials=BASIC) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", f"//us%20er:{QUOTED}@"))
        made = sink(receiver)
        assert made.send(EVENT) == []
        made.close()
    assert receiver.requests[-1].headers["Proxy-Authorization"] is None


def test_a_proxy_may_itself_use_tls(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ``https://`` proxy carries TLS within TLS; its certificate is verified against the system's CAs."""
    with TunnelProxy(tls=True) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert "certificate of the proxy" in str(error := error_of(receiver))
        assert (type(error), error.code) == (PermanentError, "proxy")
        monkeypatch.setenv("SSL_CERT_FILE", proxy.ca_file)
        made = sink(receiver)
        assert made.connect().startswith("TLS")
        assert [made.send(EVENT) for _ in range(2)] == [[]] * 2
        made.close()


@pytest.mark.parametrize("tls", [False, True])
def test_the_deadline_ends_a_call_through_a_proxy(monkeypatch: pytest.MonkeyPatch, tls: bool) -> None:  # noqa: FBT001
    """An abandoned task shuts the tunnel down, so that no thread waits for a mute receiver."""
    with Receiver([Mute()], tls="localhost") as receiver, TunnelProxy(tls=tls) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("SSL_CERT_FILE", proxy.ca_file) if tls else None
        made = sink(receiver, read_timeout_seconds=60)
        task, found = Calls(time.monotonic() + 60), []

        def work() -> None:
            try:
                made.send(EVENT)
            except SinkError as error:
                found.append(error.code)

        thread = threading.Thread(target=task.run, args=(work,))
        thread.start()
        receiver.wait_for_requests(1)
        task.abandon()
        thread.join(20)
        assert not thread.is_alive()
        assert found[0] in {"deadline", "connection_reset"}
        made.close()


@pytest.mark.parametrize("no_proxy", ["localhost", ".localhost", "x.example.com, LOCALHOST", "*"])
def test_no_proxy_leads_past_the_proxy(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    """A host that ``NO_PROXY`` names is called directly."""
    with TunnelProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        made = sink(receiver)
        assert made.send(EVENT) == []
        made.close()
        assert proxy.heads == []


def test_plain_http_never_leaves_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http is allowed on the loopback interface only, so no proxy gets unencrypted events."""
    with Receiver() as receiver, TunnelProxy() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        made = HttpSink(read(HttpSettings, {"to": receiver.url}))
        assert made.send(EVENT) == []
        made.close()
        assert proxy.heads == []


@pytest.mark.parametrize(
    ("status", "kind", "code", "words"),
    [
        (407, PermanentError, "proxy", "requires a user name and a password"),
        (403, PermanentError, "proxy", "allow localhost:"),
        (405, PermanentError, "proxy", "add its host to NO_PROXY"),
        (301, PermanentError, "proxy", "status 301"),
        (429, TransientError, "proxy_unavailable", "status 429"),
        (502, TransientError, "proxy_unavailable", "resolves and reaches the host"),
        (503, TransientError, "proxy_unavailable", "status 503"),
        (504, TransientError, "proxy_unavailable", "status 504"),
    ],
)
def test_what_a_proxy_refuses_is_classified(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    kind: type[SinkError],
    code: str,
    words: str,
) -> None:
    """A refusal is the destination's fault and names the fix; an overloaded proxy passes."""
    with TunnelProxy(status=status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = error_of(receiver)
    assert (type(error), error.code) == (kind, code)
    assert words in str(error)
    assert "127.0.0.1:" in str(error)
    if isinstance(error, TransientError):
        assert error.retry_after == 7
    if isinstance(error, PermanentError):
        assert not error.divisible


def test_a_wrong_password_is_not_shown(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text says that the proxy refuses the credentials, and repeats neither of them."""
    with TunnelProxy(credentials="Basic other") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", f"//us%20er:{QUOTED}@"))
        error = error_of(receiver)
    assert "refuses the user name or the password" in str(error)
    assert not any(part in f"{error!s}{error!r}" for part in (PASSWORD, QUOTED, "us%20er", "us er"))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "invalid_response"),
        (b"", "invalid_response"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", "invalid_response"),
        (b"HTTP/1.1 200 OK\r\nX", "invalid_response"),
        (b"x" * 70_000, "invalid_response"),
    ],
)
def test_what_is_not_a_proxy_is_transient(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, raw: bytes, code: str
) -> None:
    """Another service on the proxy's port never gets an event, and the text names the variable."""
    with TunnelProxy(raw=raw) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = error_of(receiver)
    assert (type(error), error.code) == (TransientError, code)
    assert "HTTPS_PROXY" in str(error)


def test_a_proxy_that_is_down_is_named(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection to the proxy does not look like one of the receiver."""
    with TunnelProxy() as proxy:
        port = proxy.port
    monkeypatch.setenv("HTTPS_PROXY", f"http://u:{QUOTED}@127.0.0.1:{port}")
    error = error_of(receiver)
    assert (type(error), error.code) == (TransientError, "connection_refused")
    assert f"the proxy 127.0.0.1:{port}" in str(error)
    assert "NO_PROXY" in str(error)
    assert QUOTED not in str(error)


def test_a_proxy_that_is_silent_ends_by_the_timeout(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that accepts connections and says nothing costs ``connect_timeout_seconds``."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{silent.getsockname()[1]}")
        error = error_of(receiver, connect_timeout_seconds=0.1)
    assert (type(error), error.code) == (TransientError, "connect_timeout")
    assert "proxy" in str(error)


def test_a_proxy_that_decrypts_tls_needs_its_ca(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the certificate behind the proxy is not trusted, the text names the proxy's CA."""
    with Receiver(tls="localhost") as receiver, TunnelProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        made = HttpSink(read(HttpSettings, {"to": receiver.url}))
        with pytest.raises(PermanentError, match="CA of a proxy that decrypts TLS") as caught:
            made.send(EVENT)
        made.close()
    assert caught.value.code == "tls"


@pytest.mark.parametrize(
    "url",
    [
        "socks5://127.0.0.1:1080",
        "http:///x",
        "http://a b",
        "http://h:99999",
        "http://h:0",
        "ftp://h",
        "http://[x]",
    ],
)
def test_a_malformed_variable_is_explained(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """The text gives the form of the variable, and does not repeat its value, which may have a password."""
    monkeypatch.setenv("HTTPS_PROXY", url)
    error = error_of(receiver)
    assert (type(error), error.code) == (PermanentError, "proxy")
    assert "http://HOST:PORT" in str(error)
    assert url not in str(error)


def test_a_proxy_without_a_scheme_is_http() -> None:
    """``HOST:PORT`` and ``//HOST:PORT`` mean http, and the default ports are those of the schemes."""
    assert parse("proxy.example.com:3128") == parse("//proxy.example.com:3128")
    assert parse("proxy.example.com:3128")[0] == ("proxy.example.com", 3128, False)
    assert parse("https://[2001:db8::1]")[0] == ("2001:db8::1", 443, True)
    assert str(parse("https://[2001:db8::1]")[0]) == "[2001:db8::1]:443"


NAMES = ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "http_proxy"]
HOSTS = ["siem.example.com", "example.com", "notexample.com", "192.0.2.7", "[2001:db8::1]", "LOCALHOST"]
DOMAINS = ["example.com", ".example.com", "*.example.com", "siem.example.com:8443", " example.com "]
OTHERS = ["*", "", ".", ":8443", "192.0.2.0/24", "192.0.2.7", "[2001:db8::1]", "localhost", "EXAMPLE.COM"]
values = st.one_of(
    st.sampled_from(["", "http://proxy:3128"]),
    st.lists(st.sampled_from(DOMAINS + OTHERS), max_size=3).map(",".join),
)
names, hosts = st.sampled_from(NAMES), st.sampled_from(HOSTS)


@given(st.dictionaries(names, values, max_size=4), hosts, st.sampled_from(["", ":8443", ":443"]))
def test_the_variables_mean_what_they_mean_to_botocore(environ: dict[str, str], host: str, port: str) -> None:
    """For any variables and host, the sink uses a proxy exactly if botocore would use it for an AWS call."""
    import os

    url = f"https://{host}{port}/in"
    kept = dict(os.environ)
    try:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            del os.environ[name]
        os.environ.update(environ)
        expected = get_environ_proxies(url).get("https", "")
        assert proxy_for(urlsplit(url), os.environ) == expected
    finally:
        os.environ.clear()
        os.environ.update(kept)
