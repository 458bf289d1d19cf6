"""A proxy in front of the local AWS that throttles Kinesis as AWS does: record by record, with status 200.

moto does not simulate partial failures, and a forwarder must handle them correctly.
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
            status, headers, response = server.put_records(self, json.loads(body))
        else:
            status, headers, response = server.relay(self, body)
        self.respond(status, headers, response)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _relay  # noqa: N815  # names that the base class requires


class ThrottlingProxy(LoopbackServer):
    """Rejects the first records of PutRecords and passes on everything else unchanged.

    The signature does not match a changed body, so the upstream server must not verify signatures.

    Args:
        upstream: the URL of the local AWS, ``http://localhost:PORT``.
        reject: number of records to reject, over all calls.
    """

    def __init__(self, upstream: str, *, reject: int) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "localhost", parts.port or 80)
        self._left = reject
        self._budget = Lock()
        #: Number of records rejected so far.
        self.rejected = 0
        super().__init__(_Proxy)

    @property
    def url(self) -> str:
        """The endpoint. It is a name, because moto takes the first label of ``127.0.0.1`` for a bucket."""
        return f"http://localhost:{self.port}"

    def relay(self, request: Handler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Sends the request with this body to the local AWS; returns its status, headers, and body."""
        connection = http.client.HTTPConnection(*self._upstream, timeout=30)
        try:
            headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
            connection.request(request.command or "GET", request.path, body, headers)
            response = connection.getresponse()
            content = response.read()
            kept = {k: v for k, v in response.getheaders() if k.lower() not in _HOP_BY_HOP}
            if request.command == "HEAD":
                kept["Content-Length"] = response.getheader("Content-Length", "0")
            return response.status, kept, content
        finally:
            connection.close()

    def put_records(self, request: Handler, call: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Responds to PutRecords: the rejected records first, then the others."""
        with self._budget:
            count = min(self._left, len(call["Records"]))
            self._left -= count
            self.rejected += count
        name = call.get("StreamName") or call.get("StreamARN", "").rpartition("/")[2]
        message = f"Rate exceeded for shard shardId-000000000000 in stream {name} under account 123456789012."
        rejected = [{"ErrorCode": _CODE, "ErrorMessage": message} for _ in range(count)]
        accepted = call["Records"][count:]
        if not accepted:
            headers = {"Content-Type": "application/x-amz-json-1.1"}
            return 200, headers, json.dumps({"FailedRecordCount": count, "Records": rejected}).encode()
        if not rejected:
            return self.relay(request, json.dumps(call).encode())
        status, headers, body = self.relay(request, json.dumps(call | {"Records": accepted}).encode())
        if status == http.client.OK:
            result = json.loads(body)
            result["FailedRecordCount"] += count
            result["Records"] = rejected + result["Records"]
            body = json.dumps(result).encode()
        return status, headers, body
