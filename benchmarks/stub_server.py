"""A Kinesis and HTTP API, and an empty table, on loopback: a separate process that counts what arrived.

To be fast, it checks no signatures, and parses bodies only when it is asked which events it received. ``GET``
returns the IDs of the events since the last ``GET``, by stream name or path, so that a contestant that loses
or repeats events is detected.
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
#: Bodies are parsed and released when they exceed this size.
_KEPT_BYTES = 50_000_000


class Taken:
    """The request bodies that arrived since the last ``GET``."""

    def __init__(self) -> None:
        self._bodies: list[tuple[str, bytes]] = []
        self._bytes = 0
        self._ids: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, path: str, body: bytes) -> None:
        """Keeps the body of one request."""
        self._bodies.append((path, body))
        self._bytes += len(body)
        if self._bytes > _KEPT_BYTES:
            self._read()

    def ids(self) -> bytes:
        """Returns the IDs of all events by stream or path, as JSON, and forgets them."""
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


class StubServer(asyncio.Protocol):
    """One keep-alive connection. ``/`` is Kinesis; any other path accepts one event or an array of events."""

    taken = Taken()
    #: Latency of each response in seconds, as over a real network.
    latency = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport for the responses."""
        self._transport = cast("asyncio.Transport", transport)
        self._buffer = bytearray()
        self._needed = 0

    def data_received(self, data: bytes) -> None:
        """Responds to every request that is complete."""
        self._buffer += data
        while self._request_is_whole():
            self._send(self._respond())
            del self._buffer[: self._needed]
            self._needed = 0

    def _send(self, response: bytes) -> None:
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self._transport.write, response)
        else:
            self._transport.write(response)

    def _respond(self) -> bytes:
        buffer = self._buffer
        if buffer.startswith(b"GET "):
            return _response(self.taken.ids())
        if buffer.find(b"DynamoDB_", 0, self._head) >= 0:
            return _response(b"{}")  # an empty table
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
    response = {"FailedRecordCount": 0, "Records": [_TAKEN] * count} if many else _TAKEN
    return _response(json.dumps(response).encode())


def _response(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
        f"x-amzn-RequestId: 00000000-0000-0000-0000-000000000000\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def running(latency: float = 0.0) -> Iterator[int]:
    """Runs a stub server in a separate process and yields its port. It ends when this process ends.

    Args:
        latency: of each response, in seconds.
    """
    command = [sys.executable, "-I", __file__, str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        assert process.stdout is not None  # noqa: S101
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def taken(port: int) -> dict[str, list[str]]:
    """The IDs of the events that the stub server received since the last call, by stream name or path."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    response: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return response


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(StubServer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)  # until the parent process closes the pipe or ends


if __name__ == "__main__":
    StubServer.latency = float(sys.argv[1])
    asyncio.run(_serve())
