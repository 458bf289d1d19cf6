"""Judge: follows example events of the intended calls of a rule through that rule alone."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from trailforward.doctor.delivery.matching import known_part
from trailforward.doctor.delivery.reach import follow
from trailforward.doctor.rules.data_resources import has_data_selectors
from trailforward.doctor.rules.example_calls import example_calls, finished
from trailforward.doctor.rules.forwarded import may_be_forwarded
from trailforward.doctor.rules.intended import intended
from trailforward.doctor.rules.read_only import unusual_reader
from trailforward.doctor.rules.reasons import of_problem, of_verdict, rule_finding
from trailforward.doctor.rules.rule_verdict import CallStatus, CallVerdict, RuleVerdict, best_status
from trailforward.doctor.world.call import Call
from trailforward.doctor.world.regions import event_region, partition_of
from trailforward.doctor.world.unknown import is_unknown, may_be, unknown, why_unknown
from trailforward.errors import PatternError
from trailforward.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trailforward.doctor.delivery import Finding, Verdict
    from trailforward.doctor.rules.example_calls import ExampleCall
    from trailforward.doctor.rules.intended import Intended
    from trailforward.doctor.world.index import Index, PlacedRule
    from trailforward.doctor.world.links import BusAt
    from trailforward.doctor.world.world import World

#: The most rules that forward to a bus to try as senders.
MOST_SENDERS = 20
#: If a rule's event breaks here, another event of the same rule breaks here too.
_FOR_EVERY_EVENT = frozenset({"NO_TRAIL", "TRAIL_NOT_LOGGING", "REGION_DISABLED", "RULE_DISABLED"})


def judge_rules(world: World, wanted: Callable[[str, str], bool] | None = None) -> tuple[RuleVerdict, ...]:
    """The verdict on each rule that may lead to a destination, in the world's order.

    Args:
        world: the snapshot.
        wanted: whether to judge the rules of an account and Region; all by default.
    """
    rules = list(world.index.rules())
    neighbors = _Neighbors(rules, world.index.rules_on_unknown_buses())
    return tuple(
        _judge(world.index, neighbors, rule)
        for rule in rules
        if wanted is None or wanted(rule.bus.account, rule.bus.region)
    )


def is_broad(verdict: RuleVerdict) -> bool:
    """Whether a rule's pattern accepts calls of any service, so that it is not narrow on purpose."""
    pattern = _compiled(verdict.pattern)
    return isinstance(pattern, Pattern) and all(
        pattern.matches(
            Call(
                account=verdict.account,
                region=verdict.region,
                service=f"{service}.amazonaws.com",
                event_name=name,
                read_only=False,
            ).event(verdict.region)
        )
        for service, name in (("ec2", "RunInstances"), ("rds", "DeleteDBInstance"), ("kms", "CreateKey"))
    )


class _Sender(NamedTuple):
    """An account and Region whose events may reach a rule, and the look-ups for that way alone."""

    account: str
    region: str
    lookups: Index


class _Result(NamedTuple):
    status: CallStatus
    finding: Finding | None = None
    path: tuple[str, ...] = ()


class _Neighbors:
    """The other rules of the world, by what a rule needs to know about them.

    Args:
        rules: all whose bus is known.
        on_unknown_buses: the others.
    """

    def __init__(self, rules: Iterable[PlacedRule], on_unknown_buses: Iterable[PlacedRule]) -> None:
        self.forwarders: dict[BusAt, list[PlacedRule]] = defaultdict(list)
        self.places: set[tuple[str, str, str, str]] = set()
        self._unknown = {target.target.arn for rule in on_unknown_buses for target in rule.leads}
        for rule in rules:
            self._unknown.update(lead.target.arn for lead in rule.leads if is_unknown(lead.target.arn))
            if "targets" in rule.rule.unread:
                self._unknown.add(unknown("a target"))
            self.places.add((rule.bus.account, rule.bus.region, rule.bus.name, rule.pattern))
            for bus in dict.fromkeys(target.bus for target in rule.leads if target.bus is not None):
                self.forwarders[bus].append(rule)

    def may_forward(self, bus: BusAt) -> bool:
        """Whether a rule may forward to a bus, because its target or its own bus is not known."""
        arn = f"arn:{partition_of(bus.region)}:events:{bus.region}:{bus.account}:event-bus/{bus.name}"
        return any(may_be(text, arn) for text in self._unknown)

    def senders(self, index: Index, rule: PlacedRule) -> Iterator[_Sender]:
        """Where events for a rule can come from: its own Region, and rules that forward to its bus."""
        alone = index.with_only(rule)
        if may_be(rule.bus.name, "default"):
            yield _Sender(rule.bus.account, rule.bus.region, alone)
        for forwarder in islice(self.forwarders.get(rule.bus, ()), MOST_SENDERS):
            if forwarder.link != rule.link and forwarder.bus.name == "default":
                way = forwarder.leading_to(rule.bus)
                yield _Sender(forwarder.bus.account, forwarder.bus.region, alone.with_only(way))

    def elsewhere(self, rule: PlacedRule, region: str) -> bool:
        """Whether the account has the same rule in another Region."""
        return (rule.bus.account, region, rule.bus.name, rule.pattern) in self.places


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Pattern | PatternError:
    try:
        return Pattern(text)
    except PatternError as error:
        return error


