"""Amazon OpenSearch Service: domains, and search collections of OpenSearch Serverless, signed with SigV4.

Sources: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/request-signing.html,
https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html#network-limits, and
https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-genref.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from trailforward.errors import SettingError
from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import BasicAuth
from trailforward.sinks.http.bulk import BulkFraming, UnnamedFraming, rejections
from trailforward.sinks.http.presets.base import Preset
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from trailforward.errors import PermanentError, TransientError
    from trailforward.sinks.base import Rejection
    from trailforward.sinks.http.auth import SecretAuth
    from trailforward.sinks.http.framing import Framing
    from trailforward.transport.connections import Response

_FORBIDDEN = 403
_FIX = (
    'set auth = { type = "sigv4", service = "es", region = "REGION" } for a domain, '
    'or service = "aoss" for a collection of OpenSearch Serverless'
)


class OpenSearch(Preset):
    """``preset = "opensearch"``. Each event gets its own status; 409 means that it already exists.

    A time series collection of OpenSearch Serverless does not accept IDs: ``metadata = { ids = "none" }``
    leaves them out, and an event that is sent again is stored twice.
    """

    metadata = ("ids",)
    reads_multi_status = True
    #: The smallest instances accept 10 MiB.
    limits: ClassVar = Limits(
        max_entries=1_000, max_entry_bytes=5_000_000, max_batch_bytes=5_000_000, max_concurrency=4
    )
    fix = _FIX

    def check(self, url: SplitResult) -> None:
        """Requires an index in the path, because the actions do not name one."""
        if not re.fullmatch("/.+/_bulk", url.path):
            raise SettingError(
                "the URL does not name an index",
                "write https://search-NAME.REGION.es.amazonaws.com/cloudtrail/_bulk",
            )

    def auth(self, secret: str) -> SecretAuth:
        """The password of the master user ``admin``; another user name needs ``auth``."""
        return BasicAuth(type="basic", username="admin", secret=secret)

    def check_metadata(self, metadata: Mapping[str, str]) -> None:
        """Allows ``ids = "none"`` only."""
        if metadata.get("ids", "none") != "none":
            raise SettingError("unknown value of `metadata.ids`", 'write "none", or remove it')

    def framing(self, metadata: Mapping[str, str]) -> Framing:
        """Pairs of action and event lines."""
        return UnnamedFraming() if "ids" in metadata else BulkFraming()

    def rejections(self, response: Response, count: int) -> list[Rejection]:
        """The rejected items."""
        return rejections(response, count)

    def failure(self, response: Response, origin: str) -> TransientError | PermanentError:
        """Classifies an error response. 403 is a missing permission, which no event causes."""
        if response.status != _FORBIDDEN:
            return failure(response, origin)
        detail = "the role needs es:ESHttpPost, or aoss:APIAccessAll and a data access policy"
        return failure(response, origin, detail=detail, divisible=False)


PRESET = OpenSearch()
