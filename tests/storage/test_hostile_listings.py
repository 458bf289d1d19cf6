"""A server that answers listings wrongly cannot mislead, exhaust, or redirect a reader."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.support.aws import point_at
from trailforward.aws.s3_get import S3Get
from trailforward.errors import PermanentError, StorageError
from trailforward.storage import Location, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

Reply = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Sends the replies in turn, the last one again and again; keeps the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[Reply] = []
        self.requests: list[tuple[str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers["Authorization"]))
        replies = self.server.replies
        status, headers, body = replies.pop(0) if len(replies) > 1 else replies[0]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that AWS_ENDPOINT_URL names."""
    with Server() as found:
        threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
        point_at(f"http://127.0.0.1:{found.server_port}", monkeypatch)
        yield found
        found.shutdown()


def _page(*keys: str, more: str = "") -> Reply:
    items = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    body = f"<ListBucketResult>{items}{more}</ListBucketResult>"
    return 200, {}, body.encode()


ENDLESS = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"


@pytest.mark.parametrize(
    "reply",
    [
        _page("in/b", "in/a"),
        _page("in/a", "in/a"),
        _page("elsewhere/a"),
        _page(more=ENDLESS),
        _page(more="<IsTruncated>true</IsTruncated>"),
        (
            200,
            {},
            b"<ListBucketResult><Contents><Key>in/a</Key><Size>-1</Size></Contents></ListBucketResult>",
        ),
        (200, {}, b'<!DOCTYPE x [<!ENTITY a "aaaa">]><ListBucketResult>&a;</ListBucketResult>'),
        (200, {}, "<ListBucketResult/>".encode("utf-16")),
        (200, {}, b"<html><body>sign in</body></html>"),
        (200, {}, b""),
    ],
)
def test_invalid_listings(server: Server, reply: Reply) -> None:
    """A listing with repeated or foreign keys, without an end, or in another form is an error."""
    server.replies = [reply]
    with pytest.raises(StorageError) as caught:
        list(open_store(Location.parse("s3://example-trail/in")).list())
    assert caught.value.code == "invalid"
    assert len(server.requests) <= 2


def test_other_region(server: Server) -> None:
    """The Region that S3 names is used from then on; a text that is not a Region is not."""
    server.replies = [(301, {"x-amz-bucket-region": "eu-south-2"}, b""), (200, {}, b"data")]
    s3 = S3Get("example-trail")
    assert s3.get("key", {}, 10).body == b"data"
    assert s3.get("key", {}, 10).body == b"data"
    assert ["/eu-south-2/s3/" in signed for _, signed in server.requests] == [False, True, True]
    server.replies = [(301, {"x-amz-bucket-region": "evil.example/eu-west-1"}, b"")]
    with pytest.raises(PermanentError):
        S3Get("example-trail").get("key", {}, 10)


def test_retries(server: Server) -> None:
    """Throttling is retried with growing waits; an endless outage ends; what is too large is not kept."""
    slow: Reply = (503, {}, b"<Error><Code>SlowDown</Code></Error>")
    waits: list[float] = []
    server.replies = [slow, slow, (200, {}, b"data")]
    assert S3Get("example-trail", waits.append).get("key", {}, 4).body == b"data"
    assert len(waits) == 2
    with pytest.raises(PermanentError, match="TooLarge"):
        S3Get("example-trail", waits.append).get("key", {}, 3)
    server.requests.clear()
    server.replies = [slow]
    store = open_store(Location.parse("s3://example-trail"))
    store._s3._wait = waits.append  # type: ignore[attr-defined]
    with pytest.raises(StorageError) as caught:
        store.read("key")
    assert caught.value.code == "unavailable"
    assert len(server.requests) == 6
