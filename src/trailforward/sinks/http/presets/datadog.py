"""Datadog: the logs API.

Source: https://docs.datadoghq.com/api/latest/logs/#send-logs
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import HeaderAuth
from trailforward.sinks.http.framing import Array, quoted
from trailforward.sinks.http.presets.base import Preset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.sinks.base import Entry


class LogFraming(Array):
    """A JSON array of logs. The event is the string ``message``, which decodes to the event's exact bytes."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        fields = {"ddsource": "cloudtrail", **metadata}
        self._head = json.dumps(fields, separators=(",", ":"))[:-1].encode() + b',"message":'

    def frame(self, entry: Entry) -> bytes:
        """One log."""
        return self._head + quoted(entry.data) + b"}"


class Datadog(Preset):
    """``preset = "datadog"``. Datadog accepts or rejects a request as a whole."""

    format = "record"  # what Datadog's own CloudTrail pipeline reads
    metadata = ("ddsource", "ddtags", "hostname", "service")
    path = "/api/v2/logs"
    #: Datadog truncates longer logs without an error, so they are rejected here.
    limits: ClassVar = Limits(
        max_entries=1_000,
        max_entry_bytes=1_000_000,
        max_batch_bytes=5_000_000,
        batch_overhead=2,
        max_concurrency=4,
    )

    def auth(self, secret: str) -> HeaderAuth:
        """The API key."""
        return HeaderAuth(type="header", name="DD-API-KEY", secret=secret)

    def framing(self, metadata: Mapping[str, str]) -> LogFraming:
        """One log per event."""
        return LogFraming(metadata)


PRESET = Datadog()
