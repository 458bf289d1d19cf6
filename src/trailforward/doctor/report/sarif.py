"""SARIF 2.1.0: a survey for code scanning.

A result for each cause. Its links are logical locations; since GitHub shows no result without a file, each
also names the snapshot, whatever it is called on the disk. Unknown is a warning: a pass it is not.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import trailforward
from trailforward.doctor.codes import load_codes
from trailforward.doctor.links import words
from trailforward.doctor.report.titles import title
from trailforward.doctor.report.words import listed, many, plain

if TYPE_CHECKING:
    from trailforward.doctor.report.causes import Cause
    from trailforward.doctor.report.survey import Survey

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"critical": "error", "warn": "warning", "info": "note"}
_FILE = "trailforward-world.json"
_MOST_LINKS = 100


def to_sarif(found: Survey) -> str:
    """The survey as SARIF text."""
    codes = list(dict.fromkeys(cause.code for cause in found.causes))
    gaps = (*found.not_asked, *found.not_seen, *found.not_understood)
    run = {
        "tool": {
            "driver": {
                "name": "trailforward doctor",
                "version": trailforward.__version__,
                "semanticVersion": trailforward.__version__,
                "rules": [_rule(code) for code in codes],
            }
        },
        "invocations": [
            {
                "executionSuccessful": bool(found.cells),
                "exitCode": found.exit_code,
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": plain(line)}} for line in gaps
                ],
            }
        ],
        "results": [_result(cause, codes.index(cause.code)) for cause in found.causes],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "covered": found.counts["covered"],
            "unknown": found.counts["unknown"],
            "blind": found.counts["blind"],
        },
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(code: str) -> dict[str, Any]:
    known = load_codes()[code]
    return {
        "id": code,
        "shortDescription": {"text": title(code)},
        "helpUri": known.source,
        "defaultConfiguration": {"level": _LEVELS[known.severity]},
        "properties": {"kind": known.kind, "evidence": known.evidence},
    }


def _result(cause: Cause, rule: int) -> dict[str, Any]:
    classes = listed(cause.classes, 9)
    text = (
        f"{cause.why} Fix: {cause.fix} Touches {classes} in {many(len(cause.regions), 'Region')} "
        f"({listed(cause.regions, 40)}) of {many(len(cause.accounts), 'account')} ({listed(cause.accounts)})."
    )
    return {
        "ruleId": cause.code,
        "ruleIndex": rule,
        "level": _LEVELS[cause.severity],
        "message": {"text": plain(text)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": _FILE}, "region": {"startLine": 1}},
                "logicalLocations": [
                    {"name": plain(words(link)), "fullyQualifiedName": plain(link), "kind": "resource"}
                    for link in cause.at[:_MOST_LINKS]
                ],
            }
        ],
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
