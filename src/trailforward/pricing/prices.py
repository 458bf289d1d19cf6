"""The one price list (``prices.toml``), and changes to it."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from trailforward.errors import TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class PriceError(TrailforwardError):
    """Changes to prices that cannot be used; the text names each price and the fix."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit costs.

    Attributes:
        name: of the price.
        about: what is paid for.
        unit: what is counted: ``million calls``, ``GB``, ``GB-s`` …
        low: at least, in dollars.
        high: at most; differs from ``low`` where Regions do.
        source: where the price stands.
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
        as_of: the day that the prices are of.
        by_name: all of them.
    """

    as_of: str
    by_name: Mapping[str, Price]

    def __getitem__(self, name: str) -> Price:
        return self.by_name[name]


@cache
def load_prices() -> Prices:
    """The prices that trailforward knows."""
    table = tomllib.loads(files(__package__).joinpath("prices.toml").read_text("utf-8"))
    as_of = table.pop("as_of")
    known = {}
    for name, entry in table.items():
        low, high = _range(entry.pop("dollars"))
        known[name] = Price(name=name, low=low, high=high, **entry)
    return Prices(as_of, known)


def with_changes(prices: Prices, text: str, where: str) -> Prices:
    """A price list with some prices changed.

    Args:
        prices: the list.
        text: TOML, such as ``queue = 0.44``, ``transfer = [0.02, 0.147]``; and ``as_of``, their day.
        where: what to call the text, as source and in errors.

    Raises:
        PriceError: it is no TOML, or names no known price, or gives no dollars; every fault is listed.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PriceError(f"{where} is not TOML: {error}. Write lines such as queue = 0.44") from None
    as_of = table.pop("as_of", prices.as_of)
    problems = list(_problems(table, as_of, prices))
    if problems:
        raise PriceError("\n".join(f"{where}: {problem}" for problem in problems))
    changed = dict(prices.by_name)
    for name, value in table.items():
        low, high = _range(value)
        changed[name] = replace(changed[name], low=low, high=high, source=where)
    return Prices(str(as_of), changed)


def _problems(table: Mapping[str, Any], as_of: Any, prices: Prices) -> Iterator[str]:
    if not isinstance(as_of, str | dt.date):
        yield 'as_of is the day of these prices, such as "2027-01-31"'
    for name, value in table.items():
        if name not in prices.by_name:
            alike = get_close_matches(name, prices.by_name, 1) or sorted(prices.by_name)
            yield f"there is no price {name}; write {' or '.join(alike)}"
        elif not _is_range(value):
            yield f"{name} = {value!r} is no price; write dollars per {prices[name].unit}, or [low, high]"


def _is_range(value: Any) -> bool:
    ends = value if isinstance(value, list) and len(value) == 2 else [value, value]  # noqa: PLR2004
    return all(
        isinstance(end, int | float) and not isinstance(end, bool) and math.isfinite(end) and end >= 0
        for end in ends
    ) and bool(ends[0] <= ends[1])


def _range(value: Any) -> tuple[float, float]:
    low, high = value if isinstance(value, list) else (value, value)
    return float(low), float(high)
