"""Elasticsearch's and OpenSearch's bulk API.

Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import SettingError
from trailforward.jsontext import to_bytes
from trailforward.sinks._aws_batches import digest
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.http.auth import HeaderAuth
from trailforward.sinks.http.framing import Framing
from trailforward.sinks.http.presets.base import Preset, parsed, stranger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from trailforward.sinks.base import Entry
    from trailforward.transport.connections import Response

_ID_BYTES = 512
_EXISTS = 409
_TOO_MANY = 429
_CODE = re.compile("[a-z_]{1,80}")


class BulkFraming(Framing):
    """Two lines for each event: create it under its own id, and its exact bytes."""

    content_type = "application/x-ndjson"
    one_line = True

    def frame(self, entry: Entry) -> bytes:
        """A repetition has the same id, so it is refused as one that is there."""
        key = entry.key if len(to_bytes(entry.key)) <= _ID_BYTES else digest(to_bytes(entry.key))
        return b'{"create":{"_id":' + json.dumps(key).encode() + b"}}\n" + entry.data + b"\n"


class ElasticBulk(Preset):
    """``preset = "elastic-bulk"``. Each event has a status of its own; 409 means that it is there already."""

    needs_secret = False
    limits: ClassVar = Limits(max_entries=1_000, max_entry_bytes=5_000_000, max_batch_bytes=5_000_000, max_concurrency=4)

    def check(self, url: SplitResult) -> None:
        """Asks for the data stream or index: the events do not name one."""
        if not re.fullmatch("/.+/_bulk", url.path):
            raise SettingError(
                "the URL names no data stream or index",
                "write https://HOST/logs-aws.cloudtrail-default/_bulk",
            )

    def auth(self, secret: str) -> HeaderAuth:
        """``Authorization: ApiKey …``."""
        return HeaderAuth(type="header", name="Authorization", prefix="ApiKey ", secret=secret)

    def framing(self, metadata: Mapping[str, str]) -> BulkFraming:  # noqa: ARG002
        """Lines of actions and events."""
        return BulkFraming()

    def read(self, answer: Response, count: int) -> list[Rejection]:
        """The items that were refused, in the order of the request."""
        items = parsed(answer).get("items")
        if not isinstance(items, list) or len(items) != count:
            raise stranger("a bulk API")
        told = (_judge(index, item) for index, item in enumerate(items))
        return [rejection for rejection in told if rejection is not None]


def _judge(index: int, item: Any) -> Rejection | None:
    result = next(iter(item.values()), None) if isinstance(item, dict) else None
    status = result.get("status") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(status, int):
        return Rejection(index, "unreadable_answer", "the answer does not tell of the event", transient=True)
    if status in {200, 201, _EXISTS}:
        return None
    error = result.get("error")
    # Its reason may quote the event; its type is a code.
    kind = str(error.get("type")) if isinstance(error, dict) else ""
    transient = status == _TOO_MANY or status >= 500  # noqa: PLR2004
    code = kind if _CODE.fullmatch(kind) else f"http_{status}"
    return Rejection(index, code, f"refused with status {status}", transient)


PRESET = ElasticBulk()
