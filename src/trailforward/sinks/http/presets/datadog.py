"""Datadog's log intake.

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
    """An array of logs; the event is the string ``message``, which gives its bytes back when it is read."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        said = {"ddsource": "cloudtrail", **metadata}
        self._head = json.dumps(said, separators=(",", ":"))[:-1].encode() + b',"message":'

    def frame(self, entry: Entry) -> bytes:
        """One log."""
        return self._head + quoted(entry.data) + b"}"


class Datadog(Preset):
    """``preset = "datadog"``. A request is taken as a whole or not at all."""

    format = "record"  # what Datadog's own CloudTrail pipeline reads
    metadata = ("ddsource", "ddtags", "hostname", "service")
    path = "/api/v2/logs"
    #: A longer log would be cut without a word, so it is refused here.
    limits: ClassVar = Limits(
        max_entries=1_000, max_entry_bytes=1_000_000, max_batch_bytes=5_000_000, batch_overhead=2, max_concurrency=4
    )

    def auth(self, secret: str) -> HeaderAuth:
        """The API key."""
        return HeaderAuth(type="header", name="DD-API-KEY", secret=secret)

    def framing(self, metadata: Mapping[str, str]) -> LogFraming:
        """Each event as a log."""
        return LogFraming(metadata)


PRESET = Datadog()