def _known_part(text: str) -> Pattern | str:
    """What is known of a pattern, or why nothing is."""
    if not is_unknown(text):
        whole = _compiled(text)
        return whole if isinstance(whole, Pattern) else f"its event pattern ({str(whole).splitlines()[0]})"
    try:
        return known_part(text) or f"its event pattern ({why_unknown(text)})"
    except PatternError as error:
        return str(error)


def _judge(index: Index, neighbors: _Neighbors, rule: PlacedRule) -> RuleVerdict:
    try:
        calls = tuple(_calls(index, neighbors, rule))
    except Exception as error:  # noqa: BLE001  # a surprise in one rule must not hide the others
        calls = (
            CallVerdict("any call", "unknown", rule_finding("DOCTOR_ERROR", rule, error=repr(error)[:200])),
        )
    return RuleVerdict(
        link=rule.link,
        name=rule.rule.name,
        account=rule.bus.account,
        region=rule.bus.region,
        bus=rule.bus.name,
        state=rule.rule.state,
        pattern=rule.pattern,
        calls=calls,
    )


def _calls(index: Index, neighbors: _Neighbors, rule: PlacedRule) -> Iterator[CallVerdict]:
    pattern = _known_part(rule.pattern)
    if isinstance(pattern, str):
        what = pattern
        yield CallVerdict("any call", "unknown", rule_finding("NOT_UNDERSTOOD", rule, what=what))
        return
    calls, many = intended(pattern)
    senders = list(neighbors.senders(index, rule)) if calls else []
    arriving: Intended | None = None
    for call in calls:
        result = _Judge(index, neighbors, rule, pattern, senders).result(call)
        arriving = arriving or (call if result.status == "arrives" else None)
        yield CallVerdict(call.label, *result)
    if many:
        yield CallVerdict("more calls", "unknown", rule_finding("RULE_TOO_MANY_CALLS", rule))
    if arriving is not None and len(rule.leads) > 1:
        yield from _targets(index, neighbors, rule, pattern, arriving)


def _targets(
    index: Index, neighbors: _Neighbors, rule: PlacedRule, pattern: Pattern, call: Intended
) -> Iterator[CallVerdict]:
    """The targets that do not receive an event although another target of the rule does."""
    for target in rule.leads:
        one = rule.with_leads((target,))
        senders = list(neighbors.senders(index, one))
        result = _Judge(index, neighbors, one, pattern, senders).result(call)
        if result.status != "arrives":
            yield CallVerdict(f"{call.label}, target {target.target.id}", *result)


