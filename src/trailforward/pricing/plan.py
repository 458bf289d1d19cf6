"""A plan: number of events, their origin, and the function; and how full batches get."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: docs/topologies.md describes them. ``direct``: in each Region and account, a rule invokes the function.
TOPOLOGIES = ("hub", "collector", "regional", "direct")

#: Number of concurrent pollers per queue when there are few messages. Lambda may reduce it to 2, but not if
#: MaximumConcurrency is set, as in sam/template.yaml.
#: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLERS = 5

#: Most bytes in the payload of a synchronous invocation (Lambda quotas).
PAYLOAD = 6 * 1024 * 1024
#: Growth of an event as a JSON string, and bytes of the rest of its SQS record (receipt handle, names).
#: The growth was measured with the sample events; the length of the handle is from memory.
_QUOTED = 1.11
_RECORD = 800

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Plan:
    """What is forwarded, and by which function.

    The durations are local figures, not Lambda's. ``benchmarks/`` measures 50 µs of one core per event, and
    512 MB are about 0.3 of a core, so 1 ms leaves room for destinations that accept ten events per call. 40
    ms is an estimate of the round trip to a destination that is not far away. Measure yours with the metric
    ``Duration``.

    Attributes:
        events_per_day: events from all Regions and accounts together, assumed to be evenly distributed.
        regions: number of Regions with events.
        accounts: number of accounts with events.
        sinks: number of destinations per event.
        to: kinds of the destinations to include in the bill (``DESTINATIONS``).
        event_bytes: size of an average event.
        window_seconds: ``MaximumBatchingWindowInSeconds``; the default is that of sam/template.yaml.
        memory_mb: ``MemorySize`` of the function; the default is that of sam/template.yaml.
        ms_per_call: milliseconds per invocation, independent of the batch.
        ms_per_event: milliseconds per event.
        architecture: ``arm64`` or ``x86_64``.
        dropped: share of the events that drop rules keep from all destinations, from 0 to 1.
        metered_routes: number of routes with metrics (``route_metrics``).
        daily_doctor: whether the stack runs the doctor every day (``DailyDoctor``).
        canary: whether the stack has its canary.
        receipts: where receipts go: ``firehose``, ``s3``, or empty.
        remembered: share of the events that match routes with ``once`` or ``threshold``, from 0 to 1.
    """

    events_per_day: float
    regions: int = 17
    accounts: int = 1
    sinks: int = 1
    to: tuple[str, ...] = ()
    event_bytes: int = 1500
    window_seconds: float = 1
    memory_mb: int = 512
    ms_per_call: float = 40
    ms_per_event: float = 1
    architecture: str = "arm64"
    dropped: float = 0
    metered_routes: int = 0
    daily_doctor: bool = False
    canary: bool = False
    remembered: float = 0
    receipts: str = ""

    def stacks(self, topology: str) -> int:
        """Returns the number of functions, each with a queue (except ``direct``)."""
        return {"hub": 1, "collector": self.regions}.get(topology, self.regions * self.accounts)


@dataclass(frozen=True, slots=True)
class Fill:
    """How full a batch gets.

    Attributes:
        asked: ``BatchSize``.
        events: number of events in an average batch.
        bound: what limits the batch: ``size``, ``window``, or ``payload``.
        arithmetic: the calculation as text; empty if the batch reaches ``asked``.
    """

    asked: int
    events: float
    bound: str
    arithmetic: str = ""


def fill(plan: Plan, topology: str, asked: int) -> Fill:
    """Returns how full the batches of each queue get.

    The first event opens a batch, and the batch collects events until the window ends. Each poller of Lambda
    fills a separate batch (observed in https://github.com/aws/aws-cdk/issues/14826). A backlog fills batches
    better.

    Args:
        plan: the plan.
        topology: one of ``TOPOLOGIES``.
        asked: ``BatchSize``, at least 1.
    """
    if topology == "direct":
        return Fill(1, 1.0, "size")
    rate = plan.events_per_day / plan.stacks(topology) / _DAY
    gathered = 1 + rate * plan.window_seconds / POLLERS
    record = math.ceil(plan.event_bytes * _QUOTED) + _RECORD
    fitting = max(1, PAYLOAD // record)
    if asked <= min(gathered, fitting):
        return Fill(asked, float(asked), "size")
    if fitting < gathered:
        why = f"Lambda's payload of 6 MB holds {fitting:,} events: {record:,} bytes each as SQS records"
        return Fill(asked, float(fitting), "payload", why)
    why = (
        f"1 + {rate:,.3g} events a second and queue x {plan.window_seconds:g} s / {POLLERS} pollers "
        f"= {gathered:,.3g}"
    )
    return Fill(asked, gathered, "window", why)
