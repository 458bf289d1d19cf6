"""What each link of an event's way takes, for a million events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trailforward.pricing.items import Item, Term, item, millions, number

if TYPE_CHECKING:
    from trailforward.pricing.prices import Prices

_CHUNK = 64 * 1024
#: Most messages that a call of SQS or SNS takes.
_MESSAGES = 10

#: What CloudWatch Logs adds to each line, in bytes.
LOG_EVENT = 26
#: What the function writes: a line of metrics for each destination and for each Region of a batch, and in the
#: latter a value for each event and destination. A test compares them with what telemetry really writes.
SINK_LINE, REGION_LINE, LATENCY = 590 + LOG_EVENT, 240 + LOG_EVENT, 6


def chunks(size: float) -> int:
    """How often a service counts a call of so many bytes."""
    return max(1, math.ceil(size / _CHUNK))


def calls(batch: float, event_bytes: int) -> float:
    """Calls of SQS or SNS for each event, when a call takes a batch or ten events of it."""
    messages = min(batch, _MESSAGES)
    return chunks(messages * event_bytes) / messages


def hop(prices: Prices, event_bytes: int) -> Item:
    """From a bus to a bus."""
    times = chunks(event_bytes)
    return item("hop", millions(times, "events"), times, prices["hop"])


def cross_account(prices: Prices, event_bytes: int) -> Item:
    """From a bus to a service of another account."""
    times = chunks(event_bytes)
    return item("cross-account", millions(times, "events"), times, prices["cross-account"])


def transfer(prices: Prices, event_bytes: int, copies: int = 1) -> Item:
    """From Region to Region, so many times."""
    size = event_bytes * copies / 1000
    of = f"{copies} x " if copies > 1 else ""
    return item("transfer", f"1 M x {of}{event_bytes:,} bytes = {number(size)} GB", size, prices["transfer"])


def queue(prices: Prices, batch: float, event_bytes: int) -> Item:
    """Into a queue and out of it: a send for each event, receives and deletes as full as the batch allows."""
    sends = chunks(event_bytes)
    receives, deletes = calls(batch, event_bytes), 1 / min(batch, _MESSAGES)
    words = (millions(sends, "sends"), millions(receives, "receives"), millions(deletes, "deletes"))
    return item("queue", " + ".join(words), sends + receives + deletes, prices["queue"])


def function(prices: Prices, batch: float, memory_mb: int, milliseconds: float, architecture: str) -> Item:
    """A function that runs once a batch, for so long."""
    invocations = 1 / batch
    seconds = invocations * milliseconds * memory_mb / 1024 * 1000
    words = (
        f"{millions(invocations, '')}x {memory_mb / 1024:g} GB x {milliseconds:,.4g} ms "
        f"= {number(seconds)} GB-s"
    )
    return Item(
        "function",
        (
            Term(millions(invocations, "invocations"), invocations, prices["invocation"]),
            Term(words, seconds, prices[architecture]),
        ),
    )


def log_lines(prices: Prices, batch: float, sinks: int, regions: float) -> Item:
    """What a function writes, by EMF its metrics: a line a destination, and a line a Region of the batch."""
    bytes_a_batch = sinks * SINK_LINE + regions * REGION_LINE + batch * sinks * LATENCY
    size = bytes_a_batch / batch / 1000
    words = f"{millions(1 / batch, '')}x {bytes_a_batch:,.0f} bytes of metrics = {number(size)} GB"
    return item("log lines", words, size, prices["logs"])
