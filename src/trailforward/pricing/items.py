"""Items of a bill, with their arithmetic as text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.pricing.prices import Price

_THOUSAND = 1000
_DIME = 0.1


class Range(NamedTuple):
    """An amount of dollars, from ``low`` to ``high``."""

    low: float
    high: float

    def __str__(self) -> str:
        low, high = dollars(self.low), dollars(self.high)
        return low if low == high else f"{low} to {high.removeprefix('$')}"

    def times(self, factor: float) -> Range:
        """Returns the amount multiplied by a factor."""
        return Range(self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Term:
    """A number of units at a price.

    Attributes:
        what: the units as text: ``1 M sends + 0.1 M receives + 0.1 M deletes``.
        units: number of units, in the unit of the price.
        price: the price of one unit.
    """

    what: str
    units: float
    price: Price

    @property
    def cost(self) -> Range:
        """The cost in dollars."""
        return Range(self.price.low, self.price.high).times(self.units)

    def __str__(self) -> str:
        low, high = exact(self.price.low), exact(self.price.high)
        each = low if low == high else f"{low} to {high}"
        return f"{self.what} at ${each} per {self.price.unit} = {self.cost}"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a bill.

    Attributes:
        name: the name of the item.
        terms: the terms whose sum is the item.
    """

    name: str
    terms: tuple[Term, ...]

    @property
    def cost(self) -> Range:
        """The cost in dollars."""
        return add(term.cost for term in self.terms)


def item(name: str, what: str, units: float, price: Price) -> Item:
    """Returns an item with one term."""
    return Item(name, (Term(what, units, price),))


def reduced(whole: Item, dropped: float) -> Item:
    """Returns an item without a share of its units, from 0 to 1."""
    if not dropped:
        return whole
    kept = 1 - dropped
    terms = (Term(f"{number(kept)} x {term.what}", kept * term.units, term.price) for term in whole.terms)
    return Item(whole.name, tuple(terms))


def add(costs: Iterable[Range]) -> Range:
    """Returns the sum of costs."""
    known = list(costs)
    return Range(sum(cost.low for cost in known), sum(cost.high for cost in known))


def total(items: Iterable[Item]) -> Range:
    """Returns the sum of items, in dollars."""
    return add(item.cost for item in items)


def dollars(amount: float) -> str:
    """Formats dollars: to the cent, from 1,000 to the dollar, and below 0.1 with two significant digits."""
    if amount >= _THOUSAND:
        return f"${amount:,.0f}"
    places = 2 if amount == 0 or amount >= _DIME else max(2, 1 - math.floor(math.log10(amount)))
    text = f"{amount:,.{places}f}"
    return f"${text.removesuffix('0') if places > 2 else text}"  # noqa: PLR2004  # cents


def exact(amount: float) -> str:
    """Formats a price with all its digits, and at least two decimal places."""
    places = max(2, -int(Decimal(str(amount)).normalize().as_tuple().exponent))
    return f"{amount:,.{places}f}"


def count(many: int, thing: str) -> str:
    """Formats a count with its noun: ``1 sink``, ``2 sinks``."""
    return f"{many:,} {thing}{'' if many == 1 else 's'}"


def number(amount: float) -> str:
    """Formats a number with three significant digits: ``0.1``, ``12.6``, ``2,500``."""
    if amount >= _THOUSAND:
        return f"{amount:,.0f}"
    return f"{amount:.3g}"


def millions(amount: float, what: str) -> str:
    """Formats a number of millions: ``0.1 M receives``."""
    return f"{number(amount)} M {what}"
