"""Elasticsearch, and OpenSearch without SigV4: the bulk API.

Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from trailforward.errors import SettingError
from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import HeaderAuth
from trailforward.sinks.http.bulk import BulkFraming, rejections
from trailforward.sinks.http.presets.base import Preset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from trailforward.sinks.base import Rejection
    from trailforward.transport.connections import Response


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
        return rejections(response, count)


PRESET = ElasticBulk()
