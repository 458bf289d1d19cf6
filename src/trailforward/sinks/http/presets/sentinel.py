"""Microsoft Sentinel and Log Analytics: the Logs Ingestion API of Azure Monitor.

Sources: https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview and
https://learn.microsoft.com/azure/azure-monitor/service-limits#logs-ingestion-api
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs

from trailforward.errors import EventError, SettingError
from trailforward.sinks.base import Limits
from trailforward.sinks.http.framing import Array, quoted
from trailforward.sinks.http.presets.base import Preset, json_object, unparseable
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from trailforward.errors import PermanentError, TransientError
    from trailforward.sinks.base import Entry, Rejection
    from trailforward.sinks.http.auth import SecretAuth
    from trailforward.transport.connections import Response

_PATH = r"/dataCollectionRules/dcr-[0-9a-fA-F]{32}/streams/[A-Za-z][A-Za-z0-9_-]{0,99}"
_CODE = re.compile("[A-Za-z]{1,60}")
_NO_CONTENT = 204
_FORBIDDEN = 403
#: Log Analytics cuts longer values without an error, so such events are refused here.
MAX_VALUE_BYTES = 65_536
_FIX = (
    'set auth = { type = "oauth2", token_url = "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token", '
    'client_id = "…", client_secret = "ARN", scope = "https://monitor.azure.com/.default" }'
)


class Rows(Array):
    """A JSON array of rows. The column ``Event`` is a string that decodes to the event's exact bytes."""

    def frame(self, entry: Entry) -> bytes:
        """One row.

        Raises:
            EventError: ``too_large``: Log Analytics would cut the event.
        """
        if len(entry.data) > MAX_VALUE_BYTES:
            raise EventError("too_large", f"Log Analytics cuts values of more than {MAX_VALUE_BYTES:,} bytes")
        row = {**_time(entry.time), "EventId": entry.key}
        return json.dumps(row, separators=(",", ":"))[:-1].encode() + b',"Event":' + quoted(entry.data) + b"}"


def _time(text: str) -> dict[str, str]:
    """The column that every table has. Without it, Log Analytics uses the time of receipt."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return {}
    return {} if time.tzinfo is None else {"TimeGenerated": text}


class Sentinel(Preset):
    """``preset = "sentinel"``. Azure accepts or rejects a request as a whole; success is 204."""

    #: Azure limits a request to 1 MB, with and without compression.
    limits: ClassVar = Limits(
        max_entries=1_000,
        max_entry_bytes=999_998,
        max_batch_bytes=1_000_000,
        batch_overhead=2,
        max_concurrency=4,
    )
    fix = _FIX

    def check(self, url: SplitResult) -> None:
        """Requires the data collection rule, the stream, and the API version."""
        if not re.fullmatch(_PATH, url.path) or "api-version" not in parse_qs(url.query):
            raise SettingError(
                "the URL does not name a data collection rule, a stream, and an API version",
                "write https://ENDPOINT.ingest.monitor.azure.com/dataCollectionRules/dcr-IMMUTABLE-ID/streams/"
                "Custom-NAME?api-version=2023-01-01",
            )

    def auth(self, secret: str) -> SecretAuth:  # noqa: ARG002
        """Refused: a secret alone does not name the tenant and the client."""
        raise SettingError("`secret` is not enough: the tenant and the client are missing", _FIX)

    def framing(self, metadata: Mapping[str, str]) -> Rows:  # noqa: ARG002
        """One row per event."""
        return Rows()

    def rejections(self, response: Response, count: int) -> list[Rejection]:  # noqa: ARG002
        """None. Any other 2xx response is not from Azure Monitor."""
        if response.status != _NO_CONTENT:
            raise unparseable("Azure Monitor")
        return []

    def failure(self, response: Response, origin: str) -> TransientError | PermanentError:
        """Classifies an error response. 403 is a missing role, which no event causes."""
        error: Any = json_object(response).get("error")
        code = error.get("code") if isinstance(error, dict) else None
        detail = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
        divisible = None
        if response.status == _FORBIDDEN:
            divisible = False
            role = "assign the role Monitoring Metrics Publisher on the data collection rule to the client"
            detail = f"{detail or 'forbidden'}: {role}, and wait up to 30 minutes"
        return failure(response, origin, detail=detail, divisible=divisible)


PRESET = Sentinel()
