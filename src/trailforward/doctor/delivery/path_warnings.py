"""Path warnings: problems along a path besides the one that breaks it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery.delivery_path import DeliveryPath, RawFinding
from trailforward.doctor.delivery.encryption import through_key
from trailforward.doctor.delivery.matching import match, without_source
from trailforward.doctor.delivery.own_calls import own_call
from trailforward.doctor.delivery.policies import policy_allows
from trailforward.doctor.delivery.roles import request_of
from trailforward.doctor.world.call import SIGN_IN, SIGN_IN_EVENTBRIDGE_GUIDE
from trailforward.doctor.world.links import describe, read_arn
from trailforward.doctor.world.places import limit_names
from trailforward.doctor.world.unknown import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.world.index import PlacedRule, PlacedTarget

#: How a loop is worded, if it is certain and if it is not.
RETURNS, MAY_RETURN = "its event returns", "its event may return"


#: The default quota of rules per event bus, and the Regions that have another one.
_RULES = 300
_FEWER_RULES = {"af-south-1": 100, "eu-south-1": 100}


def path_warnings(query: Query, path: DeliveryPath) -> Iterator[RawFinding]:
    """All warnings along a path, in its order."""
    for rule in path.rules:
        yield from _near_quota(query, rule)
        yield from _without_queue(query, rule)
        yield from _without_source(rule)
        yield from _spelling(query, path, rule)
    for rule, target in path.targets:
        yield from _dead_letters(query, rule, target)
        yield from _changed(target)
    yield from _piped(query, path)
    if path.end is None:
        yield from _loop(query, path)


def _near_quota(query: Query, rule: PlacedRule) -> Iterator[RawFinding]:
    """Warns if a bus has at least nine tenths of the rules that the default quota allows.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    """
    quota = _FEWER_RULES.get(rule.bus.region, _RULES)
    count = query.index.rule_count(rule.bus)
    if count * 10 >= quota * 9:
        yield RawFinding("RULES_NEAR_QUOTA", rule.bus.link, {"rules": count, "quota": quota})


def _without_queue(query: Query, rule: PlacedRule) -> Iterator[RawFinding]:
    """Warns if a bus with a customer managed key has no dead-letter queue for what it cannot decrypt.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-dlq.html
    """
    bus = query.index.buses.get(rule.bus)
    encryption = bus.encryption if bus is not None else None
    if bus is not None and bus.dlq == "" and encryption is not None and encryption.type == "customer-key":
        yield RawFinding("BUS_WITHOUT_DLQ", rule.bus.link, {})


def _without_source(rule: PlacedRule) -> Iterator[RawFinding]:
    """Warns if anyone who can put events can spoof a match: PutEvents only rejects ``aws.`` sources.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """
    if without_source(rule.pattern):
        yield RawFinding("PATTERN_WITHOUT_SOURCE", rule.link, {})


def _spelling(query: Query, path: DeliveryPath, rule: PlacedRule) -> Iterator[RawFinding]:
    """Warns if a rule lists only the EventBridge guide's spelling of sign-ins, or matches only one."""
    if not query.call.is_sign_in:
        return
    if path.end is not None and path.end.code == "PATTERN_MISMATCH" and path.end.at == rule.link:
        listed = _detail_types(rule)
        if SIGN_IN_EVENTBRIDGE_GUIDE in listed and SIGN_IN not in listed:
            yield RawFinding("SIGNIN_SPELLING", rule.link, {})
        return
    spelling = query.call.detail_type
    other = {**query.event, "detail-type": SIGN_IN_EVENTBRIDGE_GUIDE if spelling == SIGN_IN else SIGN_IN}
    if match(rule.pattern, other).matches is False:
        yield RawFinding("SIGNIN_ONE_SPELLING", rule.link, {"spelling": spelling})


def _detail_types(rule: PlacedRule) -> list[Any]:
    try:
        listed = json.loads(rule.pattern).get("detail-type", [])
    except (ValueError, AttributeError, RecursionError):
        return []
    return listed if isinstance(listed, list) else []


