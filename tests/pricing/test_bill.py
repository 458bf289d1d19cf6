"""Bills, checked against sums done by hand and against properties that hold for every plan."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward import sinks
from trailforward.pricing import DESTINATIONS, TOPOLOGIES, Plan, bill, fill, load_prices
from trailforward.pricing.stages import receipts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.pricing import Item

PRICES = load_prices()
#: Ten events a second, of 4 Regions and 3 accounts.
TEN_A_SECOND = Plan(864_000, regions=4, accounts=3)
#: So many that every batch is full.
FULL = replace(TEN_A_SECOND, events_per_day=1e12)

topologies = st.sampled_from(TOPOLOGIES)
batches = st.integers(1, 10_000)
plans = st.builds(
    Plan,
    events_per_day=st.floats(1, 1e9),
    regions=st.integers(1, 40),
    accounts=st.integers(1, 5_000),
    sinks=st.just(8),
    to=st.lists(st.sampled_from(sorted(DESTINATIONS)), max_size=8).map(tuple),
    event_bytes=st.integers(1, 262_144),
    window_seconds=st.floats(0, 300),
    memory_mb=st.integers(128, 10_240),
    ms_per_call=st.floats(0, 1e5),
    ms_per_event=st.floats(0, 1e3),
    daily_doctor=st.booleans(),
    architecture=st.sampled_from(["arm64", "x86_64"]),
)


def costs(items: Iterable[Item]) -> dict[str, float]:
    """Returns the lowest cost of each item, to a hundredth of a cent."""
    return {item.name: round(item.cost.low, 4) for item in items}


def test_a_hub_by_hand() -> None:
    """The items of a million events through a hub, in full batches of ten."""
    made = bill(FULL, "hub", 10, PRICES)
    assert costs(made.items) == {
        "hop": 1.00,
        "transfer": 0.03,  # 1.5 GB x 0.02
        "queue": 0.48,  # (1 + 0.1 + 0.1) x 0.40
        # 0.1 x 0.20 = 0.02; 100,000 x 0.5 GB x 0.050 s = 2,500 GB-s x 0.0000133334 = 0.0333
        "function": 0.0533,
        # 100,000 x (616 for the sink + 4 x 266 for the Regions + 10 x 6) = 0.174 GB x 0.50
        "log lines": 0.087,
    }
    assert made.per_million == pytest.approx((1.6503, 1.7553), abs=1e-4)  # transfer: 1.5 x 0.09 = 0.135


def test_a_collector_by_hand() -> None:
    """Each event crosses an account boundary, and each destination gets a separate copy from each Region."""
    two = replace(FULL, sinks=2, architecture="x86_64", memory_mb=1024)
    assert costs(bill(two, "collector", 10, PRICES).items) == {
        "cross-account": 0.05,
        "transfer": 0.06,  # 2 x 1.5 GB x 0.02
        "queue": 0.48,
        "function": 0.1033,  # 0.02; 100,000 x 1 GB x 0.050 s = 5,000 GB-s x 0.0000166667 = 0.0833
        "log lines": 0.0809,  # 100,000 x (2 x 616 + 266 + 2 x 10 x 6) = 0.1618 GB x 0.50
    }


def test_one_region_and_account_pay_no_transfer() -> None:
    """With one Region and one account, nothing crosses Regions or accounts."""
    alone = replace(FULL, regions=1, accounts=1)
    assert list(costs(bill(alone, "collector", 10, PRICES).items)) == ["queue", "function", "log lines"]


def test_an_event_at_a_time_by_hand() -> None:
    """Without a queue, each event is an invocation; a queue with batches of one costs the most."""
    assert costs(bill(replace(FULL, regions=1), "direct", 500, PRICES).items) == {
        "function": 0.4733,  # 0.20; 1 M x 0.5 GB x 0.041 s = 20,500 GB-s x 0.0000133334 = 0.2733
        "log lines": 0.444,  # 1 M x (616 + 266 + 6) = 0.888 GB x 0.50
    }
    direct, ones, tens = (
        bill(FULL, topology, size, PRICES).per_million.low
        for topology, size in [("direct", 1), ("regional", 1), ("regional", 10)]
    )
    assert ones - direct == pytest.approx(1.20)  # a send, a receive and a delete for each
    assert tens < direct < ones


def test_large_events_count_by_chunks() -> None:
    """EventBridge and SQS count every started 64 KB; a receive of ten events counts by its total size."""
    large = replace(FULL, event_bytes=100_000)
    assert costs(bill(large, "hub", 1, PRICES).items)["hop"] == 2.0
    assert costs(bill(large, "hub", 1, PRICES).items)["queue"] == 2.0  # (2 + 2 + 1) x 0.40
    medium = replace(FULL, event_bytes=7_000)
    assert costs(bill(medium, "hub", 10, PRICES).items)["queue"] == 0.52  # (1 + 2 x 0.1 + 0.1) x 0.40


def test_fixed_costs_by_hand() -> None:
    """Metrics, alarms, dashboard, and polling, for each stack."""
    assert costs(bill(TEN_A_SECOND, "hub", 10, PRICES).fixed) == {
        "metrics": 3.6,  # (8 + 4) x 0.30
        "alarms": 2.3,  # (16 + 5 + 2) x 0.10
        "rule alarms": 1.3,  # (4 x 3 + 1) x 0.10
        "dashboard": 3.0,
        "polling": 0.5184,  # 2 x 5 x 30 x 86,400 / 20 = 1.296 M x 0.40
    }
    assert costs(bill(replace(TEN_A_SECOND, sinks=2), "collector", 10, PRICES).fixed) == {
        "metrics": 20.4,  # 4 x (2 x 8 + 1) x 0.30
        "alarms": 9.2,  # 4 x (14 + 5 + 4) x 0.10
        "rule alarms": 1.3,
        "dashboard": 12.0,
        "polling": 2.0736,
    }
    assert (
        costs(bill(TEN_A_SECOND, "regional", 10, PRICES).fixed)["dashboard"] == 36.0
    )  # 4 Regions x 3 accounts
    assert "polling" not in costs(bill(TEN_A_SECOND, "direct", 1, PRICES).fixed)


def test_the_daily_doctor_by_hand() -> None:
    """The doctor of a stack costs its function, its objects, four metrics, and two alarms."""
    hub = bill(replace(TEN_A_SECOND, daily_doctor=True), "hub", 10, PRICES)
    # 30 x (20 + 4 x 3 x 0.2 = 22.4 s) x 1 GB x 0.0000133334 = 0.0090; 180 puts = 0.0009; 4 x 0.30; 2 x 0.10
    assert costs(hub.fixed)["daily doctor"] == 1.4099
    assert costs(bill(replace(TEN_A_SECOND, daily_doctor=True), "collector", 10, PRICES).fixed)[
        "daily doctor"
    ] == pytest.approx(4 * 1.4090, abs=0.01)
    largest = replace(TEN_A_SECOND, daily_doctor=True, accounts=10_000)
    assert costs(bill(largest, "hub", 10, PRICES).fixed)["daily doctor"] == 2.4809  # 3 x 15 minutes


def test_a_month_is_its_events_and_what_is_fixed() -> None:
    """A month costs its events and the fixed items."""
    made = bill(TEN_A_SECOND, "hub", 10, PRICES)
    assert made.events == 25_920_000
    assert made.per_month.low == pytest.approx(25.92 * made.per_million.low + 10.7184)


@pytest.mark.parametrize(
    ("topology", "events"),
    [
        ("hub", 3.0),  # 1 + 10 events a second x 1 s / 5 pollers
        ("collector", 1.5),  # a quarter of them
        ("regional", 1 + 2 / 12),
        ("direct", 1.0),
    ],
)
def test_few_events_leave_batches_empty(topology: str, events: float) -> None:
    """Each queue collects the events that arrive in the window, whatever the BatchSize."""
    filled = fill(TEN_A_SECOND, topology, 1000)
    assert filled.events == pytest.approx(events)
    if topology != "direct":
        assert (filled.asked, filled.bound) == (1000, "window")


def test_a_long_window_fills_batches_up_to_their_size() -> None:
    """A window of 10 s collects 21 events; with a BatchSize of 20, a batch has 20."""
    patient = replace(TEN_A_SECOND, window_seconds=10)
    assert fill(patient, "hub", 1000).events == pytest.approx(21)
    assert fill(patient, "hub", 20) == fill(FULL, "hub", 20)
    assert fill(patient, "hub", 20).bound == "size"


def test_a_payload_holds_so_many_events() -> None:
    """A payload of 6 MB holds 86 events of 64 KB, including JSON quoting and the SQS records."""
    filled = fill(replace(FULL, event_bytes=65_536 - 800), "hub", 10_000)
    # 6 x 1,048,576 / (64,736 x 1.11 + 800 = 72,657)
    assert (filled.events, filled.bound) == (86, "payload")
    assert "6 MB holds 86 events" in filled.arithmetic


@pytest.mark.parametrize(
    ("kind", "dollars"),
    [
        ("kinesis", 0.028),  # 2 units of 25 KB x 0.014
        ("firehose", 0.8909),  # 6 x 5,120 bytes = 30.72 GB x 0.029
        ("sns", 0.25),  # ten events of 30,000 bytes: 5 chunks of 64 KB; 0.5 M x 0.50
        ("sqs", 0.2),
        ("eventbridge", 1.0),
        ("logs", 15.013),  # 30.026 GB x 0.50
        ("s3", 0.15),  # 10,000 batches with an object for each of 3 accounts x 5.00
        ("securityhub", 30.0),
        ("lambda", 0.2),
        ("stepfunctions", 25.0),
        ("http", 2.7),  # 30 GB x 0.09
    ],
)
def test_destinations_by_hand(kind: str, dollars: float) -> None:
    """The cost of each destination for a million events of 30,000 bytes, in batches of a hundred."""
    plan = replace(FULL, event_bytes=30_000, to=(kind,))
    (found,) = (item for item in bill(plan, "collector", 100, PRICES).items if item.name == kind)
    assert round(found.cost.low, 4) == dollars


def test_every_destination_has_a_price() -> None:
    """Every kind of destination has a price, except local ones, and V2 buses, whose rates were not found."""
    assert set(DESTINATIONS) == set(sinks.BUILT_IN) - {"eventbridge-v2", "file", "stdout"}


def test_http_does_not_pay_for_transfer_twice() -> None:
    """Events that go to the internet do not pay for transfer to another Region."""
    made = bill(replace(FULL, to=("http",)), "regional", 10, PRICES)
    assert "transfer" not in costs(made.items)


@given(plan=plans, topology=topologies, batch=batches)
def test_nothing_is_negative_and_all_is_explained(plan: Plan, topology: str, batch: int) -> None:
    """No term is negative, every term shows its arithmetic, and the bill is the sum of its terms."""
    made = bill(plan, topology, batch, PRICES)
    terms = [term for item in (*made.items, *made.fixed) for term in item.terms]
    assert all(0 <= term.cost.low <= term.cost.high for term in terms)
    assert all(" at $" in str(term) and " = $" in str(term) for term in terms)
    together = sum(term.cost.low for item in made.items for term in item.terms)
    assert made.per_million.low == pytest.approx(together)


@given(plan=plans, topology=topologies, sizes=st.lists(batches, min_size=2, max_size=5))
def test_larger_batches_never_cost_more(plan: Plan, topology: str, sizes: list[int]) -> None:
    """This holds if ten events fit into the 64 KB that SQS and SNS count."""
    small = replace(plan, event_bytes=min(plan.event_bytes, 6_553))
    made = [bill(small, topology, size, PRICES).per_million.high for size in sorted(sizes)]
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in pairwise(made))


@given(plan=plans, topology=topologies, batch=batches, more=st.floats(1, 1000))
def test_more_events_never_make_an_event_more_expensive(
    plan: Plan, topology: str, batch: int, more: float
) -> None:
    """More events fill batches, at most up to BatchSize; the fixed cost does not change."""
    small = replace(plan, event_bytes=min(plan.event_bytes, 6_553))
    few = bill(small, topology, batch, PRICES)
    many = bill(replace(small, events_per_day=plan.events_per_day * more), topology, batch, PRICES)
    assert few.fill.events <= many.fill.events <= batch
    assert many.per_million.high <= few.per_million.high * (1 + 1e-9)
    assert many.fixed == few.fixed


@given(plan=plans, topology=topologies, batch=batches, factor=st.floats(1, 1000))
def test_equal_batches_cost_the_same_at_any_volume(
    plan: Plan, topology: str, batch: int, factor: float
) -> None:
    """With full batches, a million events cost the same at any volume, and a month costs in proportion."""
    full = replace(plan, events_per_day=1e16)
    one, other = (
        bill(replace(full, events_per_day=volume), topology, batch, PRICES)
        for volume in (1e16, 1e16 * factor)
    )
    if plan.window_seconds > 0.001:  # else nothing gathers
        assert one.fill == other.fill
        assert one.items == other.items
        assert other.variable_per_month.low == pytest.approx(factor * one.variable_per_month.low)


@pytest.mark.parametrize(
    ("to", "batch", "sinks_each", "cost"),
    [
        ("firehose", 1, 1, 5.12 * 0.029),  # 1 M x 5,120 bytes
        ("firehose", 100, 1, 15_360 / 100 / 1000 * 0.029),  # 100 x 130 bytes, rounded up to 15 KiB
        ("s3", 100, 1, 0.05),  # 10,000 objects
        ("s3", 10_000, 2, 0.001),  # 10,000 x 142 bytes are two objects
    ],
)
def test_receipts_cost_a_record_or_an_object_for_each_batch(
    to: str, batch: int, sinks_each: int, cost: float
) -> None:
    """Receipts of a batch are one record, rounded up to 5 KB, or one object, up to 900 KB."""
    made = receipts(PRICES, to, batch, sinks_each).cost
    assert made.low == pytest.approx(cost, rel=0.01)
