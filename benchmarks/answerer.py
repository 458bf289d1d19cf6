"""An instant Kinesis on loopback, in its own process: answers with canned bytes and counts what it took.

It checks no signature and keeps nothing, so what a run costs is what the client costs. GET answers with the
number of records taken so far: a contestant that sends less than it should is found out.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TAKEN = {
    "SequenceNumber": "49590338271490256608559692538361571095921575989136588898",
    "ShardId": "shardId-000000000000",
}


class Answerer(asyncio.Protocol):
    """One keep-alive connection."""

    records = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers where to answer."""
        self._transport = cast("asyncio.Transport", transport)
        self._buffer = bytearray()
        self._needed = 0

    def data_received(self, data: bytes) -> None:
        """Answers every request that is complete."""
        buffer = self._buffer
        buffer += data
        while self._request_is_whole():
            many = buffer.find(b".PutRecords", 0, self._head) >= 0
            count = buffer.count(b'"PartitionKey"', self._head, self._needed)
            Answerer.records += count
            asks = buffer.startswith(b"GET ")
            self._transport.write(_response(b"%d" % Answerer.records) if asks else _canned(count, many=many))
            del buffer[: self._needed]
            self._needed = 0

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
def running() -> Iterator[int]:
    """Runs an answerer and yields its port; it ends with us, however we end."""
    command = [sys.executable, "-I", __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def records_taken(port: int) -> int:
    """How many records the answerer has taken so far."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    taken = int(connection.getresponse().read())
    connection.close()
    return taken


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)  # until whoever started us closes the pipe or dies


if __name__ == "__main__":
    asyncio.run(_serve())
