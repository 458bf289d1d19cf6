"""Google SecOps (Chronicle): a webhook feed.

Source: https://docs.cloud.google.com/chronicle/docs/ingestion/setup-siem-webhook
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from trailforward.errors import SettingError
from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import UrlAuth
from trailforward.sinks.http.presets.base import Preset
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from trailforward.errors import PermanentError, TransientError
    from trailforward.transport.connections import Response

_FORBIDDEN = 403


class GoogleSecOps(Preset):
    """``preset = "google-secops"``. One event per line; Google accepts or rejects a request as a whole."""

    format = "record"  # what the parser AWS_CLOUDTRAIL reads
    batch = "ndjson"
    #: A request may have 4 MB.
    limits: ClassVar = Limits(
        max_entries=10_000, max_entry_bytes=4_000_000, max_batch_bytes=4_000_000, max_concurrency=4
    )
    gzip = False  # not documented for feeds

    def check(self, url: SplitResult) -> None:
        """Requires the endpoint of a feed, or the host alone with the whole URL as the secret."""
        if url.path.strip("/") and not re.fullmatch(r"/v1[a-z]*/.+:importPushLogs", url.path):
            raise SettingError(
                "the URL is not the endpoint of a feed",
                "write https://HOST only, and store ENDPOINT?key=API-KEY&secret=SECRET-KEY in the secret",
            )

    def auth(self, secret: str) -> UrlAuth:
        """The secret is the endpoint with the API key and the secret key of the feed in its query."""
        return UrlAuth(type="url", secret=secret)

    def failure(self, response: Response, origin: str) -> TransientError | PermanentError:
        """Classifies an error response. 403 is a wrong key, which no event causes."""
        divisible = False if response.status == _FORBIDDEN else None
        return failure(response, origin, divisible=divisible)


PRESET = GoogleSecOps()
