"""HTTP/1.1 responses are parsed strictly, and requests cannot contain injected lines."""

from __future__ import annotations

import gzip
import re
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.transport.http1 import (
    MAX_BODY_BYTES,
    InvalidResponseError,
    NoResponseError,
    Response,
    head,
    read,
)


class Pieces:
    """A socket that returns bytes in given pieces and then ends."""

    def __init__(self, data: bytes, cuts: list[int]) -> None:
        edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
        self._pieces = [data[start:end] for start, end in pairwise(edges)]

    def recv(self, most: int) -> bytes:
        """The next piece, or a part of it."""
        if not self._pieces:
            return b""
        piece = self._pieces[0][:most]
        self._pieces[0] = self._pieces[0][most:]
        if not self._pieces[0]:
            del self._pieces[0]
        return piece


def outcome(data: bytes, cuts: list[int]) -> tuple[Response, bool] | type[Exception]:
    """The result of reading a response that arrives in these pieces."""
    try:
        return read(cast("Any", Pieces(data, cuts)))
    except (InvalidResponseError, NoResponseError) as error:
        return type(error)


def chunked(body: bytes, size: int) -> bytes:
    """The body in chunks of this size, with chunk extensions and a trailer."""
    parts = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x;x=y\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\nX-Trailer: 1\r\n\r\n"


CUTS = st.lists(st.integers(0, 10_000), max_size=12)
FRAMINGS = st.sampled_from(["length", "lengths", "chunks", "gzip", "end"])


INTERIM = st.lists(
    st.sampled_from([b"100 Continue\r\nX: y", b"102 Processing", b"103 Early Hints\r\nLink: </a>"]),
    max_size=10,
).map(lambda some: b"".join(b"HTTP/1.1 " + one + b"\r\n\r\n" for one in some))


@given(st.binary(max_size=300), FRAMINGS, st.integers(1, 50), INTERIM, CUTS)
def test_a_response_is_the_same_however_it_arrives(
    body: bytes,
    framing: str,
    size: int,
    interim: bytes,
    cuts: list[int],
) -> None:
    """Status, headers, and body are what the server sent, whatever pieces they arrive in."""
    start = interim + b"HTTP/1.1 201 Created\r\nRetry-After:  7 \r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
    data = {
        "length": start + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        "lengths": start
        + b"Content-Length: %d, %d\r\nContent-Length: %d\r\n\r\n" % (len(body), len(body), len(body))
        + body,
        "chunks": start + b"Transfer-Encoding: Chunked\r\n\r\n" + chunked(body, size),
        "gzip": start
        + b"Transfer-Encoding: gzip, chunked\r\n\r\n"
        + chunked(gzip.compress(body, mtime=0), size),
        "end": start + b"\r\n" + body,
    }[framing]
    result = outcome(data, cuts)
    assert isinstance(result, tuple)
    (status, headers, found), reusable = result
    assert (status, found, reusable) == (201, body, framing != "end")
    assert (headers["retry-after"], headers["set-cookie"]) == ("7", "a")


@given(st.integers(0, 10_000), CUTS)
def test_a_truncated_response_is_an_error(cut: int, cuts: list[int]) -> None:
    """Every proper prefix of a response is an error and never a success."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello", 3)
    part = data[: cut % len(data)]
    assert outcome(part, cuts) is (InvalidResponseError if part else NoResponseError)


@given(st.binary(max_size=60) | st.text("HTP/1. 20OK\r\nContent-Lgh:x", max_size=60).map(str.encode), CUTS)
def test_arbitrary_bytes_raise_only_documented_errors(data: bytes, cuts: list[int]) -> None:
    """The parser raises only its own errors, and the result does not depend on the pieces."""
    assert outcome(data, cuts) == outcome(data, [])


@pytest.mark.parametrize(
    ("more", "reusable"),
    [
        (b"", True),
        (b"Connection: close\r\n", False),
        (b"Connection: keep-alive\r\n", True),
        (b"X-Long: a\r\n b\r\n", True),
    ],
)
def test_when_a_connection_can_be_reused(more: bytes, *, reusable: bool) -> None:
    """The server's headers decide whether a connection is reused; unexpected bytes prevent it."""
    data = b"HTTP/1.1 200 OK\r\n" + more + b"Content-Length: 2\r\n\r\nok"
    for extra in (b"", b"HTTP/1.1 200 OK\r\n"):
        result = outcome(data + extra, [])
        assert isinstance(result, tuple)
        assert result[1] is (reusable and not extra)
    older = outcome(data.replace(b"1.1", b"1.0"), [])
    assert isinstance(older, tuple)
    assert older[1] is (b"keep-alive" in more)
    assert older[0].headers.get("x-long", "a b") == "a b"


