from __future__ import annotations

import gzip
import http.client
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from trailforward.demo.receiver import Receiver, split
from trailforward.errors import EventError
from trailforward.testing import samples

if TYPE_CHECKING:
    from collections.abc import Iterator

BODIES = [samples.load(name) for name in samples.names()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Provides a receiver that accepts every request."""
    with Receiver() as receiver:
        yield receiver


def post(url: str, body: bytes, **headers: str) -> http.client.HTTPResponse:
    """Posts a body on a new connection."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("POST", parts.path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_an_array_is_cut_into_exact_events(receiver: Receiver) -> None:
    """The elements of a JSON array keep their exact bytes, including unusual literals."""
    assert post(receiver.url, b"[" + b",".join(BODIES) + b"]").status == 200
    assert receiver.events == BODIES


def test_lines_are_cut_into_exact_events(receiver: Receiver) -> None:
    """NDJSON is split at the end of each value, so that U+2028 inside an event is harmless."""
    odd = '{"a":"\u2028 \u0085"}'.encode()
    assert post(receiver.url, b"\n".join([*BODIES, odd]) + b"\n").status == 200
    assert receiver.events == [*BODIES, odd]


def test_single_events_and_compressed_bodies_are_accepted(receiver: Receiver) -> None:
    """A body may be one event with white space around it, and may be gzipped."""
    post(receiver.url, b" \r\n" + BODIES[0] + b"\n")
    post(receiver.url, gzip.compress(BODIES[1]), Content_Encoding="gzip")
    assert receiver.events == BODIES[:2]


@pytest.mark.parametrize("body", [b"", b" \n", b"[]", b" [ ] "])
def test_an_empty_body_holds_no_events(body: bytes) -> None:
    """An empty body, white space, and an empty array have no events."""
    assert split(body) == []


@pytest.mark.parametrize("body", [b'{"a":1', b"[{}", b"[{}] {}", b"{} x", b"\xff"])
def test_invalid_json_is_rejected(receiver: Receiver, body: bytes) -> None:
    """Malformed bodies get status 400, and none of their events is kept."""
    with pytest.raises(EventError):
        split(body)
    assert post(receiver.url, body).status == 400
    assert receiver.events == []


def test_a_busy_receiver_asks_to_wait() -> None:
    """The first requests get status 429 with Retry-After, and their events are not kept."""
    with Receiver(busy=2, retry_after=1) as receiver:
        responses = [post(receiver.url, BODIES[0]) for _ in range(3)]
        assert [response.status for response in responses] == [429, 429, 200]
        assert [response.getheader("Retry-After") for response in responses] == ["1", "1", None]
        assert receiver.events == BODIES[:1]
        assert receiver.rejected == 2


def test_only_the_events_path_exists(receiver: Receiver) -> None:
    """A wrong path gets status 404, so that a wrong URL is noticed."""
    assert post(receiver.url + "/x", json.dumps({}).encode()).status == 404
    assert receiver.events == []
