"""Slack's incoming webhooks. The URL is the secret.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import UrlAuth
from trailforward.sinks.http.presets.base import Preset, stranger
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from trailforward.errors import PermanentError, TransientError
    from trailforward.sinks.base import Rejection
    from trailforward.transport.connections import Response

#: Errors are plain text: ``invalid_payload``, ``no_service``, ``channel_is_archived`` …
_WORD = re.compile(rb"[a-z_]{1,60}")


class Slack(Preset):
    """``preset = "slack"``. Notifications for people, one a request; Slack takes about one a second."""

    format = "slack"
    formats = ("slack",)
    batch = "single"
    limits: ClassVar = Limits(max_entries=1, max_entry_bytes=100_000, max_batch_bytes=100_000)
    gzip = False

    def auth(self, secret: str) -> UrlAuth:
        """The URL itself."""
        return UrlAuth(type="url", secret=secret)

    def read(self, answer: Response, count: int) -> list[Rejection]:  # noqa: ARG002
        """``ok``, in plain text."""
        if answer.body.strip() != b"ok":
            raise stranger("Slack")
        return []

    def failure(self, answer: Response, origin: str) -> TransientError | PermanentError:
        """Names Slack's word."""
        word = answer.body.strip()
        return failure(answer, origin, word=word.decode() if _WORD.fullmatch(word) else "")


PRESET = Slack()
