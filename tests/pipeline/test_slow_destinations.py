"""Slow destinations cost an invocation its time, and nothing that lasts."""

from __future__ import annotations

import sys

import pytest

from tests.support.slow_destinations import WAYS, WORST, invoke


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux shows in /proc")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("receiver", WORST)
def test_abandoned_calls_leave_nothing_behind(way: str, receiver: str) -> None:
    """After an invocation gave up on its calls, they end: no connection, file, or thread is left."""
    if (way, receiver) in {("http", "endless 100 Continue"), ("https", "endless 100 Continue")}:
        pytest.skip("such a call ends by itself")
    first, last = invoke(way, WORST[receiver], count=8, seconds=0.3)
    assert last["connections"] == 0
    assert last["descriptors"] <= first["descriptors"]
    # A thread of the invocation before may still be ending when the next one begins.
    assert last["threads"] <= 9