def _changed(target: PlacedTarget) -> Iterator[RawFinding]:
    """Notes that a target receives a text that has nothing, or only a part, of the event.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html
    """
    if target.target.input is not None:
        yield RawFinding("INPUT_CONSTANT", target.link, {})
    elif target.target.input_path not in {None, "$"} or target.target.input_transformer is not None:
        yield RawFinding("INPUT_CHANGED", target.link, {})


def _piped(query: Query, path: DeliveryPath) -> Iterator[RawFinding]:
    """Notes that the path goes on through EventBridge Pipes, which is not followed."""
    for link in path.links[-1:]:
        resource = query.index.resources.get(link.removeprefix("destination:"))
        if resource is not None and resource.pipes:
            kind = "the pipe " if len(resource.pipes) == 1 else "the pipes "
            yield RawFinding("PIPE_NOT_FOLLOWED", link, {"pipes": kind + limit_names(resource.pipes)})


def _dead_letters(query: Query, rule: PlacedRule, target: PlacedTarget) -> Iterator[RawFinding]:
    """Warns unless the dead-letter queue is a standard queue in the Region that lets EventBridge send.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    at, arn = target.link, target.target.dlq
    if arn is None:
        yield RawFinding("DLQ_MISSING", at, {"dlq": "has no dead-letter queue"})
        return
    parsed = read_arn(arn)
    if is_unknown(arn):
        yield RawFinding("DLQ_NOT_CHECKED", at, {})
        return
    if parsed is not None and parsed.region != rule.bus.region:
        yield RawFinding("DLQ_OTHER_REGION", at, {"there": parsed.region, "here": rule.bus.region})
    queue = query.index.resources.get(arn)
    if queue is None:
        yield _no_queue(query, at, arn)
        return
    if queue.fifo or arn.endswith(".fifo"):
        yield RawFinding("DLQ_NOT_STANDARD", at, {})
    request = request_of(query, rule, None, "sqs:SendMessage", arn)
    reason = queue.unread.get("policy") or queue.unread.get("encryption")
    if reason is not None:
        yield RawFinding("NOT_SEEN", at, {"what": "dead-letter queue", "reason": reason})
    elif (allowed := policy_allows(queue.policy, request, needs_allow=True)) is False:
        yield RawFinding("DLQ_POLICY", at, {"rule": rule.arn})
    else:
        key = through_key(query, DeliveryPath(), at, queue.encryption, request)
        if key.end is not None:
            yield RawFinding("DLQ_KEY", at, {"sender": request.sender})
        elif allowed is None or key.doubts:
            yield RawFinding("DLQ_NOT_CHECKED", at, {})


def _no_queue(query: Query, at: str, arn: str) -> RawFinding:
    """A dead-letter queue that is not in the world: it is missing, or it was not read."""
    parsed = read_arn(arn)
    if parsed is not None:
        reason = query.index.unseen("resources", parsed.account, parsed.region, arn)
        if parsed.account not in query.index.accounts:
            reason = f"account {parsed.account} was not read"
        if reason is not None:
            return RawFinding("NOT_SEEN", at, {"what": "dead-letter queue", "reason": reason})
    return RawFinding("DLQ_MISSING", at, {"dlq": f"names a dead-letter queue that does not exist ({arn})"})


def _loop(query: Query, path: DeliveryPath) -> Iterator[RawFinding]:
    """Warns if the pipeline's own call returns to it: deliveries multiply, other calls stay rare."""
    own = own_call(query.index, query.call) if path.rules else None
    if own is None:
        return
    facts = {
        "reason": own.reason,
        "returns": MAY_RETURN if path.doubts else RETURNS,
        "rule": describe(path.rules[0].link),
        "gain": own.gain,
        "remedy": own.remedy,
    }
    yield RawFinding("LOOP_RISK", query.call.link, facts, own.severity)
