"""The cost of each kind of destination, for a million events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trailforward.pricing import stages
from trailforward.pricing.items import Item, item, millions, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.pricing.plan import Plan
    from trailforward.pricing.prices import Prices

_UNIT = 25 * 1024
_ROUNDED = 5 * 1024


def _stream(prices: Prices, plan: Plan, _batch: float, _objects: float) -> Item:
    units = math.ceil(plan.event_bytes / _UNIT)
    return item("kinesis", millions(units, "units of 25 KB"), units, prices["stream"])


def _firehose(prices: Prices, plan: Plan, _batch: float, _objects: float) -> Item:
    rounded = math.ceil(plan.event_bytes / _ROUNDED) * _ROUNDED
    what = f"{number(rounded / 1000)} GB, each event as {rounded:,} bytes"
    return item("firehose", what, rounded / 1000, prices["firehose"])


def _topic(prices: Prices, plan: Plan, batch: float, _objects: float) -> Item:
    calls = stages.calls(batch, plan.event_bytes)
    return item("sns", millions(calls, "publishes"), calls, prices["topic"])


def _queue(prices: Prices, plan: Plan, batch: float, _objects: float) -> Item:
    calls = stages.calls(batch, plan.event_bytes)
    return item("sqs", millions(calls, "sends"), calls, prices["queue"])


def _bus(prices: Prices, plan: Plan, _batch: float, _objects: float) -> Item:
    chunks = stages.chunks(plan.event_bytes)
    return item("eventbridge", millions(chunks, "events"), chunks, prices["hop"])


def _logs(prices: Prices, plan: Plan, _batch: float, _objects: float) -> Item:
    size = (plan.event_bytes + stages.LOG_EVENT) / 1000
    return item("logs", f"{number(size)} GB", size, prices["logs"])


def _objects(prices: Prices, _plan: Plan, batch: float, objects: float) -> Item:
    puts = objects / batch
    return item("s3", millions(puts, "objects, one a batch, account and Region"), puts, prices["put"])


def _http(prices: Prices, plan: Plan, _batch: float, _objects: float) -> Item:
    size = plan.event_bytes / 1000
    return item("http", f"{number(size)} GB", size, prices["internet"])


def _findings(prices: Prices, _plan: Plan, _batch: float, _objects: float) -> Item:
    return item("securityhub", millions(1, "findings"), 1, prices["finding"])


def _function(prices: Prices, plan: Plan, _batch: float, _objects: float) -> Item:
    # https://aws.amazon.com/lambda/pricing/: an asynchronous event counts again for each 64 KB beyond 256 KB.
    times = 1 + max(0, math.ceil((plan.event_bytes - 256 * 1024) / (64 * 1024)))
    what = f"{millions(times, 'invocations')}, without the time that the function runs"
    return item("lambda", what, times, prices["invocation"])


def _state_machine(prices: Prices, _plan: Plan, _batch: float, _objects: float) -> Item:
    what = f"{millions(1, 'executions')} of one state; multiply by the states that one runs through"
    return item("stepfunctions", what, 1, prices["transition"])


#: Kind of destination → its item for a million events, from prices, plan, and events and objects per batch.
DESTINATIONS: dict[str, Callable[[Prices, Plan, float, float], Item]] = {
    "kinesis": _stream,
    "firehose": _firehose,
    "sns": _topic,
    "sqs": _queue,
    "eventbridge": _bus,
    "logs": _logs,
    "s3": _objects,
    "securityhub": _findings,
    "lambda": _function,
    "stepfunctions": _state_machine,
    "http": _http,
}
