"""The bulk API of Elasticsearch and OpenSearch: the body, and the status of each item.

Sources: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk and
https://docs.opensearch.org/latest/api-reference/document-apis/bulk/
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from trailforward.aws.errors import UNPARSEABLE
from trailforward.errors import Cause
from trailforward.jsontext import to_bytes
from trailforward.sinks._aws_batches import digest
from trailforward.sinks._lines import on_one_line
from trailforward.sinks.base import Rejection
from trailforward.sinks.http.framing import Framing
from trailforward.sinks.http.presets.base import json_object, unparseable

if TYPE_CHECKING:
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
_IDS_REFUSED = "Document ID is not supported"
_INVALID = 400
_TOO_LARGE = 413


class BulkFraming(Framing):
    """Two lines per event: an action that creates it under the event's ID, and the event on one line."""

    content_type = "application/x-ndjson"

    def frame(self, entry: Entry) -> bytes:
        """The two lines. An event that is sent again has the same ID, so it is not stored twice."""
        key = entry.key if len(to_bytes(entry.key)) <= _ID_BYTES else digest(to_bytes(entry.key))
        return b'{"create":{"_id":' + json.dumps(key).encode() + b"}}\n" + on_one_line(entry) + b"\n"


class UnnamedFraming(Framing):
    """Two lines per event, without its ID: an event that is sent again is stored twice."""

    content_type = "application/x-ndjson"

    def frame(self, entry: Entry) -> bytes:
        """The two lines."""
        return b'{"create":{}}\n' + on_one_line(entry) + b"\n"

    def size(self, entry: Entry) -> int:
        """The event plus the action and two line breaks, counted without a copy."""
        return len(entry.data) + 15


def rejections(response: Response, count: int) -> list[Rejection]:
    """The rejected items. The response lists all items in the order of the request.

    Raises:
        TransientError: the response does not come from a bulk API.
    """
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
    if isinstance(error, dict) and str(error.get("reason")).startswith(_IDS_REFUSED):
        # A time series collection of OpenSearch Serverless: the configuration is at fault, not the event.
        text = 'the collection does not accept IDs of documents. Fix: set metadata = { ids = "none" }'
        return Rejection(index, kind or f"http_{status}", text, transient=False, cause=Cause.DESTINATION)
    transient = status == _TOO_MANY or status >= 500  # noqa: PLR2004
    code = kind if _CODE.fullmatch(kind) else f"http_{status}"
    if kind in _CONTENT or status == _TOO_LARGE:
        cause = Cause.CONTENT
    elif status == _TOO_MANY:
        cause = Cause.THROTTLING
    else:  # 403 is a write block: the disk is full, or somebody made the index read-only
        cause = Cause.UNKNOWN if status == _INVALID else Cause.DESTINATION
    return Rejection(index, code, f"rejected with status {status}", transient, cause)
