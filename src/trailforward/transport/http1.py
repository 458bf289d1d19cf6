"""Writes the head of an HTTP/1.1 request, and reads a complete response.

``http.client`` costs a quarter of a cold start and half of a small call, because it parses headers as e-mail.
It also accepts some incomplete responses as complete. Source: RFC 9112.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Most bytes of a response body that are read. After a longer body the connection is closed, but the response
#: is valid.
MAX_BODY_BYTES = 1 << 20

_MAX_LINE = 65_536
_MAX_HEADERS = 100
_MAX_HEAD_BYTES = 262_144
_MAX_INTERIM = 10
_MAX_EMPTY_LINES = 10
#: Most bytes in the size lines of chunks, whose extensions may be longer than the chunks.
_MAX_CHUNK_LINES = 1 << 20
_BLOCK = 65_536

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})( .*)?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;.*)?")
_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL_STATUS = 200
_FIRST_REDIRECT = 300
_BODILESS = frozenset({204, 304})
_GZIP = frozenset({"gzip", "x-gzip"})
#: zlib's window size for a gzip stream.
_GZIP_WINDOW = 31


class Readable(Protocol):
    """A connected socket, or what behaves like one."""

    def recv(self, most: int, /) -> bytes:
        """The next bytes, at most ``most``; none at the end."""
        ...


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


def head(target: str, host: str, headers: Mapping[str, str], length: int, method: str = "POST") -> bytes:
    """The request line and headers of a request.

    Args:
        target: path and query.
        host: value of the header ``Host``, unless ``headers`` has one.
        headers: other headers, in Latin-1 characters.
        length: length of the body in bytes.
        method: ``POST`` or ``GET``.

    Raises:
        ValueError: the target or a header contains a line break.
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if "Host" not in headers:
        lines.append(f"Host: {host}")
    lines += ["Accept-Encoding: identity", f"Content-Length: {length}", "", ""]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError("a line break in a header or in the target")
    return text.encode("latin-1")


def read(sock: Readable, most: int = MAX_BODY_BYTES) -> tuple[Response, bool]:
    """Reads a response; also says whether the connection can be reused.

    Args:
        sock: sends the response.
        most: most bytes of the body; a longer body is truncated.

    Raises:
        InvalidResponseError: the response is invalid or incomplete.
        NoResponseError: the server sent nothing.
        OSError: from the socket.
    """
    incoming = _Incoming(sock)
    try:
        status, headers, keep_alive = _final_head(incoming)
        body, complete = _body(incoming, status, headers, most)
    except EOFError:
        if not incoming.started:
            raise NoResponseError("closed without a response") from None
        raise InvalidResponseError("incomplete response") from None
    except ConnectionError as error:
        if not incoming.started:
            raise NoResponseError(error.strerror or type(error).__name__) from None
        raise
    return Response(status, headers, body[:most]), keep_alive and complete and incoming.empty


def read_head(sock: Readable) -> tuple[int, Mapping[str, str]]:
    """Status and headers of a response without a body: that of a proxy to ``CONNECT``.

    Raises:
        InvalidResponseError: the response is invalid, or a successful one has more than a head.
        NoResponseError: the server sent nothing.
        OSError: from the socket.
    """
    incoming = _Incoming(sock)
    try:
        status, headers, _ = _final_head(incoming)
    except (EOFError, ConnectionError):
        raise NoResponseError("closed without a response") from None
    if status < _FIRST_REDIRECT and not incoming.empty:  # nobody may speak before the client's handshake
        raise InvalidResponseError("more than a head")
    return status, headers


class _Incoming:
    """Reads lines and blocks from a socket.

    Attributes:
        started: whether a byte has arrived.
    """

    def __init__(self, sock: Readable) -> None:
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
        line = self._data[self._at : end].removesuffix(b"\r")
        self._at = end + 1
        if b"\r" in line or b"\0" in line:  # another reader may see other lines
            raise InvalidResponseError("a CR or NUL within a line")
        return line

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
    """Status, headers, and whether the connection stays open. Skips interim responses (100, 102, 103)."""
    for _ in range(_MAX_INTERIM + 1):
        match = _STATUS.fullmatch(_first_line(incoming))
        if match is None:
            raise InvalidResponseError("not an HTTP response: the first line is not a status line")
        status = int(match[2])
        headers = _headers(incoming)
        if status >= _FIRST_FINAL_STATUS:
            break
        if status == _SWITCHING_PROTOCOLS:
            raise InvalidResponseError("status 101, but the request did not ask for another protocol")
    else:
        raise InvalidResponseError(f"more than {_MAX_INTERIM} interim responses")
    options = _list(headers["connection"]) if "connection" in headers else ()
    return status, headers, "close" not in options if match[1] == b"1" else "keep-alive" in options


