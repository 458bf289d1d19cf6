"""SARIF report: a survey for code scanning, in SARIF 2.1.0.

Each cause is a result, and its links are logical locations; before them, the addresses of resources in a
Terraform plan. GitHub shows no result without a file, so each
result also names a snapshot file, whatever the file is really called. Unknown is a warning, because it never
counts as covered.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward._version import __version__
from trailforward.doctor.findings import load_codes
from trailforward.doctor.report.causes import cause_id, generalizer
from trailforward.doctor.report.rule_groups import rule_findings
from trailforward.doctor.report.text import count_of, join_limited, printable
from trailforward.doctor.world.links import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.doctor.delivery import Finding
    from trailforward.doctor.report.causes import Cause
    from trailforward.doctor.report.rule_groups import Outcome, RuleGroup
    from trailforward.doctor.report.survey import Survey

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"critical": "error", "warn": "warning", "info": "note"}
_FILE = "trailforward-world.json"
_MOST_LINKS = 100


def to_sarif(found: Survey) -> str:
    """The survey as SARIF text."""
    of_rules = list(rule_findings(found))
    codes = list(
        dict.fromkeys([cause.code for cause in found.causes] + [finding.code for _, _, finding in of_rules])
    )
    gaps = (*found.not_checked, *found.not_read, *found.not_understood)
    run = {
        "tool": {
            "driver": {
                "name": "trailforward doctor",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(code) for code in codes],
            }
        },
        "invocations": [
            {
                "executionSuccessful": bool(found.cells or found.by_rule),
                "exitCode": found.exit_code,
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": printable(line)}} for line in gaps
                ],
            }
        ],
        "results": [
            *(_result(found, cause, codes.index(cause.code)) for cause in found.causes),
            *(_rule_result(found, *one, codes.index(one[2].code)) for one in of_rules),
        ],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "covered": found.counts["covered"],
            "unknown": found.counts["unknown"],
            "blind": found.counts["blind"],
            "excluded": found.counts["excluded"],
        },
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(code: str) -> dict[str, Any]:
    known = load_codes()[code]
    return {
        "id": code,
        "shortDescription": {"text": known.title},
        "helpUri": known.source,
        "defaultConfiguration": {"level": _LEVELS[known.severity]},
        "properties": {"kind": known.kind, "evidence": known.evidence},
    }


def _rule_result(
    found: Survey, group: RuleGroup, outcome: Outcome, finding: Finding, rule: int
) -> dict[str, Any]:
    text = f"{finding.why} Fix: {finding.fix} Rule {group.name} ({group.place}): {outcome.words}."
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": printable(text)},
        "locations": _locations(found, (finding.at, *(link for link in group.at if link != finding.at))),
        "partialFingerprints": {"cause/v1": cause_id(finding, generalizer(group.regions))},
        "properties": {
            "kind": load_codes()[finding.code].kind,
            "evidence": finding.evidence,
            "accounts": list(group.accounts),
            "regions": list(group.regions),
            "calls": list(outcome.calls),
        },
    }


def _locations(found: Survey, links: Sequence[str]) -> list[dict[str, Any]]:
    logical = [
        {"name": printable(describe(link)), "fullyQualifiedName": printable(link), "kind": "resource"}
        for link in links[:_MOST_LINKS]
    ]
    addresses = [
        {"name": printable(address), "fullyQualifiedName": printable(address), "kind": "resource"}
        for address in found.addresses(links)[:_MOST_LINKS]
    ]
    physical = {"artifactLocation": {"uri": _FILE}, "region": {"startLine": 1}}
    return [{"physicalLocation": physical, "logicalLocations": [*addresses, *logical]}]


def _result(found: Survey, cause: Cause, rule: int) -> dict[str, Any]:
    classes = join_limited(cause.classes, 9)
    regions = f"{count_of(len(cause.regions), 'Region')} ({join_limited(cause.regions, 40)})"
    accounts = f"{count_of(len(cause.accounts), 'account')} ({join_limited(cause.accounts)})"
    text = f"{cause.why} Fix: {cause.fix} Affects {classes} in {regions} of {accounts}."
    return {
        "ruleId": cause.code,
        "ruleIndex": rule,
        "level": _LEVELS[cause.severity],
        "message": {"text": printable(text)},
        "locations": _locations(found, cause.at),
        "partialFingerprints": {"cause/v1": cause.id},
        "properties": {
            "kind": cause.kind,
            "evidence": cause.evidence,
            "accounts": list(cause.accounts),
            "regions": list(cause.regions),
            "classes": list(cause.classes),
            "combinations": cause.cells,
        },
    }
