"""The bill of a plan: what a million events cost, and what a month costs whether any come or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trailforward.pricing import path
from trailforward.pricing.items import Item, Range, add, count, item, number, total
from trailforward.pricing.plan import POLLERS, fill
from trailforward.pricing.sending import DESTINATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.pricing.plan import Fill, Plan
    from trailforward.pricing.prices import Prices

DAYS = 30
_MILLION = 1_000_000

#: Alarms of sam/template.yaml on one metric each; the ledger's looks at one for each destination. Without a
#: queue there is no age to watch.
_ALARMS = {"hub": 10, "regional": 10, "collector": 7, "direct": 7}
#: Metrics that telemetry writes for each destination, beside the latency of each Region.
_METRICS = 8
#: An idle queue answers a receive after so many seconds (SQS's longest wait; Lambda's own is from memory).
_WAIT = 20
#: Queues of a stack that Lambda polls: events and retries.
_QUEUES = 2


@dataclass(frozen=True, slots=True)
class Bill:
    """What one topology costs with one batch size.

    Attributes:
        topology: one of ``TOPOLOGIES``.
        fill: how full its batches get.
        events: a month.
        items: for a million events, in the order of the way.
        fixed: for a month.
    """

    topology: str
    fill: Fill
    events: float
    items: tuple[Item, ...]
    fixed: tuple[Item, ...]

    @property
    def per_million(self) -> Range:
        """For a million events, in dollars, without what is fixed."""
        return total(self.items)

    @property
    def variable_per_month(self) -> Range:
        """For the events of a month, in dollars."""
        return self.per_million.times(self.events / _MILLION)

    @property
    def fixed_per_month(self) -> Range:
        """For a month without events, in dollars."""
        return total(self.fixed)

    @property
    def per_month(self) -> Range:
        """All of it for a month, in dollars."""
        return add([self.variable_per_month, self.fixed_per_month])


def bill(plan: Plan, topology: str, batch_size: int, prices: Prices) -> Bill:
    """What a plan costs.

    Args:
        plan: the plan.
        topology: one of ``TOPOLOGIES``.
        batch_size: ``BatchSize``; ``direct`` takes one event at a time whatever it is.
        prices: the price list.
    """
    filled = fill(plan, topology, batch_size)
    items = tuple(_items(plan, topology, filled.events, prices))
    fixed = tuple(_fixed(plan, topology, prices))
    return Bill(topology, filled, plan.events_per_day * DAYS, items, fixed)


def _items(plan: Plan, topology: str, batch: float, prices: Prices) -> Iterator[Item]:
    if topology == "hub":
        yield path.hop(prices, plan.event_bytes)
    if topology == "collector" and plan.accounts > 1:
        yield path.cross_account(prices, plan.event_bytes)
    # Destinations lie in one Region. The hub lies there too; the others send to each on its own.
    copies = 1 if topology == "hub" else plan.sinks - plan.to.count("http")
    if plan.regions > 1 and copies:
        yield path.transfer(prices, plan.event_bytes, copies)
    if topology != "direct":
        yield path.queue(prices, batch, plan.event_bytes)
    milliseconds = plan.ms_per_call + batch * plan.ms_per_event
    yield path.function(prices, batch, plan.memory_mb, milliseconds, plan.architecture)
    regions = plan.regions if topology == "hub" else 1
    accounts = plan.accounts if topology in {"hub", "collector"} else 1
    yield path.log_lines(prices, batch, plan.sinks, min(batch, regions))
    for kind in plan.to:
        yield DESTINATIONS[kind](prices, plan, batch, min(batch, regions * accounts))


def _fixed(plan: Plan, topology: str, prices: Prices) -> Iterator[Item]:
    stacks = plan.stacks(topology)
    each = f"{stacks:,} x " if stacks > 1 else ""
    regions = plan.regions if topology == "hub" else 1
    metrics = _METRICS * plan.sinks + regions
    words = f"{each}({_METRICS} x {count(plan.sinks, 'sink')} + {count(regions, 'Region')})"
    yield item("metrics", words, stacks * metrics, prices["metric"])
    alarms = _ALARMS[topology] + plan.sinks
    yield item("alarms", f"{each}{alarms}", stacks * alarms, prices["alarm"])
    yield item("dashboard", f"{stacks:,}", stacks, prices["dashboard"])
    if topology == "direct":
        return
    receives = stacks * _QUEUES * POLLERS * DAYS * 86_400 / _WAIT / _MILLION
    calls = f"{_QUEUES} queues x {POLLERS} pollers x {DAYS} days / {_WAIT} s"
    words = f"{each}{calls} = {number(receives)} M receives"
    yield item("polling", words, receives, prices["queue"])