class _Judge(NamedTuple):
    lookups: Index
    neighbors: _Neighbors
    rule: PlacedRule
    pattern: Pattern
    senders: list[_Sender]

    def result(self, call: Intended) -> _Result:
        """What happens to the events of an intended call."""
        if call.problem is not None:
            return _Result("never", of_problem(self.rule, call.problem))
        if not self.senders:
            return self._without_sender()
        result = self._best(call) if call.kinds else _Result("arrives")
        if result.status in {"never", "undelivered"} and self._others_may_send(result):
            return _Result("unknown", rule_finding("RULE_SENDER_UNKNOWN", self.rule), result.path)
        if result.status == "arrives" and call.doubts:
            return _Result("unknown", of_problem(self.rule, call.doubts[0]), result.path)
        return result

    def _others_may_send(self, result: _Result) -> bool:
        """Whether the known senders break before the rule's bus, and there may be others."""
        bus = self.rule.bus
        return (
            bus.name != "default"
            and bus.link not in result.path
            and self.rule.link not in result.path
            and self.neighbors.may_forward(bus)
        )

    def _without_sender(self) -> _Result:
        """CloudTrail sends to the default bus only; whether others forward to this bus may not be known."""
        bus = self.lookups.buses.get(self.rule.bus)
        known = bus is not None and not bus.policy and "policy" not in bus.unread
        complete = known and not self.lookups.any_unseen("rules")
        if complete and not self.neighbors.may_forward(self.rule.bus):
            return _Result("never", rule_finding("RULE_ON_NON_DEFAULT_BUS", self.rule))
        return _Result("unknown", rule_finding("RULE_SENDER_UNKNOWN", self.rule))

    def _best(self, call: Intended) -> _Result:
        results: list[_Result] = []
        for example in example_calls(call):
            result = self._agreed(call, example)
            if result is None:
                continue
            if result.status == "arrives":
                return result
            results.append(result)
            if not call.named and result.finding and result.finding.code in _FOR_EVERY_EVENT:
                break
        if not results:
            return _Result("unknown", rule_finding("RULE_NO_EXAMPLE", self.rule, call=call.label))
        status = best_status({result.status for result in results})
        return next(result for result in results if result.status == status)

    def _agreed(self, call: Intended, example: ExampleCall) -> _Result | None:
        """The result for an operation, if it does not depend on what is not known about it."""
        results = [
            result
            for variant in example.variants
            if (result := self._from_anywhere(call, variant)) is not None
        ]
        if not results:
            return None
        first = results[0]
        if any(result.status != first.status for result in results):
            code = "RULE_READ_ONLY_UNKNOWN" if example.depends_on_reading else "RULE_CATEGORY_UNKNOWN"
            return _Result("unknown", rule_finding(code, self.rule, call=example.name), first.path)
        code = first.finding.code if first.finding else ""
        if code in {"RULE_STATE_READONLY", "HUB_RULE_STATE_READONLY"} and unusual_reader(example.operation):
            finding = rule_finding("RULE_READER_UNUSUAL", self.rule, call=example.name)
            return _Result("unknown", finding, first.path)
        return first

    def _from_anywhere(self, call: Intended, variant: Call) -> _Result | None:
        """The best result of all senders; None if no event of the variant matches the pattern."""
        results: list[_Result] = []
        for sender in self.senders:
            placed = variant.model_copy(update={"account": sender.account, "region": sender.region})
            result = self._from(sender, placed, call)
            if result is not None and result.status == "arrives":
                return result
            results += [result] if result is not None else []
        if not results:
            return None
        status = best_status({result.status for result in results})
        return next(result for result in results if result.status == status)

    def _from(self, sender: _Sender, variant: Call, call: Intended) -> _Result | None:
        recorded, row = event_region(variant)
        if recorded != sender.region and row is not None:
            facts = {"service": variant.service, "there": recorded, "here": sender.region}
            if sender.region == self.rule.bus.region and self.neighbors.elsewhere(self.rule, recorded):
                return _Result("elsewhere", rule_finding("RULE_ELSEWHERE", self.rule, row.source, **facts))
            if may_be_forwarded(sender.lookups, self.rule.bus, recorded):
                return _Result(
                    "unknown", rule_finding("RULE_GLOBAL_FORWARDED", self.rule, row.source, **facts)
                )
            return _Result("never", rule_finding("RULE_GLOBAL_REGION", self.rule, row.source, **facts))
        made = finished(variant, call, self.pattern, sender.lookups)
        if made is None:
            return None
        verdict = follow(sender.lookups, made)
        return self._read(verdict, made, sender)

    def _read(self, verdict: Verdict, made: Call, sender: _Sender) -> _Result:
        if verdict.reaches is True:
            return _Result("arrives", None, verdict.path)
        finding = of_verdict(verdict)
        if verdict.reaches == "unknown":
            return _Result("unknown", finding, verdict.path)
        if (
            verdict.code == "SELECTOR_EXCLUDES"
            and made.category == "Data"
            and has_data_selectors(sender.lookups, made.account)
        ):
            return _Result(
                "unknown", rule_finding("RULE_DATA_RESOURCE", self.rule, call=made.name), verdict.path
            )
        target = self.rule.link.replace("rule:", "target:", 1) + "/"
        fired = any(link.startswith(target) for link in verdict.path) or verdict.code == "TARGET_MISSING"
        return _Result("undelivered" if fired else "never", finding, verdict.path)
