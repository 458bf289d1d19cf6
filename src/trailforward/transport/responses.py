"""Classifies HTTP error responses as transient or permanent, and reads Retry-After."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trailforward.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from trailforward.transport.http1 import Response

_TOO_MANY = 429
_TRANSIENT = frozenset({408, 425, _TOO_MANY})
#: Credentials, path, or method: never the fault of an event. Others, such as a firewall's 403, may be.
_DESTINATION = frozenset({401, 404, 405, 407, 410})
_MULTI_STATUS = 207
_TOO_LARGE = 413
_HINTS = {
    207: (
        "some events may have been refused, and only a preset can read which. "
        'Fix: set `preset`, or batch = "single" if the receiver then returns another status'
    ),
    401: "the secret is missing or wrong",
    403: "the secret is wrong, or does not grant access",
    404: "check the path of `to`",
    410: "the endpoint no longer exists",
    413: "too large: lower `limits.max_batch_bytes`",
}


def failure(
    response: Response,
    origin: str,
    *,
    detail: str = "",
    divisible: bool | None = None,
    content: bool = False,
) -> TransientError | PermanentError:
    """Classifies an error response. The text omits its body and reason, which may repeat the payload.

    Args:
        response: a response with a status of 300 or above, or with 207, which may hide refused events.
        origin: scheme and host of the receiver.
        detail: the receiver's own error code, if a preset knows it.
        divisible: whether a single event may be the cause; derived from the status by default.
        content: whether ``detail`` names an event's content.
    """
    status = response.status
    code = f"http_{status}"
    text = f"{origin} returned status {status}" + (f" ({detail})" if detail else "")
    if status in _TRANSIENT or status >= 500:  # noqa: PLR2004  # 5xx
        return TransientError(
            code,
            text,
            retry_after=retry_after_seconds(response.headers.get("retry-after")),
            throttled=status == _TOO_MANY,
        )
    if 300 <= status < 400:  # noqa: PLR2004  # 3xx
        text += "; redirects are not followed. Fix: set `to` to the redirect's target"
    elif status in _HINTS:
        text += f": {_HINTS[status]}"
    if divisible is None:
        # A 207 of a single event has a status of its own, or does not accept it.
        divisible = status == _MULTI_STATUS or (status >= 400 and status not in _DESTINATION)  # noqa: PLR2004
    return PermanentError(code, text, divisible=divisible, content=content or status == _TOO_LARGE)


_SECONDS = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")


def retry_after_seconds(value: str | None) -> float | None:
    """Seconds to wait, from a Retry-After header (seconds or an HTTP date); None if invalid or absent."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return max(float(value), 0.0)
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(value)
        wait = date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(wait.total_seconds(), 0.0)
