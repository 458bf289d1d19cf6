"""The cost of each stage between EventBridge and the destinations, for a million events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trailforward.pricing.items import Item, Term, item, millions, number

if TYPE_CHECKING:
    from trailforward.pricing.prices import Prices

_CHUNK = 64 * 1024
#: Most messages in one call of SQS or SNS.
_MESSAGES = 10

#: Bytes that CloudWatch Logs adds to each line.
LOG_EVENT = 26
#: Bytes that the function logs: one line of metrics per destination, one line per Region in the batch, in the
#: latter one value per event and destination, and one line per route with metrics that matches an event of
#: the batch. A test compares them with the output of telemetry.
SINK_LINE, REGION_LINE, LATENCY, ROUTE_LINE = 590 + LOG_EVENT, 240 + LOG_EVENT, 6, 280 + LOG_EVENT

#: Bytes of a receipt for one sink, and for each further one; a test compares them with the receipts of the
#: sample events. Most bytes of a record of receipts, and the unit to which Firehose rounds it up.
RECEIPT, RECEIPT_SINK, _RECEIPTS, _FIREHOSE = 130, 12, 900_000, 5 * 1024


def chunks(size: float) -> int:
    """Returns how many 64 KB chunks a service counts for a number of bytes."""
    return max(1, math.ceil(size / _CHUNK))


def calls(batch: float, event_bytes: int) -> float:
    """Returns the billed SQS or SNS calls per event, with at most ten events of a batch in each call."""
    messages = min(batch, _MESSAGES)
    return chunks(messages * event_bytes) / messages


def hop(prices: Prices, event_bytes: int) -> Item:
    """From one event bus to another."""
    times = chunks(event_bytes)
    return item("hop", millions(times, "events"), times, prices["hop"])


def cross_account(prices: Prices, event_bytes: int) -> Item:
    """From an event bus to a service in another account."""
    times = chunks(event_bytes)
    return item("cross-account", millions(times, "events"), times, prices["cross-account"])


def transfer(prices: Prices, event_bytes: int, copies: int = 1) -> Item:
    """From one Region to another, for a number of copies."""
    size = event_bytes * copies / 1000
    of = f"{copies} x " if copies > 1 else ""
    return item("transfer", f"1 M x {of}{event_bytes:,} bytes = {number(size)} GB", size, prices["transfer"])


def queue(prices: Prices, batch: float, event_bytes: int) -> Item:
    """Through a queue: one send per event, and receives and deletes with as many events as a batch allows."""
    sends = chunks(event_bytes)
    receives, deletes = calls(batch, event_bytes), 1 / min(batch, _MESSAGES)
    words = (millions(sends, "sends"), millions(receives, "receives"), millions(deletes, "deletes"))
    return item("queue", " + ".join(words), sends + receives + deletes, prices["queue"])


def function(prices: Prices, batch: float, memory_mb: int, milliseconds: float, architecture: str) -> Item:
    """A Lambda function that runs once per batch."""
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


def state(prices: Prices, share: float) -> Item:
    """The table of ``once`` and ``threshold``: at most a read and two writes for each event that matches."""
    return Item(
        "state",
        (
            Term(f"{millions(share, 'reads')} of at most 4 KB", share, prices["table-read"]),
            Term(f"2 x {millions(share, 'writes')} of at most 1 KB", 2 * share, prices["table-write"]),
        ),
    )


def receipts(prices: Prices, to: str, batch: float, sinks: int) -> Item:
    """The receipts of each batch: one Firehose record or one object, unless they are larger than 900 KB."""
    size = batch * (RECEIPT + (sinks - 1) * RECEIPT_SINK)
    records = math.ceil(size / _RECEIPTS)
    if to == "s3":
        return item("receipts", millions(records / batch, "objects"), records / batch, prices["put"])
    rounded = math.ceil(size / records / _FIREHOSE) * _FIREHOSE * records
    gigabytes = rounded / batch / 1000
    what = f"{number(gigabytes)} GB, each batch as {rounded:,} bytes"
    return item("receipts", what, gigabytes, prices["firehose"])


def log_lines(prices: Prices, batch: float, sinks: int, regions: float, routes: float = 0) -> Item:
    """The metrics of the function, in EMF: lines per destination, per Region in the batch, and per route."""
    bytes_a_batch = sinks * SINK_LINE + regions * REGION_LINE + batch * sinks * LATENCY + routes * ROUTE_LINE
    size = bytes_a_batch / batch / 1000
    words = f"{millions(1 / batch, '')}x {bytes_a_batch:,.0f} bytes of metrics = {number(size)} GB"
    return item("log lines", words, size, prices["logs"])
