"""Reasons: findings about rules, with their texts from ``findings.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery import Finding
from trailforward.doctor.findings import load_codes
from trailforward.doctor.world.links import describe

if TYPE_CHECKING:
    from trailforward.doctor.delivery import Verdict
    from trailforward.doctor.world.index import PlacedRule
    from trailforward.patterns.cloudtrail import Problem


def of_problem(rule: PlacedRule, problem: Problem) -> Finding:
    """A condition of a rule's pattern that no event satisfies, or perhaps none."""
    if not problem.definite:
        return rule_finding("PATTERN_UNKNOWN", rule, problem=str(problem))
    return rule_finding(f"PATTERN_{problem.code.upper().replace('-', '_')}", rule, problem=str(problem))


def of_verdict(verdict: Verdict) -> Finding:
    """The deciding finding of a verdict."""
    severity = load_codes()[verdict.code].severity
    at, why = verdict.at or "", verdict.why
    return Finding(verdict.code, at, severity, why, verdict.fix, verdict.evidence, verdict.source)


def rule_finding(name: str, rule: PlacedRule, source: str = "", **facts: Any) -> Finding:
    """A finding about a rule.

    Args:
        name: its code in ``findings.toml``.
        rule: the rule.
        source: URL of the page that states the fact, if it is not that of the table.
        **facts: the fields of its templates.
    """
    code = load_codes()[name]
    given = {"where": describe(rule.link), "state": rule.rule.state, "bus": rule.bus.name, **facts}
    why = code.why.format_map(given)
    why = why[0].upper() + why[1:]
    url = source if source.startswith("https://") else code.source
    return Finding(name, rule.link, code.severity, why, code.fix.format_map(given), code.evidence, url)
