"""Cost: dollars for a million events, for the ways that events take in a world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from trailforward.doctor.classes import CLASSES
from trailforward.doctor.delivery import reach
from trailforward.doctor.index import ENABLED
from trailforward.doctor.links import read_arn
from trailforward.pricing import Item, load_prices, stages, total
from trailforward.pricing.items import item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery import Verdict
    from trailforward.doctor.world import World

_WRITE = CLASSES[0]

#: Events of 3 KB, functions of 128 MB that run 50 ms; a queue gives ten events at a time.
_BYTES, _MEMORY, _MILLISECONDS, _BATCH = 3000, 128, 50, 10


@dataclass(frozen=True, slots=True)
class Cost:
    """What one kind of way costs.

    Attributes:
        items: what is paid for, in the order of the way.
        places: the (account, Region) pairs whose events take such a way.
    """

    items: tuple[Item, ...]
    places: tuple[tuple[str, str], ...]

    @property
    def low(self) -> float:
        """At least, in dollars for a million events."""
        return round(total(self.items).low, 2)

    @property
    def high(self) -> float:
        """At most."""
        return round(total(self.items).high, 2)


def prices_as_of() -> str:
    """The day of the prices."""
    return load_prices().as_of


def costs(world: World) -> tuple[Cost, ...]:
    """What forwarding costs, for each kind of way that write events take to a destination; dearest first.

    What streams and API destinations take is not in the sum.
    """
    known = _price_list()
    found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for account, regions in sorted(world.accounts.items()):
        for region, status in sorted(regions.items()):
            if status not in ENABLED:
                continue
            answer = reach(world, _WRITE.call(account, region))
            if answer.reaches is True:
                found.setdefault(tuple(_items(answer)), []).append((account, region))
    made = [Cost(tuple(known[name] for name in items), tuple(places)) for items, places in found.items()]
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
        elif arn.service in {"sns", "lambda"}:
            yield arn.service
        behind = kind == "topic"
        account, region = arn.account, arn.region


def _price_list() -> dict[str, Item]:
    """The items by name, for a million events."""
    prices = load_prices()
    batched = stages.function(prices, _BATCH, _MEMORY, _MILLISECONDS, "x86_64")
    single = stages.function(prices, 1, _MEMORY, _MILLISECONDS, "x86_64")
    calls = 2 * stages.calls(_BATCH, _BYTES)
    items = (
        replace(stages.hop(prices, _BYTES), name="bus"),
        stages.cross_account(prices, _BYTES),
        stages.transfer(prices, _BYTES),
        item("sqs", "1 M sends", 1, prices["queue"]),
        item("sqs-behind-topic", "1 M events", 1, prices["queue-behind-topic"]),
        item("receive", "receives and deletes by tens", calls, prices["queue"]),
        replace(batched, name="batched-function"),
        item("sns", "1 M publishes", 1, prices["topic"]),
        replace(single, name="lambda"),
    )
    return {one.name: one for one in items}
