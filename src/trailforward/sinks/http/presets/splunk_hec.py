"""Splunk: the HTTP Event Collector (HEC).

Source: https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import HeaderAuth
from trailforward.sinks.http.framing import Framing
from trailforward.sinks.http.presets.base import Preset, json_object, unparseable
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.errors import PermanentError, TransientError
    from trailforward.sinks.base import Entry, Rejection
    from trailforward.transport.connections import Response

#: Codes of status 400 that a single event may cause: no data, invalid format, event missing, event blank.
#: The configuration causes the others (wrong index, channel).
_EVENT_CODES = frozenset({5, 6, 12, 13})


class HecFraming(Framing):
    """Concatenated JSON objects: ``{"time":…,"sourcetype":…,"event":EVENT}``."""

    content_type = "application/json"

    def __init__(self, metadata: Mapping[str, str]) -> None:
        fields = {"sourcetype": "aws:cloudtrail", **metadata}
        self._head = json.dumps(fields, separators=(",", ":"))[1:-1].encode() + b',"event":'

    def frame(self, entry: Entry) -> bytes:
        """The event's exact bytes as the value of ``event``."""
        return b"{" + _time(entry.time) + self._head + entry.data + b"}"


def _time(text: str) -> bytes:
    """The field ``time`` in seconds since 1970, or empty: then Splunk uses the time of receipt."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return b""
    return b"" if time.tzinfo is None else b'"time":%d,' % time.timestamp()


class SplunkHec(Preset):
    """``preset = "splunk-hec"``. Success means that Splunk accepted the events, not that it indexed them."""

    format = "record"  # what the source type aws:cloudtrail expects
    metadata = ("host", "index", "source", "sourcetype")
    path = "/services/collector/event"
    #: The limit is a setting of the server; 1 MB is safe.
    limits: ClassVar = Limits(
        max_entries=1_000, max_entry_bytes=1_000_000, max_batch_bytes=1_000_000, max_concurrency=4
    )

    def auth(self, secret: str) -> HeaderAuth:
        """``Authorization: Splunk TOKEN``."""
        return HeaderAuth(type="header", name="Authorization", prefix="Splunk ", secret=secret)

    def framing(self, metadata: Mapping[str, str]) -> HecFraming:
        """One JSON object per event."""
        return HecFraming(metadata)

    def rejections(self, response: Response, count: int) -> list[Rejection]:  # noqa: ARG002
        """None. Splunk accepts or rejects a request as a whole; success is code 0."""
        if json_object(response).get("code") != 0:
            raise unparseable("Splunk")
        return []

    def failure(self, response: Response, origin: str) -> TransientError | PermanentError:
        """Classifies an error response. It is divisible only if a single event may be the cause."""
        code = json_object(response).get("code")
        if not isinstance(code, int):
            return failure(response, origin)
        invalid = response.status == 400  # noqa: PLR2004
        content = invalid and code in _EVENT_CODES
        divisible = content if invalid or response.status == 403 else None  # noqa: PLR2004  # invalid token
        return failure(response, origin, detail=f"HEC code {code}", divisible=divisible, content=content)


PRESET = SplunkHec()
