"""Times on the command line: ``2026-11-26``, ``2026-11-26T08:30Z``, ``24h`` (ago), and ``now``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"([0-9]{1,6}) ?([smhdw])(?: ago)?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_time(text: str, now: datetime) -> datetime:
    """The time that a text names, in UTC. A date is its first moment; without an offset, a time is in UTC.

    Args:
        text: an ISO 8601 date or time, a number with ``s``, ``m``, ``h``, ``d``, or ``w`` (that long ago), or
            ``now``.
        now: the current time, with a time zone.

    Raises:
        ValueError: it names no time; the text says what to write.
    """
    text = text.strip()
    ago = _AGO.fullmatch(text)
    try:
        if text == "now":
            return now.astimezone(UTC)
        if ago is not None:
            return now.astimezone(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        fix = "write a date or time such as 2026-11-26 or 2026-11-26T08:30Z, or a time ago such as 24h or 7d"
        raise ValueError(f"{text[:80]!r} is not a time. Fix: {fix}") from None
