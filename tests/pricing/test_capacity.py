"""Which quota a volume reaches first, with arithmetic and sources."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.command import trailforward
from trailforward.pricing import DESTINATIONS, TOPOLOGIES, Plan
from trailforward.pricing.capacity import Use, capacity


def by_quota(uses: list[Use], words: str) -> Use:
    """The use whose quota begins with these words."""
    (found,) = [use for use in uses if use.quota.startswith(words)]
    return found


@pytest.mark.parametrize(
    ("events", "topology", "first", "reached"),
    [
        (2e6, "hub", "hub bus in a large Region: PutEvents/s", False),
        (200e6, "hub", "hub bus in a large Region: PutEvents/s", False),
        (10e9, "hub", "hub bus in a large Region: PutEvents/s", True),
        (200e6, "collector", "rules in the smallest Regions: invocations/s", False),
        (10e9, "collector", "rules in the smallest Regions: invocations/s", True),
        (10e9, "regional", "rules in the smallest Regions: invocations/s", True),
        (10e9, "direct", "rules in the smallest Regions: invocations/s", True),
    ],
)
def test_the_first_quota(events: float, topology: str, first: str, reached: bool) -> None:  # noqa: FBT001
    """One bus limits the hub, and the rules of a small Region limit all other topologies."""
    use = capacity(Plan(events), topology, 500)[0]
    assert use.quota == first
    assert (use.share >= 1) is reached


def test_the_numbers_of_a_hub() -> None:
    """The needs are events per second, batches at the same time, and messages that these hold."""
    uses = capacity(Plan(864e6, regions=10, accounts=2), "hub", 500)
    assert by_quota(uses, "hub bus in a large Region: invocations").need == 10_000
    assert by_quota(uses, "rules").need == 500
    # Full batches of 500 take 40 + 500 ms: 20 batches a second are 10.8 at the same time.
    assert by_quota(uses, "Lambda").need == pytest.approx(10.8)
    assert by_quota(uses, "pollers").need == pytest.approx(10.8)
    assert by_quota(uses, "one queue: messages").need == pytest.approx(5_400)


def test_destinations_and_dropped_events() -> None:
    """Destinations get what drop rules leave, in full calls where the quota is of calls."""
    kinds = ("kinesis", "firehose", "sns", "eventbridge", "logs", "securityhub", "lambda", "http")
    plan = Plan(86_400 * 4_000, to=kinds, dropped=0.5, event_bytes=1_000)
    uses = capacity(plan, "hub", 500)
    shards = by_quota(uses, "one Kinesis shard: records")
    assert (shards.need, shards.arithmetic) == (2_000, "2,000 events/s: 2 shards")
    assert by_quota(uses, "Firehose").need == 2_000_000
    assert by_quota(uses, "bus in").need == 200
    assert by_quota(uses, "CloudWatch").need == 0.2
    assert by_quota(uses, "Security Hub").need == 20


@given(
    events=st.floats(1, 1e12),
    topology=st.sampled_from(TOPOLOGIES),
    batch=st.integers(1, 10_000),
    peak=st.floats(1, 100),
    kinds=st.lists(st.sampled_from(sorted(DESTINATIONS)), max_size=4),
)
def test_every_use_is_explained(
    events: float, topology: str, batch: int, peak: float, kinds: list[str]
) -> None:
    """Uses are sorted, and each has its arithmetic, a limit, and the address of its source or a note."""
    uses = capacity(Plan(events, to=tuple(kinds)), topology, batch, peak)
    assert [use.share for use in uses] == sorted((use.share for use in uses), reverse=True)
    for use in uses:
        assert use.need >= 0
        assert use.limit > 0
        assert use.arithmetic
        assert use.source.startswith("https://docs.aws.amazon.com/") or use.source == "from memory"


def test_peaks_need_more() -> None:
    """A peak of three times the average needs three times as many invocations of targets."""
    plan = Plan(1e9)
    calm, busy = (by_quota(capacity(plan, "hub", 500, peak), "rules").need for peak in (1, 3))
    assert busy == pytest.approx(3 * calm)


def test_the_command_names_the_first_quota_with_its_arithmetic() -> None:
    """``--capacity`` prints the first quota, the volume that reaches it, the arithmetic, and the sources."""
    done = trailforward("cost", "--events-per-day", "10G", "--capacity", "--topology", "hub", "--to", "sns")
    assert done.code == 0
    head = "hub: reached; the first quota is hub bus in a large Region: PutEvents/s, at 864 M events a day"
    assert done.out.startswith(head)
    assert "115,741 of 18,750 (raisable) = 115,741 events/s through one bus" in done.out
    assert "PutEvents/s: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html" in done.out


def test_the_command_prints_json() -> None:
    """``--json`` has the same numbers for programs."""
    done = trailforward("cost", "--events-per-day", "2M", "--capacity", "--json", "--peak", "2")
    found = json.loads(done.out)
    assert found["peak"] == 2
    assert set(found["topologies"]) == set(TOPOLOGIES)
    assert found["topologies"]["hub"][0]["share"] == pytest.approx(2 * 23.148 / 10_000, rel=1e-3)
