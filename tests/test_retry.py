"""Backoff: full jitter below a doubling ceiling, and never shorter than Retry-After."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trailforward.pipeline.backoff import Backoff

SECONDS = st.floats(0, 1000)


@given(st.integers(1, 10_000), SECONDS, SECONDS)
def test_waits_stay_under_the_ceiling(attempt: int, base: float, cap: float) -> None:
    """The upper bound doubles from ``initial_seconds`` and never exceeds ``max_seconds``."""
    delay = Backoff(initial_seconds=base, max_seconds=cap).delay(attempt)
    assert 0 <= delay <= min(cap, base * 2 ** min(attempt - 1, 60))


@given(st.integers(1, 100), SECONDS)
def test_retry_after_is_honored(attempt: int, seconds: float) -> None:
    """The wait is at least Retry-After, plus a little jitter."""
    backoff = Backoff(initial_seconds=0.2, max_seconds=1)
    assert seconds <= backoff.delay(attempt, seconds) <= seconds + 0.2


def test_waits_differ() -> None:
    """Functions that were throttled together do not retry together."""
    backoff = Backoff(initial_seconds=10)
    assert len({backoff.delay(1) for _ in range(20)}) > 1
