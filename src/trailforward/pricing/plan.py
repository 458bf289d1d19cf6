"""A plan: how many events, from where, through what; and how full its batches get."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: docs/topologies.md has them. ``direct``: in each Region and account, a rule invokes the function itself.
TOPOLOGIES = ("hub", "collector", "regional", "direct")

#: Batches that Lambda makes of a queue at once when there is little to do: it may go down to 2, but not where
#: MaximumConcurrency is set, as in sam/template.yaml.
#: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLERS = 5

#: Most bytes of a synchronous invocation (Lambda's quotas).
PAYLOAD = 6 * 1024 * 1024
#: What an event grows by as text in JSON, and what the rest of its SQS record takes: receipt handle, names.
#: The growth was measured on trailforward's samples, the handle's length is from memory.
_QUOTED = 1.11
_RECORD = 800

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be forwarded.

    The durations are local figures, not Lambda's: ``benchmarks/`` measures 50 µs of a core for an event, and
    512 MB are about 0.3 of a core, so 1 ms leaves room for destinations that take ten a call. 40 ms are a
    guess at the round trip to a destination that is not far. Measure yours: the metric ``Duration``.

    Attributes:
        events_per_day: from all Regions and accounts together, taken to come evenly.
        regions: Regions with events.
        accounts: accounts with events.
        sinks: destinations that each event goes to.
        to: kinds of those whose price is known (``DESTINATIONS``).
        event_bytes: of an average event.
        window_seconds: ``MaximumBatchingWindowInSeconds``, as in sam/template.yaml.
        memory_mb: of the function, as in sam/template.yaml.
        ms_per_call: milliseconds of an invocation, whatever the batch.
        ms_per_event: milliseconds that each event adds.
        architecture: ``arm64`` or ``x86_64``.
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

    def stacks(self, topology: str) -> int:
        """How many functions there are, each with a queue (but for ``direct``)."""
        return {"hub": 1, "collector": self.regions}.get(topology, self.regions * self.accounts)


@dataclass(frozen=True, slots=True)
class Fill:
    """How full a batch gets.

    Attributes:
        asked: ``BatchSize``.
        events: in an average batch.
        bound: what keeps it from more: ``size``, ``window`` or ``payload``.
        arithmetic: in words; empty where the batch is as large as was asked.
    """

    asked: int
    events: float
    bound: str
    arithmetic: str = ""


def fill(plan: Plan, topology: str, asked: int) -> Fill:
    """How full the batches of each queue get.

    The first event opens a batch, and the window lets others in; each of Lambda's pollers fills a batch of
    its own (https://github.com/aws/aws-cdk/issues/14826 saw as much). A backlog fills batches better.

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
