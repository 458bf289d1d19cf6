"""HTTP/1.1, as much of it as a POST needs: the head of a request, and an answer read to its end.

``http.client`` does the same with a quarter of a cold start and half of a small call (it parses headers as
mail), and takes half an answer for a whole one here and there. Source: RFC 9112.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

#: Most of an answer's body that is read. A longer one costs the connection, not the delivery.
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
    """A complete answer.

    Attributes:
        status: 200 or above.
        headers: by their names in lower case; the first, where one comes twice.
        body: of at most :data:`MAX_BODY_BYTES` bytes; what lies beyond is cut off.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class InvalidResponseError(Exception):
    """What came is no HTTP answer, or half of one. The text repeats nothing of it."""


class NoResponseError(Exception):
    """The server hung up before it sent a byte."""


def head(target: str, host: str, headers: Mapping[str, str], length: int) -> bytes:
    """What stands before the body of a POST.

    Args:
        target: path and query.
        host: with its port, where that is not the scheme's; unless ``headers`` has a ``Host``.
        headers: further ones, of Latin-1 characters.
        length: of the body.

    Raises:
        ValueError: something holds a line break.
    """
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if "Host" not in headers:
        lines.append(f"Host: {host}")
    lines += ["Accept-Encoding: identity", f"Content-Length: {length}", "", ""]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError("a line break in a header, or in the target")
    return text.encode("latin-1")


def read(sock: socket.socket) -> tuple[Response, bool]:
    """The answer that comes, and whether the connection can serve again.

    Raises:
        InvalidResponseError: it makes no sense, or is cut short.
        NoResponseError: there is none.
        OSError: as from the socket.
    """
    incoming = _Incoming(sock)
    try:
        status, headers, stays = _final_head(incoming)
        body, ended = _body(incoming, status, headers)
    except EOFError:
        if not incoming.begun:
            raise NoResponseError("closed without an answer") from None
        raise InvalidResponseError("the answer is cut short") from None
    except ConnectionError as error:
        if not incoming.begun:
            raise NoResponseError(error.strerror or type(error).__name__) from None
        raise
    return Response(status, headers, body[:MAX_BODY_BYTES]), stays and ended and incoming.empty


class _Incoming:
    """The bytes that come, in lines and in lengths.

    Attributes:
        begun: whether a byte has come.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.begun = False
        self._sock = sock
        self._data = b""
        self._at = 0

    @property
    def empty(self) -> bool:
        """Whether all that came was asked for."""
        return self._at == len(self._data)

    def line(self) -> bytes:
        """The next line, without its end. What the end of the connection cuts off is none: EOFError."""
        while (end := self._data.find(b"\n", self._at, self._at + _MAX_LINE)) < 0:
            if len(self._data) - self._at >= _MAX_LINE:
                raise InvalidResponseError("a line of more than 64 KiB")
            self._data, self._at = self._data[self._at :] + self._more(), 0
        line = self._data[self._at : end]
        self._at = end + 1
        return line.removesuffix(b"\r")

    def exactly(self, count: int) -> bytes:
        """So many bytes; EOFError where there are fewer."""
        parts = []
        while count > 0:
            part = self._some(count)
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def rest(self, most: int) -> bytes:
        """All that comes until the connection ends, or a bit more than ``most``."""
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
        self.begun = True
        return data


def _final_head(incoming: _Incoming) -> tuple[int, dict[str, str], bool]:
    """Status, headers, and whether the connection stays; an interim ``100 Continue`` is passed over."""
    while True:
        match = _STATUS.fullmatch(incoming.line())
        if match is None:
            raise InvalidResponseError("no HTTP answer: its first line is no status")
        status = int(match[2])
        headers = _headers(incoming)
        if status != _CONTINUE:
            break
    if status < _FIRST_FINAL_STATUS:
        raise InvalidResponseError(f"status {status} is no final answer")
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
        if text[0] in " \t" and name:  # a value that goes on, as older servers write it
            found[name] += f" {text.strip()}"
            continue
        name, colon, value = text.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip():
            raise InvalidResponseError("a header line without a colon")
        if name == "content-length" and found.get(name, value.strip()) != value.strip():
            raise InvalidResponseError("two lengths")
        found.setdefault(name, value.strip())
    raise InvalidResponseError(f"more than {_MAX_HEADERS} headers")


def _body(incoming: _Incoming, status: int, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    """The body, and whether it was read to an end that leaves the connection of use."""
    if status in _BODILESS:
        return b"", True
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _chunks(incoming)
    length = headers.get("content-length")
    if length is None:
        return incoming.rest(MAX_BODY_BYTES), False
    if not _LENGTH.fullmatch(length):
        raise InvalidResponseError("a Content-Length that is no number")
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
            raise InvalidResponseError("a chunk of another size than it says")
    return b"".join(parts), False
