"""Microsoft Teams: webhooks of the Workflows app. The URL is the secret.

Success is status 202 without a body. Teams also returns 200 with the text of an error.

Sources: https://learn.microsoft.com/en-us/connectors/teams/ and
https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import UrlAuth
from trailforward.sinks.http.presets.base import Preset, json_object, unparseable
from trailforward.transport.http1 import Response
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from trailforward.errors import PermanentError, TransientError
    from trailforward.sinks.base import Rejection

_ACCEPTED = 202
#: ``Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with …``
_ERROR = re.compile(rb"HTTP error ([45][0-9][0-9])\b")


class Teams(Preset):
    """``preset = "teams"``. One alert per request. Teams throttles more than four requests per second."""

    format = "teams"
    formats = ("teams",)
    batch = "single"
    limits: ClassVar = Limits(max_entries=1, max_entry_bytes=28_000, max_batch_bytes=28_000)
    gzip = False

    def auth(self, secret: str) -> UrlAuth:
        """The URL itself."""
        return UrlAuth(type="url", secret=secret)

    def rejections(self, response: Response, count: int) -> list[Rejection]:  # noqa: ARG002
        """None. A workflow that accepted the message can still fail; its run history says so."""
        body = response.body.strip()
        if match := _ERROR.search(body):
            raise failure(Response(int(match[1]), response.headers, b""), "Microsoft Teams")
        if body in {b"", b"1"} or (response.status == _ACCEPTED and json_object(response)):
            return []
        raise unparseable("Microsoft Teams")

    def failure(self, response: Response, origin: str) -> TransientError | PermanentError:
        """Classifies an error response, and includes the error code of Power Automate."""
        error = json_object(response).get("error")
        code = error.get("code") if isinstance(error, dict) else None
        known = isinstance(code, str) and code.isascii() and code.isalnum()
        return failure(response, origin, detail=str(code)[:60] if known else "")


PRESET = Teams()
