"""An instant Kinesis and HTTP API on loopback, in its own process: answers from memory, and knows what came.

It checks no signature and reads bodies only when it is asked what it took, so that it is no bottleneck.
``GET`` answers with the ids of the events taken since the last ``GET``, by stream name or path: a contestant
that sends less than it should, or something twice, is found out.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from base64 import b64decode
from collections import defaultdict
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TAKEN = {
    "SequenceNumber": "49590338271490256608559692538361571095921575989136588898",
    "ShardId": "shardId-000000000000",
}
#: Bodies are read, and let go, when there are more bytes of them.
_KEPT_BYTES = 50_000_000


class Taken:
    """What came: bodies as they were sent, until somebody asks."""

    def __init__(self) -> None:
        self._bodies: list[tuple[str, bytes]] = []
        self._bytes = 0
        self._ids: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, path: str, body: bytes) -> None:
        """Keeps one request."""
        self._bodies.append((path, body))
        self._bytes += len(body)
        if self._bytes > _KEPT_BYTES:
            self._read()

    def ids(self) -> bytes:
        """The ids of all events by stream or path, as JSON; they are forgotten then."""
        self._read()
        ids, self._ids = self._ids, defaultdict(list)
        return orjson.dumps(ids)

    def _read(self) -> None:
        for path, body in self._bodies:
            content = orjson.loads(body)
            if path != "/":
                events = content if isinstance(content, list) else [content]
            else:
                records = content.get("Records", [content])
                events = [orjson.loads(b64decode(record["Data"])) for record in records]
                path = content.get("StreamName") or content["StreamARN"].rpartition("/")[2]  # noqa: PLW2901
            self._ids[path] += [event["id"] for event in events]
        self._bodies.clear()
        self._bytes = 0


class Answerer(asyncio.Protocol):
    """One keep-alive connection: Kinesis at ``/``, any other path takes one event or an array of them."""

    taken = Taken()
    #: Seconds that each answer is on its way, as over a real link.
    far = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers where to answer."""
        self._transport = cast("asyncio.Transport", transport)
        self._buffer = bytearray()
        self._needed = 0

    def data_received(self, data: bytes) -> None:
        """Answers every request that is complete."""
        self._buffer += data
        while self._request_is_whole():
            self._send(self._answer())
            del self._buffer[: self._needed]
            self._needed = 0

    def _send(self, answer: bytes) -> None:
        if self.far:
            asyncio.get_running_loop().call_later(self.far, self._transport.write, answer)
        else:
            self._transport.write(answer)

    def _answer(self) -> bytes:
        buffer = self._buffer
        if buffer.startswith(b"GET "):
            return _response(self.taken.ids())
        path = buffer[: buffer.index(b"\r\n")].split()[1].decode()
        self.taken.add(path, bytes(memoryview(buffer)[self._head : self._needed]))
        if path != "/":
            return _response(b"")
        many = buffer.find(b".PutRecords", 0, self._head) >= 0
        return _canned(buffer.count(b'"PartitionKey"', self._head, self._needed), many=many)

    def _request_is_whole(self) -> bool:
        if not self._needed and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end)
            self._head = end + 4
            self._needed = self._head + (int(length[1]) if length else 0)
        return 0 < self._needed <= len(self._buffer)


@cache
def _canned(count: int, *, many: bool) -> bytes:
    answer = {"FailedRecordCount": 0, "Records": [_TAKEN] * count} if many else _TAKEN
    return _response(json.dumps(answer).encode())


def _response(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
        f"x-amzn-RequestId: 00000000-0000-0000-0000-000000000000\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def running(far: float = 0.0) -> Iterator[int]:
    """Runs an answerer and yields its port; it ends with us, however we end.

    Args:
        far: seconds that each answer takes.
    """
    command = [sys.executable, "-I", __file__, str(far)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def taken(port: int) -> dict[str, list[str]]:
    """The ids of the events that the answerer took since the last call, by stream name or path."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)  # until whoever started us closes the pipe or dies


if __name__ == "__main__":
    Answerer.far = float(sys.argv[1])
    asyncio.run(_serve())
