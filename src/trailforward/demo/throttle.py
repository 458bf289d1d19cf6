"""A proxy in front of the local AWS that throttles Kinesis the way AWS does: record by record, HTTP 200.

No stand-in for AWS injects partial failures, and they are what a forwarder must get right.
"""

from __future__ import annotations

import http.client
import json
from threading import Lock
from typing import Any, cast
from urllib.parse import urlsplit

from trailforward.demo.loopback import Handler, LoopbackServer

_HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}
_CODE = "ProvisionedThroughputExceededException"


class _Proxy(Handler):
    def _relay(self) -> None:
        server = cast("ThrottlingProxy", self.server)
        body = self.body()
        if self.headers.get("X-Amz-Target", "").endswith(".PutRecords"):
            status, headers, answer = server.put_records(self, json.loads(body))
        else:
            status, headers, answer = server.ask(self, body)
        self.answer(status, headers, answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _relay  # noqa: N815  # the base class calls them so


class ThrottlingProxy(LoopbackServer):
    """Refuses the first records of PutRecords and hands on everything else unchanged.

    The changed body no longer fits the signature, so what stands behind must not check signatures.

    Args:
        upstream: the address of the local AWS, ``http://localhost:PORT``.
        refuse: how many records to refuse, over all calls.
    """

    def __init__(self, upstream: str, *, refuse: int) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "localhost", parts.port or 80)
        self._left = refuse
        self._budget = Lock()
        #: Records refused so far.
        self.refused = 0
        super().__init__(_Proxy)

    @property
    def url(self) -> str:
        """What clients use as endpoint. By name: moto takes the first label of ``127.0.0.1`` for a bucket."""
        return f"http://localhost:{self.port}"

    def ask(self, request: Handler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Puts the request to the local AWS with this body: status, headers and body of its answer."""
        connection = http.client.HTTPConnection(*self._upstream, timeout=30)
        try:
            headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
            connection.request(request.command or "GET", request.path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            kept = {k: v for k, v in response.getheaders() if k.lower() not in _HOP_BY_HOP}
            if request.command == "HEAD":
                kept["Content-Length"] = response.getheader("Content-Length", "0")
            return response.status, kept, answer
        finally:
            connection.close()

    def put_records(self, request: Handler, call: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Answers PutRecords: refused records first, what became of the others behind them."""
        with self._budget:
            count = min(self._left, len(call["Records"]))
            self._left -= count
            self.refused += count
        name = call.get("StreamName") or call.get("StreamARN", "").rpartition("/")[2]
        message = f"Rate exceeded for shard shardId-000000000000 in stream {name} under account 123456789012."
        refused = [{"ErrorCode": _CODE, "ErrorMessage": message} for _ in range(count)]
        accepted = call["Records"][count:]
        if not accepted:
            headers = {"Content-Type": "application/x-amz-json-1.1"}
            return 200, headers, json.dumps({"FailedRecordCount": count, "Records": refused}).encode()
        if not refused:
            return self.ask(request, json.dumps(call).encode())
        status, headers, body = self.ask(request, json.dumps(call | {"Records": accepted}).encode())
        if status == http.client.OK:
            answer = json.loads(body)
            answer["FailedRecordCount"] += count
            answer["Records"] = refused + answer["Records"]
            body = json.dumps(answer).encode()
        return status, headers, body
