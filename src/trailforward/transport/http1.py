"""Writes the head of an HTTP/1.1 POST request, and reads a complete response.

``http.client`` costs a quarter of a cold start and half of a small call, because it parses headers as e-mail.
It also accepts some incomplete responses as complete. Source: RFC 9112.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

#: Most bytes of a response body that are read. After a longer body the connection is closed, but the response
#: is valid.
MAX_BODY_BYTES = 1 << 20

_MAX_LINE = 65_536
_MAX_HEADERS = 100
_BLOCK = 65_536

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})( .*)?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;.*)?")
_CONTINUE = 100
_FIRST_FINAL_STATUS = 200
_BODILESS = frozenset({204, 304})


class Response(NamedTuple):
    """A complete response.

    Attributes:
        status: 200 or above.
        headers: lower-case name → value; the first value if a header is repeated.
        body: at most :data:`MAX_BODY_BYTES` bytes; a longer body is truncated.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class InvalidResponseError(Exception):
    """The server sent an invalid or incomplete HTTP response. The text does not repeat its content."""


class NoResponseError(Exception):
    """The server closed the connection before it sent a byte."""


def head(target: str, host: str, headers: Mapping[str, str], length: int) -> bytes:
    """The request line and headers of a POST request.

    Args:
        target: path and query.
        host: value of the header ``Host``, unless ``headers`` has one.
        headers: other headers, in Latin-1 characters.
        length: length of the body in bytes.

    Raises:
        ValueError: the target or a header contains a line break.
    """
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if "Host" not in headers:
        lines.append(f"Host: {host}")
    lines += ["Accept-Encoding: identity", f"Content-Length: {length}", "", ""]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError("a line break in a header or in the target")
    return text.encode("latin-1")


def read(sock: socket.socket) -> tuple[Response, bool]:
    """Reads a response; also says whether the connection can be reused.

    Raises:
        InvalidResponseError: the response is invalid or incomplete.
        NoResponseError: the server sent nothing.
        OSError: from the socket.
    """
    incoming = _Incoming(sock)
    try:
        status, headers, keep_alive = _final_head(incoming)
        body, complete = _body(incoming, status, headers)
    except EOFError:
        if not incoming.started:
            raise NoResponseError("closed without a response") from None
        raise InvalidResponseError("incomplete response") from None
    except ConnectionError as error:
        if not incoming.started:
            raise NoResponseError(error.strerror or type(error).__name__) from None
        raise
    return Response(status, headers, body[:MAX_BODY_BYTES]), keep_alive and complete and incoming.empty


class _Incoming:
    """Reads lines and blocks from a socket.

    Attributes:
        started: whether a byte has arrived.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.started = False
        self._sock = sock
        self._data = b""
        self._at = 0

    @property
    def empty(self) -> bool:
        """Whether all bytes that arrived have been read."""
        return self._at == len(self._data)

    def line(self) -> bytes:
        """The next line without its line break. EOFError if the connection ends before the line break."""
        while (end := self._data.find(b"\n", self._at, self._at + _MAX_LINE)) < 0:
            if len(self._data) - self._at >= _MAX_LINE:
                raise InvalidResponseError("a line of more than 64 KiB")
            self._data, self._at = self._data[self._at :] + self._more(), 0
        line = self._data[self._at : end]
        self._at = end + 1
        return line.removesuffix(b"\r")

    def exactly(self, count: int) -> bytes:
        """Exactly ``count`` bytes; EOFError if there are fewer."""
        parts = []
        while count > 0:
            part = self._some(count)
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def rest(self, most: int) -> bytes:
        """All bytes until the connection ends, or slightly more than ``most``."""
        parts: list[bytes] = []
        count = 0
        try:
            while count <= most:
                parts.append(self._some(_BLOCK))
                count += len(parts[-1])
        except EOFError:
            pass
        return b"".join(parts)

    def _some(self, most: int) -> bytes:
        if self.empty:
            self._data, self._at = self._more(), 0
        part = self._data[self._at : self._at + most]
        self._at += len(part)
        return part

    def _more(self) -> bytes:
        data = self._sock.recv(_BLOCK)
        if not data:
            raise EOFError
        self.started = True
        return data


def _final_head(incoming: _Incoming) -> tuple[int, dict[str, str], bool]:
    """Status, headers, and whether the connection stays open. Skips an interim ``100 Continue``."""
    while True:
        match = _STATUS.fullmatch(incoming.line())
        if match is None:
            raise InvalidResponseError("not an HTTP response: the first line is not a status line")
        status = int(match[2])
        headers = _headers(incoming)
        if status != _CONTINUE:
            break
    if status < _FIRST_FINAL_STATUS:
        raise InvalidResponseError(f"status {status} is not a final status")
    options = headers.get("connection", "").lower()
    return status, headers, "close" not in options if match[1] == b"1" else "keep-alive" in options


def _headers(incoming: _Incoming) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for _ in range(_MAX_HEADERS + 1):
        line = incoming.line()
        if not line:
            return found
        text = line.decode("latin-1")
        if text[0] in " \t" and name:  # a folded value, as older servers write it
            found[name] += f" {text.strip()}"
            continue
        name, colon, value = text.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip():
            raise InvalidResponseError("a header line without a colon")
        if name == "content-length" and found.get(name, value.strip()) != value.strip():
            raise InvalidResponseError("two different Content-Length headers")
        found.setdefault(name, value.strip())
    raise InvalidResponseError(f"more than {_MAX_HEADERS} headers")


def _body(incoming: _Incoming, status: int, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    """The body, and whether it was read completely, so that the connection can be reused."""
    if status in _BODILESS:
        return b"", True
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _chunks(incoming)
    length = headers.get("content-length")
    if length is None:
        return incoming.rest(MAX_BODY_BYTES), False
    if not _LENGTH.fullmatch(length):
        raise InvalidResponseError("a Content-Length that is not a number")
    size = int(length)
    return incoming.exactly(min(size, MAX_BODY_BYTES)), size <= MAX_BODY_BYTES


def _chunks(incoming: _Incoming) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    total = 0
    while total <= MAX_BODY_BYTES:
        match = _CHUNK.fullmatch(incoming.line())
        if match is None:
            raise InvalidResponseError("a chunk without its size")
        size = int(match[1], 16)
        if not size:
            _headers(incoming)  # trailers
            return b"".join(parts), True
        parts.append(incoming.exactly(min(size, MAX_BODY_BYTES + 1)))
        total += size
        if size <= MAX_BODY_BYTES and incoming.line():
            raise InvalidResponseError("a chunk that is longer than its size")
    return b"".join(parts), False