@pytest.mark.parametrize("framing", ["length", "chunks", "end"])
def test_a_long_body_is_truncated(framing: str) -> None:
    """A body over 1 MiB is truncated, the status is used, and the connection is not reused."""
    body = b"x" * (MAX_BODY_BYTES + 70_000)
    start = b"HTTP/1.1 200 OK\r\n"
    data = {
        "length": start + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        "chunks": start + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 100_000),
        "end": start + b"\r\n" + body,
    }[framing]
    result = outcome(data, [])
    assert isinstance(result, tuple)
    assert (len(result[0].body), result[1]) == (MAX_BODY_BYTES, False)


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: 2, 3\r\n",
        b"Content-Length: 2,\r\n",
        b"Content-Length: 2\r\nContent-Length:\r\n",
        b"Content-Length : 2\r\n",
        b": 2\r\n",
        b" folded: but of nothing\r\n",
        b"Content-Length: +2\r\n",
    ],
)
def test_ambiguous_headers_are_rejected(lines: bytes) -> None:
    """Headers that another parser might read as a different length are an error."""
    assert outcome(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nok", []) is InvalidResponseError


TEXTS = st.text(st.characters(max_codepoint=255), max_size=10)


@given(TEXTS, st.dictionaries(st.sampled_from(["A", "Host", "X-B"]), TEXTS))
def test_headers_cannot_inject_lines(target: str, headers: dict[str, str]) -> None:
    """A request has exactly the intended lines, or ``head`` raises an error."""
    try:
        made = head(f"/{target}", "example.com:8080", headers, 5)
    except ValueError:
        assert re.search("[\r\n]", target + "".join(headers.values()))
        return
    lines = made.decode("latin-1").split("\r\n")
    named = [f"{name}: {value}" for name, value in headers.items()]
    named += [] if "Host" in headers else ["Host: example.com:8080"]
    assert lines == [
        f"POST /{target} HTTP/1.1",
        *named,
        "Accept-Encoding: identity",
        "Content-Length: 5",
        "",
        "",
    ]


OK = b"HTTP/1.1 200 OK\r\n"
ENCODED = OK + b"Transfer-Encoding: "


@pytest.mark.parametrize(
    "data",
    [
        ENCODED + b"br, chunked\r\n\r\n" + chunked(b"x", 9),
        ENCODED + b"chunked, gzip\r\n\r\n" + gzip.compress(b"x", mtime=0),
        ENCODED + b"chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(chunked(b"x", 9), 9),
        ENCODED + b"gzip, chunked\r\n\r\n" + chunked(b"not gzip", 9),
        ENCODED + b"gzip, chunked\r\n\r\n" + chunked(gzip.compress(b"hello", mtime=0)[:-3], 9),
        ENCODED + b"\r\n\r\n",
    ],
    ids=["unknown", "not last", "twice", "not gzip", "incomplete", "empty"],
)
def test_a_body_that_cannot_be_decoded_is_refused(data: bytes) -> None:
    """A transfer coding other than chunked and gzip, or a broken one, is an error."""
    assert outcome(data, []) is InvalidResponseError


def test_repeated_transfer_encoding_headers_are_one_list() -> None:
    """Two Transfer-Encoding headers count in their order, as one header with a list."""
    data = (
        ENCODED + b"GZip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(gzip.compress(b"hello", mtime=0), 9)
    )
    result = outcome(data, [])
    assert isinstance(result, tuple)
    assert (result[0].body, result[1]) == (b"hello", True)


def test_gzip_until_the_end_of_the_connection() -> None:
    """A coding without chunks ends with the connection."""
    result = outcome(ENCODED + b"gzip\r\n\r\n" + gzip.compress(b"hello", mtime=0), [])
    assert isinstance(result, tuple)
    assert (result[0].body, result[1]) == (b"hello", False)


def test_a_gzip_body_that_expands_too_much_is_truncated() -> None:
    """A small body that expands to 64 MiB costs 1 MiB of memory, as any other long body."""
    bomb = gzip.compress(bytes(64 << 20))
    result = outcome(ENCODED + b"gzip, chunked\r\n\r\n" + chunked(bomb, 50_000), [])
    assert isinstance(result, tuple)
    assert len(result[0].body) == MAX_BODY_BYTES


def test_a_length_beside_chunks_is_ignored() -> None:
    """Chunks determine the end of a body, and a connection with both headers is not reused."""
    data = ENCODED + b"chunked\r\nContent-Length: 3\r\n\r\n" + chunked(b"hello", 9)
    result = outcome(data, [])
    assert isinstance(result, tuple)
    assert (result[0].body, result[1]) == (b"hello", False)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 11 + OK + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
        OK + (b"X: " + b"x" * 60_000 + b"\r\n") * 5 + b"\r\n",
        ENCODED + b"chunked\r\n\r\n" + (b"1;" + b"x" * 60_000 + b"\r\nx\r\n") * 20 + b"0\r\n\r\n",
    ],
    ids=["interim", "101", "headers", "chunk extensions"],
)
def test_what_a_server_may_send_around_a_body_is_bounded(data: bytes) -> None:
    """Interim responses, headers, and chunk extensions are limited in number and in bytes."""
    assert outcome(data, []) is InvalidResponseError


