"""An HTTP API that collects events: a destination of the demo, and a server for tests of HTTP sinks."""

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
    """Splits a body (a JSON array, NDJSON, or one event) into the exact bytes of its events.

    Raises:
        EventError: the body is not in one of these forms.
    """
    text = to_text(body)
    start = _after_spaces(text, 0)
    if text.startswith("[", start):
        decode(text)  # `elements` ignores what follows the closing bracket
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
    def do_POST(self) -> None:  # noqa: N802  # name that the base class requires
        receiver = cast("Receiver", self.server)
        body = self.body()
        if self.path != Receiver.PATH:
            return self.respond(HTTPStatus.NOT_FOUND, {})
        if (refusal := receiver.refusal(self.headers)) is not None:
            return self.respond(*refusal)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            receiver.accept(split(body))
        except EventError as error:
            return self.respond(HTTPStatus.BAD_REQUEST, {"Content-Type": "text/plain"}, str(error).encode())
        return self.respond(HTTPStatus.OK, {})


class Receiver(LoopbackServer):
    """Keeps the events that clients post.

    Args:
        busy: number of requests to reject with status 429 before accepting the first.
        retry_after: ``Retry-After`` of those responses, in seconds.
    """

    PATH = "/events"

    def __init__(self, *, busy: int = 0, retry_after: int = 0) -> None:
        self._busy = busy
        self._guard = Lock()
        self._events: list[bytes] = []
        self.retry_after = str(retry_after)
        #: Number of requests rejected with status 429 so far.
        self.rejected = 0
        super().__init__(_Endpoint)

    @property
    def url(self) -> str:
        """The URL for events."""
        return f"http://127.0.0.1:{self.port}{self.PATH}"

    @property
    def events(self) -> list[bytes]:
        """The exact bytes of every accepted event, in order of arrival."""
        with self._guard:
            return list(self._events)

    def accept(self, events: list[bytes]) -> None:
        """Keeps the events of one request."""
        with self._guard:
            self._events.extend(events)

    def refusal(self, headers: Message) -> tuple[HTTPStatus, dict[str, str]] | None:  # noqa: ARG002
        """Status and headers of the response that refuses a request; None to accept it."""
        with self._guard:
            if self.rejected >= self._busy:
                return None
            self.rejected += 1
        return HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": self.retry_after}
