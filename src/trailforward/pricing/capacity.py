"""Which quota a volume of events reaches first, in each topology."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trailforward.pricing.items import number
from trailforward.pricing.plan import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.pricing.plan import Plan

_DAY = 86_400
_EB = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_SCALING = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"
_QUEUE = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"

#: Invocations of targets per second: in the smallest Regions, and in us-east-1, us-west-2, and eu-west-1.
_SMALL, _LARGE = 750, 18_750
_PUT_EVENTS = 10_000
#: Most batches that one event source mapping processes at the same time.
_BATCHES = 1_000
_CONCURRENCY = 1_000
_IN_FLIGHT = 120_000
_RAISABLE, _FIXED = "raisable", "fixed"


@dataclass(frozen=True, slots=True)
class Use:
    """What a volume needs of one quota.

    Attributes:
        quota: the quota: of what, and in which Region.
        need: the need, in the unit of the quota.
        limit: the quota's default value.
        arithmetic: how the need was calculated.
        change: ``raisable`` if AWS raises it, or the resource can be made larger; otherwise ``fixed``.
        source: where the quota is documented, or ``from memory``.
    """

    quota: str
    need: float
    limit: float
    arithmetic: str
    change: str
    source: str

    @property
    def share(self) -> float:
        """The need as a share of the quota: from 1, the quota is reached."""
        return self.need / self.limit


def capacity(plan: Plan, topology: str, batch_size: int, peak: float = 1) -> list[Use]:
    """Returns the uses of all quotas, the one that is reached first at the beginning.

    Quotas are the defaults. A queue has no quota of messages per second.

    Args:
        plan: the plan; events are evenly distributed over Regions and accounts.
        topology: one of ``TOPOLOGIES``.
        batch_size: ``BatchSize``; ``direct`` ignores it.
        peak: how many times the average the busiest seconds have.
    """
    rate = plan.events_per_day / _DAY * peak
    uses = [*_rules(plan, topology, rate), *_functions(plan, topology, batch_size, rate, peak)]
    uses += [use for kind in dict.fromkeys(plan.to) for use in _destination(plan, kind, rate)]
    return sorted(uses, key=lambda use: -use.share)


def _rules(plan: Plan, topology: str, rate: float) -> Iterator[Use]:
    each = rate / plan.regions / plan.accounts
    words = f"{number(rate)} events/s / {plan.regions} Regions / {plan.accounts} accounts"
    yield Use("rules in the smallest Regions: invocations/s", each, _SMALL, words, _RAISABLE, _EB)
    if topology == "hub":
        words = f"{number(rate)} events/s through one bus"
        yield Use("hub bus in a large Region: invocations/s", rate, _LARGE, words, _RAISABLE, _EB)
        words += "; whether deliveries of other buses count is not documented"
        yield Use("hub bus in a large Region: PutEvents/s", rate, _PUT_EVENTS, words, _RAISABLE, _EB)


def _functions(plan: Plan, topology: str, batch_size: int, rate: float, peak: float) -> Iterator[Use]:
    stacks = plan.stacks(topology)
    each = rate / stacks
    filled = fill(replace(plan, events_per_day=plan.events_per_day * peak), topology, batch_size)
    seconds = (plan.ms_per_call + filled.events * plan.ms_per_event) / 1000
    at_once = each / filled.events * seconds
    words = f"{number(each)} events/s and function / {number(filled.events)} in a batch x {seconds:.3g} s"
    name = "Lambda in one account and Region: concurrency"
    yield Use(name, at_once, _CONCURRENCY, words, _RAISABLE, _LAMBDA)
    if topology == "direct":
        return
    yield Use("pollers of one queue: batches at once", at_once, _BATCHES, words, _FIXED, _SCALING)
    in_flight = at_once * filled.events
    words = f"{number(at_once)} batches x {number(filled.events)} messages"
    yield Use("one queue: messages in flight", in_flight, _IN_FLIGHT, words, _RAISABLE, _QUEUE)


#: Kind → (quota, unit, per second, change, source). The unit is ``event``, ``byte``, or the most events
#: in one call.
_RATES: dict[str, tuple[tuple[str, str | int, float, str, str], ...]] = {
    "kinesis": (
        (
            "one Kinesis shard: records/s",
            "event",
            1_000,
            _RAISABLE,
            "https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html",
        ),
        (
            "one Kinesis shard: bytes/s",
            "byte",
            1_048_576,
            _RAISABLE,
            "https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html",
        ),
    ),
    "firehose": (
        (
            "Firehose stream in a large Region: bytes/s",
            "byte",
            5 * 1_048_576,
            _RAISABLE,
            "https://docs.aws.amazon.com/firehose/latest/dev/limits.html",
        ),
    ),
    "sns": (("SNS in us-east-1: messages/s", "event", 30_000, _RAISABLE, "from memory"),),
    "eventbridge": (("bus in a large Region: PutEvents calls/s", 10, _PUT_EVENTS, _RAISABLE, _EB),),
    "logs": (
        (
            "CloudWatch Logs: PutLogEvents calls/s",
            10_000,
            5_000,
            _RAISABLE,
            "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html",
        ),
    ),
    "securityhub": (
        (
            "Security Hub: BatchImportFindings calls/s",
            100,
            10,
            _FIXED,
            "https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html",
        ),
    ),
    "lambda": (("invoked function: invocations/s", "event", 10 * _CONCURRENCY, _RAISABLE, _LAMBDA),),
}


def _destination(plan: Plan, kind: str, rate: float) -> Iterator[Use]:
    kept = rate * (1 - plan.dropped)
    for quota, unit, limit, change, source in _RATES.get(kind, ()):
        words = f"{number(kept)} events/s"
        if unit == "byte":
            need, words = kept * plan.event_bytes, f"{words} x {plan.event_bytes:,} bytes"
        elif isinstance(unit, int):
            need, words = kept / unit, f"{words} / {unit:,} in a full call"
        else:
            need = kept
        if kind == "kinesis":
            words += f": {math.ceil(need / limit):,} shards"
        yield Use(quota, need, limit, words, change, source)
