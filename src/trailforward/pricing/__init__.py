"""Pricing: estimates what it costs to forward events, with the arithmetic.

::

    from trailforward.pricing import Plan, bill, load_prices

    hub = bill(Plan(events_per_day=2_000_000), "hub", 500, load_prices())
    hub.per_million.low  # dollars
    [str(term) for item in hub.items for term in item.terms]  # "1 M sends + … at $0.40 per million calls = …"

Prices are list prices (``prices.toml``). Only ``aws_prices`` makes network calls. A month has 30 days.
"""

from __future__ import annotations

from trailforward.pricing.bill import Bill, bill
from trailforward.pricing.destinations import DESTINATIONS
from trailforward.pricing.items import Item, Range, Term, total
from trailforward.pricing.plan import TOPOLOGIES, Fill, Plan, fill
from trailforward.pricing.prices import Price, PriceError, Prices, load_prices, with_changes, with_listed

__all__ = [
    "DESTINATIONS",
    "TOPOLOGIES",
    "Bill",
    "Fill",
    "Item",
    "Plan",
    "Price",
    "PriceError",
    "Prices",
    "Range",
    "Term",
    "bill",
    "fill",
    "load_prices",
    "total",
    "with_changes",
    "with_listed",
]
