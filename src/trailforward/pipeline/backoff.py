"""Backoff: how long to wait before refused entries are sent again."""

from __future__ import annotations

import random
from typing import NamedTuple


class Backoff(NamedTuple):
    """Exponential backoff with full jitter.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Attributes:
        max_attempts: passes over the refused entries, the first one included.
        base_seconds: the first wait is between 0 and this.
        cap_seconds: no wait is longer, unless the destination asks for it.
    """

    max_attempts: int = 5
    base_seconds: float = 0.2
    cap_seconds: float = 20.0

    def delay(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds to wait after the ``attempt``-th pass, from 1. ``Retry-After`` is a lower bound."""
        ceiling = min(self.cap_seconds, self.base_seconds * 2 ** min(attempt - 1, 30))
        jitter = random.uniform(0, ceiling)  # noqa: S311  # spreads load, guards nothing
        return jitter if retry_after is None else retry_after + min(jitter, self.base_seconds)