def _first_line(incoming: _Incoming) -> bytes:
    """The status line. Some servers send an empty line before it, as browsers once did after a request."""
    for _ in range(_MAX_EMPTY_LINES):
        if line := incoming.line():
            return line
    return b""


def _headers(incoming: _Incoming) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    size = 0
    for _ in range(_MAX_HEADERS + 1):
        line = incoming.line()
        if not line:
            return found
        size += len(line)
        if size > _MAX_HEAD_BYTES:
            raise InvalidResponseError("headers of more than 256 KiB")
        text = line.decode("latin-1")
        if text[0] in " \t" and name:  # a folded value, as older servers write it
            found[name] += f" {text.strip()}"
            continue
        name, colon, value = text.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip():
            raise InvalidResponseError("a header line without a colon")
        if name not in found:
            found[name] = value.strip()
        elif name in _LISTS:
            found[name] += f", {value.strip()}"
    raise InvalidResponseError(f"more than {_MAX_HEADERS} headers")


#: Headers that determine how the response ends. Their repetitions count as one list.
_LISTS = frozenset({"connection", "content-length", "transfer-encoding"})


def _list(value: str) -> list[str]:
    """The members of a header that is a list, in lower case."""
    return [member.strip() for member in value.lower().split(",")]


def _length(value: str) -> int:
    """The content length. A list of equal numbers counts as one (RFC 9110, section 8.6)."""
    if _LENGTH.fullmatch(value):
        return int(value)
    numbers = set(_list(value))
    if len(numbers) > 1:
        raise InvalidResponseError("different values of Content-Length")
    number = numbers.pop()
    if not _LENGTH.fullmatch(number):
        raise InvalidResponseError("a Content-Length that is not a number")
    return int(number)


def _body(incoming: _Incoming, status: int, headers: Mapping[str, str], most: int) -> tuple[bytes, bool]:
    """The body, and whether it was read completely, so that the connection can be reused."""
    if status in _BODILESS:
        return b"", True
    length = headers.get("content-length")
    if "transfer-encoding" in headers and headers["transfer-encoding"].lower() != "identity":
        *codings, last = _list(headers["transfer-encoding"])
        if last != "chunked":
            body, complete = incoming.rest(most), False
            codings.append(last)
        else:
            body, complete = _chunks(incoming, most)
        for coding in reversed(codings):
            body = _decoded(body, coding, most)
        # With both headers, another reader may see another end (RFC 9112, section 6.3).
        return body, complete and length is None
    if length is None:
        return incoming.rest(most), False
    size = _length(length)
    return incoming.exactly(min(size, most)), size <= most


def _decoded(body: bytes, coding: str, most: int) -> bytes:
    """A body without one transfer coding, at most slightly longer than a body may be.

    Only old servers and proxies use one: the request does not offer any (no ``TE`` header).
    """
    if coding not in _GZIP:
        raise InvalidResponseError("a Transfer-Encoding other than chunked and gzip")
    import zlib

    inflate = zlib.decompressobj(_GZIP_WINDOW)
    try:
        decoded = inflate.decompress(body, most + 1)
    except zlib.error:
        raise InvalidResponseError("a body that is not gzip, against its Transfer-Encoding") from None
    if not inflate.eof and len(decoded) <= most and len(body) <= most:
        raise InvalidResponseError("an incomplete gzip body")
    return decoded


def _chunks(incoming: _Incoming, most: int) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    total = lines = 0
    while total <= most:
        line = incoming.line()
        lines += len(line)
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise InvalidResponseError("a chunk without its size")
        if lines > _MAX_CHUNK_LINES:
            raise InvalidResponseError("chunk extensions of more than 1 MiB")
        size = int(match[1], 16)
        if not size:
            _headers(incoming)  # trailers
            return b"".join(parts), True
        parts.append(incoming.exactly(min(size, most + 1)))
        total += size
        if size <= most and incoming.line():
            raise InvalidResponseError("a chunk that is longer than its size")
    return b"".join(parts), False
