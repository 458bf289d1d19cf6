"""SARIF report: a survey for code scanning, in SARIF 2.1.0.

Each cause is a result. It points to the lines of the template that declare the resources, so that pull
requests show it there; if no resource of it is in the template, to the template as a whole. Its links are
logical locations; before them, its addresses in a Terraform plan. GitHub shows no result without a file, so a
result about a live account names a snapshot file, whether or not it exists. Unknown is a warning, because it
never counts as covered.

GitHub's rules and limits:
https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from trailforward._version import __version__
from trailforward.doctor.findings import load_codes
from trailforward.doctor.report.causes import cause_id, generalizer
from trailforward.doctor.report.rule_groups import rule_findings
from trailforward.doctor.report.text import count_of, join_limited, printable
from trailforward.doctor.world.links import describe
from trailforward.doctor.world.origin import Origin, origin_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.doctor.delivery import Finding
    from trailforward.doctor.report.causes import Cause
    from trailforward.doctor.report.rule_groups import Outcome, RuleGroup
    from trailforward.doctor.report.survey import Survey

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"critical": "error", "warn": "warning", "info": "note"}
_FILE = "trailforward-world.json"
#: GitHub shows at most 100 locations of a result and 5,000 results.
_MOST_LINKS, _MOST_RESULTS = 100, 5_000


def to_sarif(found: Survey) -> str:
    """The survey as SARIF text."""
    of_rules = list(rule_findings(found))
    codes = list(
        dict.fromkeys([cause.code for cause in found.causes] + [finding.code for _, _, finding in of_rules])
    )
    results = [
        *(_result(found, cause, codes.index(cause.code)) for cause in found.causes),
        *(_rule_result(found, *one, codes.index(one[2].code)) for one in of_rules),
    ]
    gaps = [*found.not_checked, *found.not_read, *found.not_understood]
    if len(results) > _MOST_RESULTS:
        gaps.append(f"{count_of(len(results) - _MOST_RESULTS, 'more result')} in the JSON report.")
        results.sort(key=lambda result: list(_LEVELS.values()).index(result["level"]))
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
                    {"level": "warning", "message": {"text": _text(line)}} for line in gaps
                ],
            }
        ],
        "results": results[:_MOST_RESULTS],
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
        "name": code,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": f"{known.title}."},
        "help": {
            "text": f"{known.title}. The message of each result says what to do. Source: {known.source}"
        },
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
        "message": {"text": _text(text)},
        "locations": _locations(found, (finding.at, *(link for link in group.at if link != finding.at))),
        "partialFingerprints": _fingerprints(cause_id(finding, generalizer(group.regions))),
        "properties": {
            "kind": load_codes()[finding.code].kind,
            "evidence": finding.evidence,
            "accounts": list(group.accounts),
            "regions": list(group.regions),
            "calls": list(outcome.calls),
        },
    }


def _locations(found: Survey, links: Sequence[str]) -> list[dict[str, Any]]:
    """The places in files, each with the links that are declared there."""
    whole = Origin(found.file or _FILE, 1, "")
    places: dict[Origin, list[str]] = {}
    for link in links:
        places.setdefault(origin_of(link, found.origins) or whole, []).append(link)
    # GitHub shows the first place, so one that names a line comes before the file as a whole.
    order = sorted(places.items(), key=lambda place: place[0] == whole)
    return [_location(found, *place) for place in order[:_MOST_LINKS]]


def _location(found: Survey, origin: Origin, links: Sequence[str]) -> dict[str, Any]:
    logical = [
        {"name": printable(describe(link)), "fullyQualifiedName": printable(link), "kind": "resource"}
        for link in links[:_MOST_LINKS]
    ]
    logical[:0] = [
        {"name": printable(address), "fullyQualifiedName": printable(address), "kind": "resource"}
        for address in found.addresses(links)[:_MOST_LINKS]
    ]
    if origin.name:
        name = printable(origin.name)
        logical.insert(0, {"name": name, "fullyQualifiedName": f"Resources/{name}", "kind": "resource"})
    physical = {"artifactLocation": {"uri": _uri(origin.file)}, "region": {"startLine": origin.line}}
    return {"physicalLocation": physical, "logicalLocations": logical}


def _uri(file: str) -> str:
    """A file as a URI, relative to the current folder if it is inside, as GitHub expects of a repository."""
    path = Path(os.path.normpath(Path.cwd() / file))
    inside = path.is_relative_to(Path.cwd())
    return quote(path.relative_to(Path.cwd()).as_posix()) if inside else path.as_uri()


def _fingerprints(cause: str) -> dict[str, str]:
    """The same for the same cause. With the second key, GitHub does not merge several causes in one line."""
    digest = hashlib.sha256(cause.encode()).hexdigest()[:16]
    return {"cause/v1": cause, "primaryLocationLineHash": f"{digest}:1"}


def _text(text: str) -> str:
    """Text for a message, in which nothing can be a link: ``[text](URL)``."""
    return printable(text).replace("](", "] (")


def _result(found: Survey, cause: Cause, rule: int) -> dict[str, Any]:
    classes = join_limited(cause.classes, 9)
    regions = f"{count_of(len(cause.regions), 'Region')} ({join_limited(cause.regions, 40)})"
    accounts = f"{count_of(len(cause.accounts), 'account')} ({join_limited(cause.accounts)})"
    text = f"{cause.why} Fix: {cause.fix} Affects {classes} in {regions} of {accounts}."
    return {
        "ruleId": cause.code,
        "ruleIndex": rule,
        "level": _LEVELS[cause.severity],
        "message": {"text": _text(text)},
        "locations": _locations(found, cause.at),
        "partialFingerprints": _fingerprints(cause.id),
        "properties": {
            "kind": cause.kind,
            "evidence": cause.evidence,
            "accounts": list(cause.accounts),
            "regions": list(cause.regions),
            "classes": list(cause.classes),
            "combinations": cause.cells,
        },
    }
