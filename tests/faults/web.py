"""Web destinations of the matrix: settings, the events in a request, and the responses they document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support import receiver
from tests.support.secrets import REFERENCE
from trailforward.demo.receiver import split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STREAM = "/dataCollectionRules/dcr-000a00a000a00000a000000aa000a0aa/streams/Custom-A?api-version=2023-01-01"
FEED = "/v1alpha/projects/p/locations/eu/instances/i/feeds/f:importPushLogs?key=k&secret=s"
TOKEN = receiver.Status(200, {}, b'{"access_token":"t","token_type":"Bearer","expires_in":3599}')


class Web(NamedTuple):
    """A kind of HTTP receiver.

    Attributes:
        path: path and query of ``to``.
        table: the other settings; ``TOKEN_URL`` stands for the URL of a token endpoint.
        events: the events in a request's body.
        response: status and body of the response, given the status that each event gets.
        items: the statuses that single events may get.
    """

    path: str
    table: dict[str, Any]
    events: Callable[[bytes], list[bytes]]
    response: Callable[[Sequence[int]], tuple[int, bytes]]
    items: tuple[int, ...] = ()


def _log_records(body: bytes) -> list[bytes]:
    records = json.loads(body)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    return [record["body"]["stringValue"].encode() for record in records]


def _partial(statuses: Sequence[int]) -> tuple[int, bytes]:
    rejected = sum(status != 200 for status in statuses)
    return 200, b'{"partialSuccess":{"rejectedLogRecords":"%d"}}' % rejected if rejected else b"{}"


def _bulk(statuses: Sequence[int]) -> tuple[int, bytes]:
    kinds = {400: "mapper_parsing_exception", 429: "es_rejected_execution_exception"}
    items = [{"create": {"status": each, "error": {"type": kinds.get(each, "")}}} for each in statuses]
    return 200, json.dumps({"errors": True, "items": items}).encode()


WEB = {
    "http": Web("/in", {}, split, lambda _: (200, b"")),
    "otlp": Web("", {"preset": "otlp"}, _log_records, _partial, (400,)),
    "sentinel": Web(
        STREAM,
        {
            "preset": "sentinel",
            "auth": {
                "type": "oauth2",
                "token_url": "TOKEN_URL",
                "client_id": "c",
                "client_secret": REFERENCE,
            },
        },
        lambda body: [row["Event"].encode() for row in json.loads(body)],
        lambda _: (204, b""),
    ),
    "opensearch": Web(
        "/trail/_bulk",
        {"preset": "opensearch", "auth": {"type": "sigv4", "service": "es", "region": "eu-west-1"}},
        lambda body: body.split(b"\n")[1::2],
        _bulk,
        (400, 429),
    ),
    "google-secops": Web(
        "",
        {"preset": "google-secops", "secret": REFERENCE, "format": "raw"},
        lambda body: body.split(b"\n")[:-1],
        lambda _: (200, b""),
    ),
    "cribl": Web(
        "/cribl/_bulk",
        {
            "batch": "ndjson",
            "gzip": True,
            "auth": {"type": "header", "name": "Authorization", "secret": REFERENCE},
        },
        lambda body: body.split(b"\n")[:-1],
        lambda _: (200, b""),
    ),
}


@dataclass(frozen=True)
class RefuseItems(receiver.Fault):
    """Accepts a request, and refuses the events that contain the culprit with a status of their own."""

    culprit: bytes
    status: int

    def accepts(self, event: bytes) -> bool:
        """Whether an event is stored."""
        return self.culprit not in event

    def apply(self, exchange: receiver.Exchange) -> None:
        """Responds."""
        exchange.succeed([200 if self.accepts(event) else self.status for event in exchange.events()])


@dataclass(frozen=True)
class LeaveOut(receiver.Fault):
    """Stores all events, and responds for all but the last one."""

    def apply(self, exchange: receiver.Exchange) -> None:
        """Responds."""
        exchange.succeed([200 for _ in exchange.events()][:-1])
