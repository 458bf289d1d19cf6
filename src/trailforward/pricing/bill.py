"""The bill of a plan: the cost of a million events, and the fixed cost of a month."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trailforward.pricing import stages
from trailforward.pricing.canary import canary
from trailforward.pricing.destinations import DESTINATIONS
from trailforward.pricing.items import Item, Range, Term, add, count, item, number, reduced, total
from trailforward.pricing.plan import POLLERS, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.pricing.plan import Fill, Plan
    from trailforward.pricing.prices import Prices

DAYS = 30
_MILLION = 1_000_000

#: Metrics that the alarms of sam/template.yaml watch, without those of each destination. AWS bills them.
#: Without a queue, there is no alarm on the age or the number of messages.
_ALARMS = {"hub": 16, "regional": 16, "collector": 14, "direct": 7}
#: Alarms on queries, which watch one metric per destination: the ledger and unavailable destinations.
_QUERIES = 2
#: A composite alarm costs as much as five metrics (from memory).
_COMPOSITE = {"hub": 5, "regional": 5, "collector": 5, "direct": 0}
#: Metrics that telemetry writes per destination, in addition to the latency per Region.
_METRICS = 8
#: Metrics per route: ``matched``, and ``alerted`` or ``dropped``.
_ROUTE_METRICS = 2
#: Metrics that the daily doctor writes, and its alarms.
_DOCTOR_METRICS = 4
_DOCTOR_ALARMS = 2
#: Objects that it reads or writes in S3 per run, at the price of a write; reading costs less.
_DOCTOR_OBJECTS = 6
#: DoctorMemorySize of sam/template.yaml, in GB.
_DOCTOR_GB = 1.0
#: Seconds for each pair of account and Region, and for the rest of a run. Local figures, not Lambda's: ten
#: calls of 0.3 s for each pair, 16 at the same time.
_DOCTOR_PAIR = 0.2
_DOCTOR_REST = 20
#: Seconds of its three attempts.
_DOCTOR_MOST = 2_700
#: Seconds of one receive on an empty queue: the longest wait of SQS. The wait of Lambda is from memory.
_WAIT = 20
#: Queues per stack that Lambda polls: events and retries.
_QUEUES = 2


@dataclass(frozen=True, slots=True)
class Bill:
    """The cost of one topology with one batch size.

    Attributes:
        topology: one of ``TOPOLOGIES``.
        fill: how full the batches get.
        events: number of events per month.
        items: items for a million events, in the order of the pipeline.
        fixed: items for a month, independent of the number of events.
        saved: dollars that drop rules save for a million events.
    """

    topology: str
    fill: Fill
    events: float
    items: tuple[Item, ...]
    fixed: tuple[Item, ...]
    saved: Range

    @property
    def per_million(self) -> Range:
        """Dollars for a million events, without the fixed cost."""
        return total(self.items)

    @property
    def variable_per_month(self) -> Range:
        """Dollars for the events of a month."""
        return self.per_million.times(self.events / _MILLION)

    @property
    def saved_per_month(self) -> Range:
        """Dollars that drop rules save in a month."""
        return self.saved.times(self.events / _MILLION)

    @property
    def fixed_per_month(self) -> Range:
        """Dollars for a month without events."""
        return total(self.fixed)

    @property
    def per_month(self) -> Range:
        """Dollars for a month: events and fixed cost."""
        return add([self.variable_per_month, self.fixed_per_month])


def bill(plan: Plan, topology: str, batch_size: int, prices: Prices) -> Bill:
    """Returns the bill of a plan.

    Args:
        plan: the plan.
        topology: one of ``TOPOLOGIES``.
        batch_size: ``BatchSize``; ``direct`` ignores it, because each invocation has one event.
        prices: the price list.
    """
    filled = fill(plan, topology, batch_size)
    items = tuple(_items(plan, topology, filled.events, prices))
    whole = total(_items(replace(plan, dropped=0), topology, filled.events, prices))
    saved = Range(whole.low - total(items).low, whole.high - total(items).high)
    fixed = tuple(_fixed(plan, topology, prices))
    if plan.canary and topology != "direct":
        fixed += (canary(plan, topology, items, prices),)
    return Bill(topology, filled, plan.events_per_day * DAYS, items, fixed, saved)


def _items(plan: Plan, topology: str, batch: float, prices: Prices) -> Iterator[Item]:
    if topology == "hub":
        yield stages.hop(prices, plan.event_bytes)
    if topology == "collector" and plan.accounts > 1:
        yield stages.cross_account(prices, plan.event_bytes)
    # All destinations are in one Region. The hub is in the same Region; other topologies send a copy to each.
    copies = 1 if topology == "hub" else plan.sinks - plan.to.count("http")
    if plan.regions > 1 and copies:
        transfer = stages.transfer(prices, plan.event_bytes, copies)
        yield transfer if topology == "hub" else reduced(transfer, plan.dropped)
    if topology != "direct":
        yield stages.queue(prices, batch, plan.event_bytes)
    milliseconds = plan.ms_per_call + batch * plan.ms_per_event
    yield stages.function(prices, batch, plan.memory_mb, milliseconds, plan.architecture)
    regions = plan.regions if topology == "hub" else 1
    accounts = plan.accounts if topology in {"hub", "collector"} else 1
    routes = min(batch, plan.metered_routes)
    yield stages.log_lines(prices, batch, plan.sinks, min(batch, regions), routes)
    if plan.remembered:
        yield stages.state(prices, plan.remembered)
    if plan.receipts:
        yield stages.receipts(prices, plan.receipts, batch, plan.sinks)
    for kind in plan.to:
        whole = DESTINATIONS[kind](prices, plan, batch, min(batch, regions * accounts))
        yield reduced(whole, plan.dropped)


def _fixed(plan: Plan, topology: str, prices: Prices) -> Iterator[Item]:
    stacks = plan.stacks(topology)
    each = f"{stacks:,} x " if stacks > 1 else ""
    regions = plan.regions if topology == "hub" else 1
    metrics = _METRICS * plan.sinks + regions + _ROUTE_METRICS * plan.metered_routes
    words = f"{each}({_METRICS} x {count(plan.sinks, 'sink')} + {count(regions, 'Region')})"
    if plan.metered_routes:
        words = f"{words[:-1]} + {_ROUTE_METRICS} x {count(plan.metered_routes, 'route')})"
    yield item("metrics", words, stacks * metrics, prices["metric"])
    alarms = _ALARMS[topology] + _COMPOSITE[topology] + _QUERIES * plan.sinks
    alarms += bool(plan.receipts)
    yield item("alarms", f"{each}{alarms}", stacks * alarms, prices["alarm"])
    if topology in {"hub", "collector"}:
        # Of the dead letters beside each rule (regional.yaml), and of failed instances of the StackSets.
        words = f"{count(plan.regions, 'Region')} x {count(plan.accounts, 'account')} + 1"
        yield item("rule alarms", words, plan.regions * plan.accounts + 1, prices["alarm"])
    yield item("dashboard", f"{stacks:,}", stacks, prices["dashboard"])
    if plan.daily_doctor:
        yield _doctor(plan, topology, stacks, prices)
    if topology == "direct":
        return
    receives = stacks * _QUEUES * POLLERS * DAYS * 86_400 / _WAIT / _MILLION
    calls = f"{_QUEUES} queues x {POLLERS} pollers x {DAYS} days / {_WAIT} s"
    words = f"{each}{calls} = {number(receives)} M receives"
    yield item("polling", words, receives, prices["queue"])


def _doctor(plan: Plan, topology: str, stacks: int, prices: Prices) -> Item:
    """The daily doctor of each stack, without the storage of its reports: some cents."""
    shared = topology == "hub"
    pairs = plan.regions * plan.accounts if shared else plan.regions * plan.accounts / stacks
    seconds = min(_DOCTOR_REST + pairs * _DOCTOR_PAIR, _DOCTOR_MOST)
    each = f"{stacks:,} x " if stacks > 1 else ""
    runs = stacks * DAYS
    memory = runs * seconds * _DOCTOR_GB
    words = f"{each}{DAYS} runs x {number(seconds)} s x {_DOCTOR_GB:g} GB"
    writes = runs * _DOCTOR_OBJECTS / _MILLION
    return Item(
        "daily doctor",
        (
            Term(words, memory, prices["arm64"]),
            Term(f"{each}{DAYS} x {_DOCTOR_OBJECTS} objects", writes, prices["put"]),
            Term(f"{each}{_DOCTOR_METRICS}", stacks * _DOCTOR_METRICS, prices["metric"]),
            Term(f"{each}{_DOCTOR_ALARMS}", stacks * _DOCTOR_ALARMS, prices["alarm"]),
        ),
    )
