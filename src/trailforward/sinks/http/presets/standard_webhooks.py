"""Any receiver that verifies Standard Webhooks signatures.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

from typing import ClassVar

from trailforward.sinks.base import Limits
from trailforward.sinks.http.presets.base import Preset
from trailforward.sinks.http.webhook_auth import StandardWebhooksAuth


class StandardWebhooks(Preset):
    """``preset = "standard-webhooks"``. One event per request; its exact bytes are signed."""

    batch = "single"
    limits: ClassVar = Limits(
        max_entries=1, max_entry_bytes=1_000_000, max_batch_bytes=1_000_000, max_concurrency=4
    )
    gzip = False  # receivers verify the decompressed body

    def auth(self, secret: str) -> StandardWebhooksAuth:
        """A signature with the secret."""
        return StandardWebhooksAuth(type="standard-webhooks", secret=secret)


PRESET = StandardWebhooks()
