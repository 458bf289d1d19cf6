"""Cautions: what is wrong along a path besides what breaks it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.doctor.call import SIGN_IN, SIGN_IN_OF_THE_GUIDE
from trailforward.doctor.delivery.own import own_call
from trailforward.doctor.delivery.path import Flaw
from trailforward.doctor.delivery.policies import admits
from trailforward.doctor.delivery.roles import request_of
from trailforward.doctor.links import read_arn
from trailforward.errors import PatternError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery.path import Path
    from trailforward.doctor.delivery.trip import Trip
    from trailforward.doctor.index import PlacedRule, PlacedTarget


def cautions(trip: Trip, path: Path) -> Iterator[Flaw]:
    """The warnings along a path, in its order."""
    for rule in path.rules:
        yield from _without_source(trip, rule)
        yield from _spelling(trip, path, rule)
    for rule, target in path.targets:
        yield from _dead_letters(trip, rule, target)
    if path.end is None:
        yield from _loop(trip)


def _without_source(trip: Trip, rule: PlacedRule) -> Iterator[Flaw]:
    """Anyone who may put events can forge a match; PutEvents refuses sources that begin with ``aws.``.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """
    pattern = trip.index.pattern(rule)
    if not isinstance(pattern, PatternError) and any("source" not in fields for fields in pattern.rules):
        yield Flaw("PATTERN_WITHOUT_SOURCE", rule.link, {})


def _spelling(trip: Trip, path: Path, rule: PlacedRule) -> Iterator[Flaw]:
    """A sign-in that missed a rule which lists the guide's spelling only, or passed one by one spelling."""
    if not trip.call.is_sign_in:
        return
    if path.end is not None and path.end.code == "PATTERN_MISMATCH" and path.end.at == rule.link:
        listed = _detail_types(rule)
        if SIGN_IN_OF_THE_GUIDE in listed and SIGN_IN not in listed:
            yield Flaw("SIGNIN_SPELLING", rule.link, {})
        return
    spelling = trip.call.detail_type
    other = {**trip.event, "detail-type": SIGN_IN_OF_THE_GUIDE if spelling == SIGN_IN else SIGN_IN}
    pattern = trip.index.pattern(rule)
    if not isinstance(pattern, PatternError) and not pattern.matches(other):
        yield Flaw("SIGNIN_ONE_SPELLING", rule.link, {"spelling": spelling})


def _detail_types(rule: PlacedRule) -> list[Any]:
    listed = json.loads(rule.pattern).get("detail-type", [])
    return listed if isinstance(listed, list) else []


def _dead_letters(trip: Trip, rule: PlacedRule, target: PlacedTarget) -> Iterator[Flaw]:
    """A standard queue in the rule's Region that lets EventBridge send.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    at, arn = target.link, target.target.dlq
    if arn is None:
        yield Flaw("DLQ_MISSING", at, {"dlq": "has no dead-letter queue"})
        return
    parsed = read_arn(arn)
    if parsed is not None and parsed.region != rule.bus.region:
        yield Flaw("DLQ_OTHER_REGION", at, {"there": parsed.region, "here": rule.bus.region})
    queue = trip.index.resources.get(arn)
    if queue is None:
        yield _no_queue(trip, at, arn)
        return
    if queue.fifo or arn.endswith(".fifo"):
        yield Flaw("DLQ_NOT_STANDARD", at, {})
    if (
        admits(queue.policy, request_of(trip, rule, None, "sqs:SendMessage", arn), needs_allow=True)
        is not True
    ):
        yield Flaw("DLQ_POLICY", at, {"rule": rule.arn})


def _no_queue(trip: Trip, at: str, arn: str) -> Flaw:
    """A dead-letter queue that is not in the world: missing, or not looked at."""
    parsed = read_arn(arn)
    if parsed is not None:
        reason = trip.index.unseen("resources", parsed.account, parsed.region)
        if parsed.account not in trip.index.accounts:
            reason = f"account {parsed.account} was not read"
        if reason is not None:
            return Flaw("NOT_SEEN", at, {"what": "dead-letter queue", "reason": reason})
    return Flaw("DLQ_MISSING", at, {"dlq": f"names a dead-letter queue that does not exist ({arn})"})


def _loop(trip: Trip) -> Iterator[Flaw]:
    """The pipeline's own call comes back to it: data events multiply, management events trickle."""
    own = own_call(trip.index, trip.call)
    if own is None:
        return
    data = trip.call.category == "Data"
    facts = {
        "reason": own.reason,
        "gain": ", and each such event makes at least one more" if data else ", in a bounded trickle",
        "remedy": own.remedy,
    }
    yield Flaw("LOOP_RISK", trip.call.link, facts, "critical" if data else None)
