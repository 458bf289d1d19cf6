"""The price list (``prices.toml``), and a user's changes to it."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from trailforward.errors import TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trailforward.pricing.aws_prices import Listed


class PriceError(TrailforwardError):
    """A file of prices is invalid; the text names each price and the fix."""


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one unit.

    Attributes:
        name: the name of the price.
        about: what the price is for.
        unit: the unit: ``million calls``, ``GB``, ``GB-s`` …
        low: the lowest price, in dollars.
        high: the highest price, in dollars; it differs from ``low`` if Regions have different prices.
        source: where the price is published.
    """

    name: str
    about: str
    unit: str
    low: float
    high: float
    source: str


@dataclass(frozen=True, slots=True)
class Prices:
    """A price list.

    Attributes:
        as_of: the date of the prices.
        by_name: name → price.
        region: the Region of the prices.
        kept: name → why a price is that of ``prices.toml``, and not from the price list of AWS.
    """

    as_of: str
    by_name: Mapping[str, Price]
    region: str = "us-east-1"
    kept: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Price:
        return self.by_name[name]


@cache
def load_prices() -> Prices:
    """Returns the price list of trailforward."""
    table = tomllib.loads(files(__package__).joinpath("prices.toml").read_text("utf-8"))
    as_of = table.pop("as_of")
    known = {}
    for name, entry in table.items():
        low, high = _range(entry.pop("dollars"))
        known[name] = Price(name=name, low=low, high=high, **entry)
    return Prices(as_of, known)


def with_changes(prices: Prices, text: str, where: str) -> Prices:
    """Returns a price list with some prices changed.

    Args:
        prices: the price list.
        text: TOML, such as ``queue = 0.44``, ``transfer = [0.02, 0.147]``, and ``as_of``, the date of the
            prices.
        where: the name of the text, as source and in errors.

    Raises:
        PriceError: the text is not TOML, or a price is unknown or invalid; the error lists every problem.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also integers of thousands of digits, and deep nesting
        raise PriceError(f"{where} is not TOML: {error}. Write lines such as queue = 0.44") from None
    as_of = table.pop("as_of", prices.as_of)
    problems = list(_problems(table, as_of, prices))
    if problems:
        raise PriceError("\n".join(f"{where}: {problem}" for problem in problems))
    changed = dict(prices.by_name)
    for name, value in table.items():
        low, high = _range(value)
        changed[name] = replace(changed[name], low=low, high=high, source=where)
    kept = {name: why for name, why in prices.kept.items() if name not in table}
    return replace(prices, as_of=str(as_of), by_name=changed, kept=kept)


def with_listed(prices: Prices, listed: Listed) -> Prices:
    """Returns a price list with the prices that the price list of AWS gives."""
    changed = dict(prices.by_name)
    for name, (low, high, source) in listed.prices.items():
        changed[name] = replace(changed[name], low=low, high=high, source=source)
    kept = {name: why for name, why in listed.missing.items() if name in changed}
    return Prices(listed.as_of, changed, listed.region, kept)


def _problems(table: Mapping[str, Any], as_of: Any, prices: Prices) -> Iterator[str]:
    if not isinstance(as_of, str | dt.date):
        yield 'as_of is not a date; write a date such as "2027-01-31"'
    for name, value in table.items():
        if name not in prices.by_name:
            similar = get_close_matches(name, prices.by_name, 1) or sorted(prices.by_name)
            yield f"unknown price {name}; write {' or '.join(similar)}"
        elif not _is_range(value):
            yield f"{name} = {value!r} is not a price; write dollars per {prices[name].unit}, or [low, high]"


def _is_range(value: Any) -> bool:
    ends = value if isinstance(value, list) and len(value) == 2 else [value, value]  # noqa: PLR2004
    return all(
        isinstance(end, int | float) and not isinstance(end, bool) and math.isfinite(end) and end >= 0
        for end in ends
    ) and bool(ends[0] <= ends[1])


def _range(value: Any) -> tuple[float, float]:
    low, high = value if isinstance(value, list) else (value, value)
    return float(low), float(high)
