"""An HTTP API that collects events: the demo's fourth destination, and a server to try HTTP sinks against."""

from __future__ import annotations

import gzip
import re
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, cast

from trailforward.demo.loopback import Handler, LoopbackServer
from trailforward.errors import EventError
from trailforward.jsontext import decode, elements, to_bytes, to_text, value_end

if TYPE_CHECKING:
    from email.message import Message

_SPACES = re.compile(r"[ \t\r\n]*")


def split(body: bytes) -> list[bytes]:
    """Cuts a body into the exact bytes of its events: a JSON array, lines of JSON, or one event.

    Raises:
        EventError: the body is none of them.
    """
    text = to_text(body)
    start = _after_spaces(text, 0)
    if text.startswith("[", start):
        decode(text)  # `elements` does not look behind the closing bracket
        return [to_bytes(text[begin:end]) for begin, end in elements(text, start)]
    events = []
    while start < len(text):
        end = value_end(text, start)
        events.append(to_bytes(text[start:end]))
        start = _after_spaces(text, end)
    return events


def _after_spaces(text: str, start: int) -> int:
    found = _SPACES.match(text, start)
    return found.end() if found else start


class _Endpoint(Handler):
    def do_POST(self) -> None:  # noqa: N802  # the base class calls it so
        receiver = cast("Receiver", self.server)
        body = self.body()
        if self.path != Receiver.PATH:
            return self.answer(HTTPStatus.NOT_FOUND, {})
        if (refusal := receiver.refusal(self.headers)) is not None:
            return self.answer(*refusal)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            receiver.take(split(body))
        except EventError as error:
            return self.answer(HTTPStatus.BAD_REQUEST, {"Content-Type": "text/plain"}, str(error).encode())
        return self.answer(HTTPStatus.OK, {})


class Receiver(LoopbackServer):
    """Keeps what is posted to it.

    Args:
        busy: how many requests to answer with 429 before taking the first.
        retry_after: what those answers ask for, in seconds.
    """

    PATH = "/events"

    def __init__(self, *, busy: int = 0, retry_after: int = 0) -> None:
        self._busy = busy
        self._guard = Lock()
        self._events: list[bytes] = []
        self.retry_after = str(retry_after)
        #: Requests answered with 429 so far.
        self.refused = 0
        super().__init__(_Endpoint)

    @property
    def url(self) -> str:
        """Where to post events."""
        return f"http://127.0.0.1:{self.port}{self.PATH}"

    @property
    def events(self) -> list[bytes]:
        """The exact bytes of every event taken, in order of arrival."""
        with self._guard:
            return list(self._events)

    def take(self, events: list[bytes]) -> None:
        """Keeps the events of one request."""
        with self._guard:
            self._events.extend(events)

    def refusal(self, headers: Message) -> tuple[HTTPStatus, dict[str, str]] | None:  # noqa: ARG002
        """Status and headers of the response that refuses a request; None to accept it."""
        with self._guard:
            if self.refused >= self._busy:
                return None
            self.refused += 1
        return HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": self.retry_after}
