"""Slack: incoming webhooks. The URL is the secret.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import UrlAuth
from trailforward.sinks.http.presets.base import Preset, unparseable
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from trailforward.errors import PermanentError, TransientError
    from trailforward.sinks.base import Rejection
    from trailforward.transport.connections import Response

#: Slack's error codes are plain text: ``invalid_payload``, ``no_service``, ``channel_is_archived`` …
_CODE = re.compile(rb"[a-z_]{1,60}")


class Slack(Preset):
    """``preset = "slack"``. One notification per request. Slack accepts about one request per second."""

    format = "slack"
    formats = ("slack",)
    batch = "single"
    limits: ClassVar = Limits(max_entries=1, max_entry_bytes=100_000, max_batch_bytes=100_000)
    gzip = False

    def auth(self, secret: str) -> UrlAuth:
        """The URL itself."""
        return UrlAuth(type="url", secret=secret)

    def rejections(self, response: Response, count: int) -> list[Rejection]:  # noqa: ARG002
        """None. Success is ``ok`` in plain text."""
        if response.body.strip() != b"ok":
            raise unparseable("Slack")
        return []

    def failure(self, response: Response, origin: str) -> TransientError | PermanentError:
        """Classifies an error response, and includes Slack's error code."""
        code = response.body.strip()
        return failure(response, origin, detail=code.decode() if _CODE.fullmatch(code) else "")


PRESET = Slack()
