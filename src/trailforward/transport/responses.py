"""HTTP answers: which failures pass, which are for good, and which one event may be to blame for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trailforward.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from trailforward.transport.connections import Response

_TRANSIENT = frozenset({408, 425, 429})
_DIVISIBLE = frozenset({400, 413, 422})
_HINTS = {
    401: "the secret is missing or wrong",
    403: "the secret lacks the right, or is wrong",
    404: "check the path of `to`",
    410: "the endpoint is gone for good",
    413: "too large: lower `limits.max_batch_bytes`",
}


def failure(
    answer: Response, origin: str, *, word: str = "", divisible: bool | None = None
) -> TransientError | PermanentError:
    """Sorts an answer that is no success. Its body and reason stay out: they may repeat what was sent.

    Args:
        answer: with a status of 300 or above.
        origin: scheme and host of the receiver.
        word: the receiver's own code, where a preset knows that it is one.
        divisible: whether one event may be to blame; by the status, unless given.
    """
    status = answer.status
    code = f"http_{status}"
    text = f"{origin} answered {status}" + (f" ({word})" if word else "")
    if status in _TRANSIENT or status >= 500:  # noqa: PLR2004  # HTTP's own classes
        return TransientError(code, text, retry_after=_retry_after(answer.headers.get("retry-after")))
    if status < 400:  # noqa: PLR2004  # HTTP's own classes
        text += "; redirects are not followed. Fix: set `to` to the address it points to"
    elif status in _HINTS:
        text += f": {_HINTS[status]}"
    return PermanentError(code, text, divisible=status in _DIVISIBLE if divisible is None else divisible)


_SECONDS = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")


def _retry_after(value: str | None) -> float | None:
    """Seconds, from seconds or an HTTP date; None for anything else."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return max(float(value), 0.0)
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(value)
        wait = date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(wait.total_seconds(), 0.0)