@pytest.mark.parametrize(
    "data",
    [
        OK + b"X: 1\rContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\rX: 1\r\nContent-Length: 0\r\n\r\n",
        OK + b"\r\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\0\r\nContent-Length: 0\r\n\r\n",
        OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
        ENCODED + b"chunked\r\n\r\n1;a\rb\r\nx\r\n0\r\n\r\n",
    ],
)
def test_a_cr_or_nul_within_a_line_is_refused(data: bytes) -> None:
    """Lines that other parsers cut elsewhere are an error, so no header hides in another one."""
    assert outcome(data, []) is InvalidResponseError


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_empty_lines_before_a_status_line_are_skipped(before: bytes) -> None:
    """An empty line before the response, or after an interim one, does not cost the delivery; many do."""
    data = b"\r\n" + OK + b"Content-Length: 2\r\n\r\nok"
    result = outcome(before + data, [])
    assert isinstance(result, tuple)
    assert (result[0].body, result[1]) == (b"ok", True)
    assert outcome(before + b"\r\n" * 10 + data, []) is InvalidResponseError


def test_the_obsolete_coding_identity_is_none() -> None:
    """``Transfer-Encoding: identity``, which old servers send, changes nothing."""
    result = outcome(ENCODED + b"Identity\r\nContent-Length: 2\r\n\r\nok", [])
    assert isinstance(result, tuple)
    assert (result[0].body, result[1]) == (b"ok", True)


def test_an_unknown_header_with_a_space_in_its_name_is_ignored() -> None:
    """An invalid name that has no meaning here does not cost the delivery."""
    result = outcome(OK + b"en-US Content-Type: text/xml\r\nContent-Length: 2\r\n\r\nok", [])
    assert isinstance(result, tuple)
    assert result[0].body == b"ok"


@pytest.mark.parametrize("lines", [9, 10])
def test_a_few_empty_lines_are_skipped(lines: int) -> None:
    """Up to nine empty lines may precede a status line."""
    found = outcome(b"\r\n" * lines + OK + b"Content-Length: 0\r\n\r\n", [])
    assert isinstance(found, tuple) is (lines < 10)


@pytest.mark.parametrize("size", [65_535, 65_536])
def test_a_line_may_have_64_kib(size: int) -> None:
    """A header line has at most 65,535 bytes besides its end."""
    line = b"X: " + b"x" * (size - 4) + b"\r"
    found = outcome(OK + b"Content-Length: 0\r\n" + line + b"\n\r\n", [])
    assert isinstance(found, tuple) is (size < 65_536)


@pytest.mark.parametrize(("count", "read_to_the_end"), [(17, True), (18, False)])
def test_chunk_extensions_may_have_1_mib(count: int, *, read_to_the_end: bool) -> None:
    """The lines of all chunks together have at most 1 MiB; the error says so."""
    data = ENCODED + b"chunked\r\n\r\n" + (b"1;" + b"x" * 60_000 + b"\r\nx\r\n") * count + b"0\r\n\r\n"
    if read_to_the_end:
        assert read(cast("Any", Pieces(data, [])))[0].body == b"x" * count
        return
    with pytest.raises(InvalidResponseError, match=r"^chunk extensions of more than 1 MiB$"):
        read(cast("Any", Pieces(data, [])))


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_has_an_empty_body(status: int) -> None:
    """Statuses 204 and 304 have no body, whatever their headers say, and the connection can be reused."""
    found = outcome(b"HTTP/1.1 %d x\r\nContent-Length: 5\r\n\r\n" % status, [])
    assert isinstance(found, tuple)
    assert (found[0].body, found[1]) == (b"", True)
