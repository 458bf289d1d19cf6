"""The cost of the stack's canary in a month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.pricing.items import Item, Term, count, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.pricing.plan import Plan
    from trailforward.pricing.prices import Prices

#: One run an hour, in a month of 30 days.
RUNS = 720
#: Metrics of a stack: ``canary_missing``, ``canary_errors``, and ``canary_sent``.
METRICS = 3
#: Metrics that the alarm watches.
ALARM = 3
#: Memory of the function in GB, and its estimated duration in seconds: for a run, and for each place.
_MEMORY, _RUN_SECONDS, _PLACE_SECONDS = 0.5, 3, 0.5
#: Items of the path that a canary's event takes, up to the function that recognizes it.
_PATH = ("hop", "cross-account", "transfer", "queue", "function")
_MILLION, _THOUSAND = 1_000_000, 1_000


def canary(plan: Plan, topology: str, path: Iterable[Item], prices: Prices) -> Item:
    """The canary's item.

    Args:
        plan: the plan; each Region of each account is one place.
        topology: one of ``TOPOLOGIES`` with a stack.
        path: the items for a million events.
        prices: the price list.
    """
    stacks = plan.stacks(topology)
    places = plan.regions * plan.accounts
    where = f"{count(plan.regions, 'Region')} x {count(plan.accounts, 'account')}"
    several = f"{stacks:,} x " if stacks > 1 else ""
    seconds = RUNS * (stacks * _RUN_SECONDS + places * _PLACE_SECONDS)
    memory = seconds * _MEMORY
    read = RUNS * (places + stacks)
    events = RUNS * places / _MILLION
    terms = [
        Term(f"{where} + {several}{METRICS} metrics", places + METRICS * stacks, prices["metric"]),
        Term(f"{several}{ALARM} metrics in an alarm", stacks * ALARM, prices["alarm"]),
        Term(f"{RUNS} runs x ({places:,} + {stacks}) metrics read", read / _THOUSAND, prices["metric-data"]),
        Term(f"{several}{RUNS} runs", RUNS * stacks / _MILLION, prices["invocation"]),
        Term(f"{number(seconds)} s x {_MEMORY:g} GB = {number(memory)} GB-s", memory, prices["arm64"]),
    ]
    terms += [
        Term(f"{number(events)} M events: {number(events * term.units)}", events * term.units, term.price)
        for item in path
        if item.name in _PATH
        for term in item.terms
    ]
    return Item("canary", tuple(terms))
