"""Sumo Logic: HTTP source. The URL is the secret.

Source: https://www.sumologic.com/help/docs/send-data/hosted-collectors/http-source/logs-metrics/upload-logs/
"""

from __future__ import annotations

from typing import ClassVar

from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import UrlAuth
from trailforward.sinks.http.presets.base import Preset


class Sumo(Preset):
    """``preset = "sumo"``. One line per event.

    ``headers`` may set X-Sumo-Category, X-Sumo-Name, and X-Sumo-Host.
    """

    format = "record"
    batch = "ndjson"
    limits: ClassVar = Limits(
        max_entries=1_000, max_entry_bytes=1_000_000, max_batch_bytes=1_000_000, max_concurrency=4
    )

    def auth(self, secret: str) -> UrlAuth:
        """The URL itself."""
        return UrlAuth(type="url", secret=secret)


PRESET = Sumo()
