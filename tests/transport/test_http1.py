"""HTTP/1.1 read byte by byte, and written so that nobody can smuggle a line into it."""

from __future__ import annotations

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
    """A socket from which bytes come as the network happened to cut them, and then its end."""

    def __init__(self, data: bytes, cuts: list[int]) -> None:
        edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
        self._pieces = [data[start:end] for start, end in pairwise(edges)]

    def recv(self, most: int) -> bytes:
        """The next piece, or as much of it as is asked for."""
        if not self._pieces:
            return b""
        piece = self._pieces[0][:most]
        self._pieces[0] = self._pieces[0][most:]
        if not self._pieces[0]:
            del self._pieces[0]
        return piece


def outcome(data: bytes, cuts: list[int]) -> tuple[Response, bool] | type[Exception]:
    """What comes of an answer that arrives in these pieces."""
    try:
        return read(cast("Any", Pieces(data, cuts)))
    except (InvalidResponseError, NoResponseError) as error:
        return type(error)


def chunked(body: bytes, size: int) -> bytes:
    """The body in chunks of a size, with an extension and a trailer."""
    parts = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x;x=y\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\nX-Trailer: 1\r\n\r\n"


CUTS = st.lists(st.integers(0, 10_000), max_size=12)
FRAMINGS = st.sampled_from(["length", "chunks", "end"])


INTERIM = st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"])


@given(st.binary(max_size=300), FRAMINGS, st.integers(1, 50), INTERIM, CUTS)
def test_an_answer_is_the_same_however_it_arrives(
    body: bytes,
    framing: str,
    size: int,
    interim: bytes,
    cuts: list[int],
) -> None:
    """Whatever pieces the network makes of it, status, headers and body are what the server sent."""
    start = interim + b"HTTP/1.1 201 Created\r\nRetry-After:  7 \r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
    data = {
        "length": start + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        "chunks": start + b"Transfer-Encoding: Chunked\r\n\r\n" + chunked(body, size),
        "end": start + b"\r\n" + body,
    }[framing]
    result = outcome(data, cuts)
    assert isinstance(result, tuple)
    (status, headers, found), reusable = result
    assert (status, found, reusable) == (201, body, framing != "end")
    assert (headers["retry-after"], headers["set-cookie"]) == ("7", "a")


@given(st.integers(0, 10_000), CUTS)
def test_an_answer_that_is_cut_off_is_none(cut: int, cuts: list[int]) -> None:
    """Each proper part of an answer is half an answer, or no answer at all: never a success."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello", 3)
    part = data[: cut % len(data)]
    assert outcome(part, cuts) is (InvalidResponseError if part else NoResponseError)


@given(st.binary(max_size=60) | st.text("HTP/1. 20OK\r\nContent-Lgh:x", max_size=60).map(str.encode), CUTS)
def test_anything_else_is_refused_or_understood(data: bytes, cuts: list[int]) -> None:
    """No bytes make it raise anything but its own errors, or depend on the pieces."""
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
def test_when_a_connection_serves_again(more: bytes, *, reusable: bool) -> None:
    """The server's word counts; bytes that nobody asked for count against the connection."""
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
def test_of_an_endless_answer_the_beginning_is_read(framing: str) -> None:
    """An answer over 1 MiB counts by its status; its connection does not serve again."""
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
        b"Content-Length : 2\r\n",
        b": 2\r\n",
        b" folded: but of nothing\r\n",
        b"Content-Length: +2\r\n",
    ],
)
def test_heads_that_can_be_read_in_two_ways_are_refused(lines: bytes) -> None:
    """What another reader might take for another length is no answer."""
    assert outcome(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nok", []) is InvalidResponseError


TEXTS = st.text(st.characters(max_codepoint=255), max_size=10)


@given(TEXTS, st.dictionaries(st.sampled_from(["A", "Host", "X-B"]), TEXTS))
def test_no_header_smuggles_another_line(target: str, headers: dict[str, str]) -> None:
    """A request has exactly the lines that were meant, or is none."""
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
