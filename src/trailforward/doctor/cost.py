"""Cost: dollars for a million events, for the ways that events take in a world (``prices.toml``)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from trailforward.doctor.classes import CLASSES
from trailforward.doctor.delivery import reach
from trailforward.doctor.index import ENABLED
from trailforward.doctor.links import read_arn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery import Verdict
    from trailforward.doctor.world import World

_WRITE = CLASSES[0]


@dataclass(frozen=True, slots=True)
class Price:
    """One item of the bill, in dollars for a million events.

    Attributes:
        name: of the item.
        about: what it is.
        low: at least.
        high: at most.
        source: where the price stands.
    """

    name: str
    about: str
    low: float
    high: float
    source: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What one kind of way costs.

    Attributes:
        items: what is paid for, in the order of the way.
        places: the (account, Region) pairs whose events take such a way.
    """

    items: tuple[Price, ...]
    places: tuple[tuple[str, str], ...]

    @property
    def low(self) -> float:
        """At least, in dollars for a million events."""
        return round(sum(item.low for item in self.items), 2)

    @property
    def high(self) -> float:
        """At most."""
        return round(sum(item.high for item in self.items), 2)


def prices_as_of() -> str:
    """The day of the prices."""
    return str(_table()["as_of"])


def costs(world: World) -> tuple[Cost, ...]:
    """What forwarding costs, for each kind of way that write events take to a destination; dearest first.

    Prices that the table does not have (streams, API destinations) are not in the sum.
    """
    found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for account, regions in sorted(world.accounts.items()):
        for region, status in sorted(regions.items()):
            if status not in ENABLED:
                continue
            answer = reach(world, _WRITE.call(account, region))
            if answer.reaches is True:
                found.setdefault(tuple(_items(answer)), []).append((account, region))
    made = [Cost(tuple(map(_price, items)), tuple(places)) for items, places in found.items()]
    return tuple(sorted(made, key=lambda cost: (-cost.high, cost.places)))


def _items(answer: Verdict) -> Iterator[str]:
    """What the links of a way cost, by name."""
    buses = [link.split("/")[:2] for link in answer.path if link.startswith("bus:")]
    for here, there in pairwise(buses):
        yield "bus"
        if here[1] != there[1]:
            yield "transfer"
    account, region = buses[-1][0].removeprefix("bus:"), buses[-1][1]
    behind = False
    for link in answer.path:
        kind, _, rest = link.partition(":")
        arn = read_arn(rest) if kind in {"topic", "destination"} else None
        if arn is None:
            continue
        if arn.account != account and not behind:
            yield "cross-account"
        if arn.region != region:
            yield "transfer"
        if arn.service == "sqs":
            yield from (("sqs-behind-topic",) if behind else ("sqs", "receive"))
            yield "batched-function"
        elif arn.service in _table():
            yield arn.service
        behind = kind == "topic"
        account, region = arn.account, arn.region


def _price(name: str) -> Price:
    return Price(name, **_table()[name])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("prices.toml").read_text("utf-8"))
