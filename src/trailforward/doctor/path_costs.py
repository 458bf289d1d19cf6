"""Path costs: US dollars per million events, for each kind of path in a world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from trailforward.doctor.delivery import reach
from trailforward.doctor.world.event_classes import CLASSES
from trailforward.doctor.world.index import ENABLED
from trailforward.doctor.world.links import read_arn
from trailforward.pricing import Item, load_prices, stages, total
from trailforward.pricing.items import item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery import Verdict
    from trailforward.doctor.world.world import World

_WRITE = CLASSES[0]

#: Event size (bytes), function memory (MB) and duration (ms), and messages per queue batch.
_BYTES, _MEMORY, _MILLISECONDS, _BATCH = 3000, 128, 50, 10


@dataclass(frozen=True, slots=True)
class PathCost:
    """The cost of one kind of path.

    Attributes:
        items: the billed items, in the order of the path.
        places: the (account, Region) pairs whose events take such a path.
    """

    items: tuple[Item, ...]
    places: tuple[tuple[str, str], ...]

    @property
    def low(self) -> float:
        """The lowest price, in US dollars per million events."""
        return round(total(self.items).low, 2)

    @property
    def high(self) -> float:
        """The highest price, in US dollars per million events."""
        return round(total(self.items).high, 2)


def prices_as_of() -> str:
    """The date of the price list (ISO 8601)."""
    return load_prices().as_of


def path_costs(world: World) -> tuple[PathCost, ...]:
    """The cost of each kind of path on which write events reach a destination; the most expensive first.

    Streams and API destinations are not included.
    """
    known = _price_list()
    found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for account, regions in sorted(world.accounts.items()):
        for region, status in sorted(regions.items()):
            if status not in ENABLED:
                continue
            verdict = reach(world, _WRITE.call(account, region))
            if verdict.reaches is True:
                found.setdefault(tuple(_items(verdict)), []).append((account, region))
    made = [PathCost(tuple(known[name] for name in items), tuple(places)) for items, places in found.items()]
    return tuple(sorted(made, key=lambda cost: (-cost.high, cost.places)))


def _items(verdict: Verdict) -> Iterator[str]:
    """The names of the items that the links of a path cost."""
    buses = [link.split("/")[:2] for link in verdict.path if link.startswith("bus:")]
    for here, there in pairwise(buses):
        yield "bus"
        if here[1] != there[1]:
            yield "transfer"
    account, region = buses[-1][0].removeprefix("bus:"), buses[-1][1]
    after_topic = False
    for link in verdict.path:
        kind, _, rest = link.partition(":")
        arn = read_arn(rest) if kind in {"topic", "destination"} else None
        if arn is None:
            continue
        if arn.account != account and not after_topic:
            yield "cross-account"
        if arn.region != region:
            yield "transfer"
        if arn.service == "sqs":
            if not after_topic:  # a topic pays for its sends, and SNS delivers to queues for free
                yield "sqs"
            yield "receive"
            yield "batched-function"
        elif arn.service in {"sns", "lambda"}:
            yield arn.service
        after_topic = kind == "topic"
        account, region = arn.account, arn.region


def _price_list() -> dict[str, Item]:
    """The price items by name, per million events."""
    prices = load_prices()
    batched = stages.function(prices, _BATCH, _MEMORY, _MILLISECONDS, "x86_64")
    single = stages.function(prices, 1, _MEMORY, _MILLISECONDS, "x86_64")
    calls = 2 * stages.calls(_BATCH, _BYTES)
    items = (
        replace(stages.hop(prices, _BYTES), name="bus"),
        stages.cross_account(prices, _BYTES),
        stages.transfer(prices, _BYTES),
        item("sqs", "1 M sends", 1, prices["queue"]),
        item("receive", "receives and deletes by tens", calls, prices["queue"]),
        replace(batched, name="batched-function"),
        item("sns", "1 M publishes", 1, prices["topic"]),
        replace(single, name="lambda"),
    )
    return {one.name: one for one in items}
