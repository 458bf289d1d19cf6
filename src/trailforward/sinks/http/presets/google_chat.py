"""Google Chat: incoming webhooks. The URL is the secret.

Sources: https://developers.google.com/workspace/chat/quickstart/webhooks and
https://developers.google.com/workspace/chat/limits
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import UrlAuth
from trailforward.sinks.http.presets.base import Preset, json_object, unparseable
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from trailforward.errors import PermanentError, TransientError
    from trailforward.sinks.base import Rejection
    from trailforward.transport.connections import Response

#: Google's status codes that no event causes (https://cloud.google.com/apis/design/errors).
DESTINATION = frozenset({"NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED"})


class GoogleChat(Preset):
    """``preset = "google-chat"``. One alert per request. A space accepts about one message per second."""

    format = "google-chat"
    formats = ("google-chat",)
    batch = "single"
    limits: ClassVar = Limits(max_entries=1, max_entry_bytes=32_000, max_batch_bytes=32_000)
    gzip = False

    def auth(self, secret: str) -> UrlAuth:
        """The URL itself."""
        return UrlAuth(type="url", secret=secret)

    def rejections(self, response: Response, count: int) -> list[Rejection]:  # noqa: ARG002
        """None. Success is the created message, whose name begins with its space."""
        name = json_object(response).get("name")
        if not (isinstance(name, str) and name.startswith("spaces/")):
            raise unparseable("Google Chat")
        return []

    def failure(self, response: Response, origin: str) -> TransientError | PermanentError:
        """Classifies an error response by its status, and by Google's own code."""
        error = json_object(response).get("error")
        code = error.get("status") if isinstance(error, dict) else None
        if not (isinstance(code, str) and code.isascii() and code.replace("_", "").isupper()):
            return failure(response, origin)
        return failure(response, origin, detail=code[:60], divisible=False if code in DESTINATION else None)


PRESET = GoogleChat()
