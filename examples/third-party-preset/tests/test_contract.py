"""The preset complies with trailforward's contract, against a real server on 127.0.0.1."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from trailforward import Config, Message, Origin
from trailforward.aws.secrets import Secrets
from trailforward.formats import load
from trailforward.jsontext import elements
from trailforward.sinks.http.sink import HttpSettings, HttpSink
from trailforward.testing.contract import SinkContract

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:acme"
HEAD = b'{"tenant":"blue","events":'


class _Secrets(Secrets):
    """The key, without AWS."""

    def _fetch(self, text: str) -> str:
        return "key-1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Stores the body if the request is complete and the key is right."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.status or (200 if self.headers["X-Acme-Key"] == "key-1" else 401)
        if status == 200:
            assert self.path == "/v1/events"
            self.server.bodies.append(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Logs nothing."""


class TestAcme(SinkContract):
    """Every test of the contract."""

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
            server.bodies, server.status, server.daemon_threads = [], 0, True
            server.block_on_close = False
            self.server = server
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield
            server.shutdown()

    def make(self) -> HttpSink:
        """A sink with the preset."""
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        settings = HttpSettings(to=url, preset="acme", secret=SECRET, metadata={"tenant": "blue"})
        return HttpSink(settings, secrets=_Secrets())

    def taken(self) -> list[bytes]:
        """The events of all bodies, with their exact bytes."""
        texts = [body.removeprefix(HEAD).removesuffix(b"}").decode() for body in self.server.bodies]
        return [text[start:end].encode() for text in texts for start, end in elements(text)]

    def fail_call(self, *, transient: bool) -> bool:
        """Makes the server respond with an error."""
        self.server.status = 503 if transient else 403
        return True


def test_the_configuration_knows_both() -> None:
    """The preset and the format have names, as those of trailforward have."""
    config = Config.from_toml(
        f'[sinks.acme]\nto = "https://acme.example.com"\npreset = "acme"\nsecret = "{SECRET}"\n'
        'format = "acme-line"\nmetadata = { tenant = "blue" }\n'
    )
    assert config.sinks["acme"].format == "acme-line"
    message = Message(b'{"detail":{"eventID":1.0}}', Origin("test"))
    assert load("acme-line").data(message) == b'{"record":{"eventID":1.0}}'
