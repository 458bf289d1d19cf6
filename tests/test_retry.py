"""Backoff: full jitter below a doubling ceiling, and never shorter than Retry-After."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trailforward import Config
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


def _longest(backoff: Backoff, attempt: int) -> float:
    """The longest of many waits, which is close to the ceiling."""
    return max(backoff.delay(attempt) for _ in range(300))


def test_the_ceiling_doubles_until_the_cap() -> None:
    """Waits grow with each attempt up to ``max_seconds``, and stay there however many follow."""
    backoff = Backoff(initial_seconds=1, max_seconds=20)
    for attempt, ceiling in enumerate((1, 2, 4, 8, 16, 20, 20), 1):
        assert ceiling / 2 < _longest(backoff, attempt) <= ceiling
    assert 10 < _longest(backoff, 10_000) <= 20


def test_the_jitter_after_retry_after_stays_short() -> None:
    """After Retry-After, a wait is longer by at most ``initial_seconds``, also in late attempts."""
    backoff = Backoff(initial_seconds=1, max_seconds=20)
    waits = [backoff.delay(9, 5.0) for _ in range(300)]
    assert min(waits) >= 5
    assert 5.5 < max(waits) <= 6


def test_the_defaults_are_those_of_the_settings() -> None:
    """Without ``[retry]``, there are five attempts, with waits from 0.2 to 20 seconds."""
    retry = Config.from_toml('[sinks.a]\nto = "stdout:"\n').pipeline.retry
    assert Backoff() == Backoff.from_settings(retry) == Backoff(5, 0.2, 20.0)
    text = '[sinks.a]\nto = "stdout:"\n[retry]\nmax_attempts = 2\ninitial_seconds = 3\nmax_seconds = 4\n'
    assert Backoff.from_settings(Config.from_toml(text).pipeline.retry) == Backoff(2, 3.0, 4.0)
