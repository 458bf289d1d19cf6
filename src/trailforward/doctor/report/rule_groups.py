"""Rule groups: rules that differ only in Region and account, as one entry with their places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trailforward.doctor.report.causes import generalizer
from trailforward.doctor.report.text import count_of, join_limited

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.doctor.delivery import Finding
    from trailforward.doctor.report.survey import Survey
    from trailforward.doctor.rules import RuleVerdict

#: Status of a rule or call to the status whose sign and color it has, and its words.
RULE_LOOKS = {
    "arrives": ("covered", "arrives"),
    "elsewhere": ("covered", "recorded in another Region, which has the same rule"),
    "unknown": ("unknown", "unknown"),
    "undelivered": ("blind", "fires, but the target does not receive it"),
    "never": ("blind", "cannot fire"),
    "partly": ("blind", "some calls do not arrive"),
    "other": ("unknown", "not about CloudTrail events"),
}
_ORDER = ("never", "undelivered", "partly", "unknown", "other", "elsewhere", "arrives")
_MOST_CALLS = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """Calls of a rule with the same result.

    Attributes:
        status: see :data:`trailforward.doctor.rules.rule_verdict.CallStatus`.
        calls: their labels.
        finding: the reason, at the first rule of the group; None if they arrive.
    """

    status: str
    calls: tuple[str, ...]
    finding: Finding | None

    @property
    def words(self) -> str:
        """``cannot fire: s3:PutObject, s3:GetObject``."""
        return f"{RULE_LOOKS[self.status][1]}: {join_limited(self.calls, _MOST_CALLS)}"


@dataclass(slots=True)
class RuleGroup:
    """Rules with the same pattern, state, and results.

    Attributes:
        name: the rule's name, without generated parts.
        status: see :data:`trailforward.doctor.rules.rule_verdict.RuleStatus`.
        state: the rule's state.
        outcomes: the results of its calls, the worst first.
        at: the links of the rules.
        regions: their Regions.
        accounts: their accounts.
    """

    name: str
    status: str
    state: str
    outcomes: tuple[Outcome, ...]
    at: list[str] = field(default_factory=list)
    regions: dict[str, None] = field(default_factory=dict)
    accounts: dict[str, None] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """``eu-west-1, us-east-1; account 111122223333``."""
        accounts = join_limited(tuple(self.accounts), 4)
        return f"{join_limited(tuple(self.regions), 8)}; account{'s' * (len(self.accounts) > 1)} {accounts}"


def group_rules(found: Survey) -> tuple[RuleGroup, ...]:
    """The rules of a survey in groups, the worst first."""
    generalize = generalizer(found.regions)
    groups: dict[tuple[object, ...], RuleGroup] = {}
    for rule in found.rules:
        outcomes = _outcomes(rule)
        alike = tuple((one.status, one.calls, one.finding and one.finding.code) for one in outcomes)
        key = (generalize(rule.name), rule.bus, rule.state, generalize(rule.pattern), alike)
        name = rule.name if rule.bus == "default" else f"{rule.name} on bus {rule.bus}"
        group = groups.setdefault(key, RuleGroup(name, rule.status, rule.state, outcomes))
        group.at.append(rule.link)
        group.regions[rule.region] = None
        group.accounts[rule.account] = None
    return tuple(sorted(groups.values(), key=lambda group: _ORDER.index(group.status)))


def _outcomes(rule: RuleVerdict) -> tuple[Outcome, ...]:
    """The calls of a rule, by result."""
    found: dict[tuple[str, str], list[str]] = {}
    findings: dict[tuple[str, str], Finding | None] = {}
    for call in rule.calls:
        key = (call.status, f"{call.finding.code} {call.finding.at}" if call.finding else "")
        found.setdefault(key, []).append(call.call)
        findings.setdefault(key, call.finding)
    made = (Outcome(status, tuple(calls), findings[status, code]) for (status, code), calls in found.items())
    return tuple(sorted(made, key=lambda one: _ORDER.index(one.status)))


def rules_headline(rules: Sequence[RuleVerdict]) -> str:
    """The verdict on some rules in a few words."""
    about = [rule for rule in rules if rule.status != "other"]
    if not about:
        return "No rule is about CloudTrail events"
    for statuses, one, many in (
        (("never",), "cannot fire", "cannot fire"),
        (
            ("undelivered",),
            "fires, but its target does not receive the events",
            "fire, but their targets do not receive the events",
        ),
        (("partly",), "does not receive some of its calls", "do not receive some of their calls"),
        (("unknown",), "may not receive some of its calls", "may not receive some of their calls"),
    ):
        number = sum(rule.status in statuses for rule in about)
        if number:
            return f"{number} of {count_of(len(about), 'rule')} {one if number == 1 else many}"
    return "Every rule fires, and its target receives the events"


def shown_rules(found: Survey) -> tuple[RuleGroup, ...]:
    """The groups to show to people: beside a grid, only those with a reason that is not among the causes."""
    groups = group_rules(found)
    if found.by_rule:
        return groups
    telling = {id(group) for group, _, _ in _not_among_causes(found, groups)}
    return tuple(group for group in groups if id(group) in telling)


def rule_findings(found: Survey) -> Iterator[tuple[RuleGroup, Outcome, Finding]]:
    """The findings about rules that are not among the causes, the most serious first."""
    yield from _not_among_causes(found, group_rules(found))


def _not_among_causes(
    found: Survey, groups: Sequence[RuleGroup]
) -> Iterator[tuple[RuleGroup, Outcome, Finding]]:
    known = {(cause.code, at) for cause in found.causes for at in cause.at}
    for group in groups:
        for outcome in group.outcomes:
            finding = outcome.finding
            if finding is None or outcome.status == "elsewhere" or (finding.code, finding.at) in known:
                continue
            known.add((finding.code, finding.at))
            yield group, outcome, finding
