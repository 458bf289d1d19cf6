"""JSON report: the whole survey, as ``schema.json`` describes.

``VERSION`` increases when a key is removed, or its type or meaning changes; new keys do not change it.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from trailforward.doctor.report.rule_groups import group_rules

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from trailforward.doctor.report.causes import Cause
    from trailforward.doctor.report.rule_groups import Outcome, RuleGroup
    from trailforward.doctor.report.survey import Cell, Survey

#: The report's ``schema`` and ``version``.
SCHEMA = "trailforward-doctor-report"
VERSION = 1


def to_json(found: Survey) -> str:
    """The survey as JSON text in ASCII; the same survey gives the same text."""
    return json.dumps(report(found), indent=1) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the report."""
    schema: dict[str, Any] = json.loads(files(__package__).joinpath("schema.json").read_text("utf-8"))
    return schema


def report(found: Survey) -> dict[str, Any]:
    """The survey as dicts and lists."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "exitCode": found.exit_code,
        "headline": found.headline,
        "destinations": list(found.destinations),
        "accounts": list(found.accounts),
        "regions": list(found.regions),
        "classes": [{"name": kind.name, "title": kind.title} for kind in found.classes],
        "counts": {
            **_counts(found.counts),
            "byClass": _by(found, lambda cell: cell.event_class),
            "byRegion": _by(found, lambda cell: cell.region),
            "byAccount": _by(found, lambda cell: cell.account),
        },
        "findings": [_finding(cause, found) for cause in found.causes],
        "byRule": found.by_rule,
        "rules": [_rule(group, found) for group in group_rules(found)],
        "cells": [_cell(cell) for cell in found.cells],
        "notRead": list(found.not_read),
        "notUnderstood": list(found.not_understood),
        "notChecked": list(found.not_checked),
    }


def _counts(counts: Counter[str]) -> dict[str, int]:
    return {status: counts[status] for status in ("covered", "unknown", "blind", "excluded")}


def _by(found: Survey, key: Callable[[Cell], str]) -> dict[str, dict[str, int]]:
    return {name: _counts(counts) for name, counts in found.tally(key).items()}


def _finding(cause: Cause, found: Survey) -> dict[str, Any]:
    return {
        "id": cause.id,
        "code": cause.code,
        "kind": cause.kind,
        "severity": cause.severity,
        "title": cause.title,
        "why": cause.why,
        "fix": cause.fix,
        "evidence": cause.evidence,
        "source": cause.source,
        "at": list(cause.at),
        "declared": list(found.addresses(cause.at)),
        "accounts": list(cause.accounts),
        "regions": list(cause.regions),
        "classes": list(cause.classes),
        "cells": cause.cells,
    }


def _rule(group: RuleGroup, found: Survey) -> dict[str, Any]:
    return {
        "name": group.name,
        "status": group.status,
        "state": group.state,
        "at": list(group.at),
        "declared": list(found.addresses(group.at)),
        "accounts": list(group.accounts),
        "regions": list(group.regions),
        "calls": [_outcome(outcome) for outcome in group.outcomes],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {"status": outcome.status, "calls": list(outcome.calls)}
    finding = outcome.finding
    if finding is not None:
        found |= {key: getattr(finding, key) for key in ("code", "at", "severity", "why", "fix")}
        found |= {"evidence": finding.evidence, "source": finding.source}
    return found


def _cell(cell: Cell) -> dict[str, Any]:
    verdict = cell.verdict
    return {
        "account": cell.account,
        "region": cell.region,
        "class": cell.event_class,
        "recordedIn": cell.recorded,
        "status": cell.status,
        "code": verdict.code,
        "at": verdict.at,
        "evidence": verdict.evidence,
        "findings": list(cell.causes),
        "path": list(verdict.path),
    }
