"""Backoff: how long to wait before refused entries are sent again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from trailforward.config import RetrySettings


class Backoff(NamedTuple):
    """Exponential backoff with full jitter.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Attributes:
        max_attempts: passes over the refused entries, the first one included.
        initial_seconds: the first wait is between 0 and this.
        max_seconds: no wait is longer, unless the destination asks for it.
    """

    max_attempts: int = 5
    initial_seconds: float = 0.2
    max_seconds: float = 20.0

    @classmethod
    def from_settings(cls, retry: RetrySettings) -> Self:
        """Returns the backoff that the table ``[retry]`` configures."""
        return cls(retry.max_attempts, retry.initial_seconds, retry.max_seconds)

    def delay(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds to wait after the ``attempt``-th pass, from 1. ``Retry-After`` is a lower bound."""
        ceiling = min(self.max_seconds, self.initial_seconds * 2 ** min(attempt - 1, 30))
        jitter = random.uniform(0, ceiling)  # noqa: S311  # spreads load, guards nothing
        return jitter if retry_after is None else retry_after + min(jitter, self.initial_seconds)
