"""Elasticsearch and OpenSearch: the bulk API.

Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.aws.errors import UNPARSEABLE
from trailforward.errors import Cause, SettingError
from trailforward.jsontext import to_bytes
from trailforward.sinks._aws_batches import digest
from trailforward.sinks._lines import on_one_line
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.http.auth import HeaderAuth
from trailforward.sinks.http.framing import Framing
from trailforward.sinks.http.presets.base import Preset, json_object, unparseable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from trailforward.sinks.base import Entry
    from trailforward.transport.connections import Response

_ID_BYTES = 512
_EXISTS = 409
_TOO_MANY = 429
_CODE = re.compile("[a-z_]{1,80}")
#: Error types that name the event's content.
_CONTENT = frozenset(
    {"document_parsing_exception", "mapper_parsing_exception", "strict_dynamic_mapping_exception"}
)
_INVALID = 400
_TOO_LARGE = 413


class BulkFraming(Framing):
    """Two lines per event: an action that creates it under the event's ID, and the event on one line."""

    content_type = "application/x-ndjson"

    def frame(self, entry: Entry) -> bytes:
        """The two lines. An event that is sent again has the same ID, so it is not stored twice."""
        key = entry.key if len(to_bytes(entry.key)) <= _ID_BYTES else digest(to_bytes(entry.key))
        return b'{"create":{"_id":' + json.dumps(key).encode() + b"}}\n" + on_one_line(entry) + b"\n"


class ElasticBulk(Preset):
    """``preset = "elastic-bulk"``. Each event gets its own status; 409 means that it already exists."""

    needs_secret = False
    reads_multi_status = True
    limits: ClassVar = Limits(
        max_entries=1_000, max_entry_bytes=5_000_000, max_batch_bytes=5_000_000, max_concurrency=4
    )

    def check(self, url: SplitResult) -> None:
        """Requires a data stream or an index in the path, because the actions do not name one."""
        if not re.fullmatch("/.+/_bulk", url.path):
            raise SettingError(
                "the URL does not name a data stream or an index",
                "write https://HOST/logs-aws.cloudtrail-default/_bulk",
            )

    def auth(self, secret: str) -> HeaderAuth:
        """``Authorization: ApiKey …``."""
        return HeaderAuth(type="header", name="Authorization", prefix="ApiKey ", secret=secret)

    def framing(self, metadata: Mapping[str, str]) -> BulkFraming:  # noqa: ARG002
        """Pairs of action and event lines."""
        return BulkFraming()

    def rejections(self, response: Response, count: int) -> list[Rejection]:
        """The rejected items. The response lists all items in the order of the request."""
        items = json_object(response).get("items")
        if not isinstance(items, list) or len(items) != count:
            raise unparseable("the bulk API")
        results = (_rejection(index, item) for index, item in enumerate(items))
        return [rejection for rejection in results if rejection is not None]


def _rejection(index: int, item: Any) -> Rejection | None:
    result = next(iter(item.values()), None) if isinstance(item, dict) else None
    status = result.get("status") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(status, int):
        return Rejection(index, UNPARSEABLE, "the response has no status for the event", transient=True)
    if status in {200, 201, _EXISTS}:
        return None
    error = result.get("error")
    # The error's reason may quote the event; its type is a code.
    kind = str(error.get("type")) if isinstance(error, dict) else ""
    transient = status == _TOO_MANY or status >= 500  # noqa: PLR2004
    code = kind if _CODE.fullmatch(kind) else f"http_{status}"
    if kind in _CONTENT or status == _TOO_LARGE:
        cause = Cause.CONTENT
    elif status == _TOO_MANY:
        cause = Cause.THROTTLING
    else:  # 403 is a write block: the disk is full, or somebody made the index read-only
        cause = Cause.UNKNOWN if status == _INVALID else Cause.DESTINATION
    return Rejection(index, code, f"rejected with status {status}", transient, cause)


PRESET = ElasticBulk()
