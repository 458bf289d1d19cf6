"""Splunk's HTTP Event Collector.

Source: https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import HeaderAuth
from trailforward.sinks.http.framing import Framing
from trailforward.sinks.http.presets.base import Preset, parsed, stranger
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.errors import PermanentError, TransientError
    from trailforward.sinks.base import Entry, Rejection
    from trailforward.transport.connections import Response

#: Codes of 400 that one event may be to blame for: no data, bad format, event missing, event blank. The
#: others (wrong index, channel) are the configuration's.
_EVENTS = frozenset({5, 6, 12, 13})


class HecFraming(Framing):
    """Objects one after another: ``{"time":…,"sourcetype":…,"event":EVENT}``."""

    content_type = "application/json"

    def __init__(self, metadata: Mapping[str, str]) -> None:
        said = {"sourcetype": "aws:cloudtrail", **metadata}
        self._head = json.dumps(said, separators=(",", ":"))[1:-1].encode() + b',"event":'

    def frame(self, entry: Entry) -> bytes:
        """The event's exact bytes as the value of ``event``."""
        return b"{" + _time(entry.time) + self._head + entry.data + b"}"


def _time(text: str) -> bytes:
    """Seconds since 1970; without it Splunk takes the time of receipt."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return b""
    return b"" if then.tzinfo is None else b'"time":%d,' % then.timestamp()


class SplunkHec(Preset):
    """``preset = "splunk-hec"``. Success means that the events are valid, not that they are indexed."""

    format = "record"  # what the source type aws:cloudtrail expects
    metadata = ("host", "index", "source", "sourcetype")
    path = "/services/collector/event"
    #: The server's own limit is a setting; 1 MB is the safe figure.
    limits: ClassVar = Limits(max_entries=1_000, max_entry_bytes=1_000_000, max_batch_bytes=1_000_000, max_concurrency=4)

    def auth(self, secret: str) -> HeaderAuth:
        """``Authorization: Splunk TOKEN``."""
        return HeaderAuth(type="header", name="Authorization", prefix="Splunk ", secret=secret)

    def framing(self, metadata: Mapping[str, str]) -> HecFraming:
        """Each event in its wrapper."""
        return HecFraming(metadata)

    def read(self, answer: Response, count: int) -> list[Rejection]:  # noqa: ARG002
        """All or nothing: code 0."""
        if parsed(answer).get("code") != 0:
            raise stranger("Splunk")
        return []

    def failure(self, answer: Response, origin: str) -> TransientError | PermanentError:
        """Names Splunk's code; a batch is worth splitting only where an event may be to blame."""
        code = parsed(answer).get("code")
        if not isinstance(code, int):
            return failure(answer, origin)
        divisible = code in _EVENTS if answer.status == 400 else None  # noqa: PLR2004
        return failure(answer, origin, word=f"HEC code {code}", divisible=divisible)


PRESET = SplunkHec()
