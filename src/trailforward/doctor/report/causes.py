"""Causes: findings grouped, so that one problem in 30 Regions is one entry that names 30 Regions."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from trailforward.doctor.delivery import Finding
from trailforward.doctor.findings import load_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from trailforward.doctor.delivery import Verdict
    from trailforward.doctor.report.survey import Cell
    from trailforward.doctor.world.event_classes import EventClass

SEVERITIES = ("critical", "warn", "info")
_KINDS = ("break", "unknown", "warning", "excluded", "note")

#: What differs between copies of the same resource, besides Region names: account IDs, UUIDs (StackSets), and
#: the suffixes that CloudFormation generates.
_SPECIFIC = (
    r"(?<!\d)\d{12}(?!\d)",
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"(?<=-)(?=[A-Z0-9]*\d)[A-Z0-9]{11,14}\b",
)


#: Codes whose sentence differs by class of events although the cause is the same.
_ONE_CAUSE = frozenset({"PATTERN_MISMATCH"})


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause, with everything that it affects.

    Attributes:
        id: stable as long as the cause is: the code, and a digest of its texts.
        code: see :func:`trailforward.doctor.load_codes`.
        kind: ``break``, ``unknown``, ``warning``, ``note``, or ``excluded``: a break on purpose.
        severity: ``critical``, ``warn`` or ``info``.
        title: a few words.
        why: what is wrong; if there are several links, at the first.
        fix: what to do; if there are several links, at the first.
        evidence: ``documented``, ``measured``, ``inferred`` or ``uncertain``.
        source: URL of the page that states the fact.
        at: the links where it was found, in order.
        accounts: the accounts whose events it affects.
        regions: the Regions in which those events are recorded.
        classes: names of the classes of events that it affects.
        cells: number of combinations of account, Region and class that it affects.
    """

    id: str
    code: str
    kind: str
    severity: str
    title: str
    why: str
    fix: str
    evidence: str
    source: str
    at: tuple[str, ...]
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    classes: tuple[str, ...]
    cells: int


def generalizer(regions: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces Region names, account IDs and generated names in a text with ``*``."""
    names = "|".join(map(re.escape, sorted(regions, key=len, reverse=True)))
    # One look-behind for all names: it is tried at every character of a text.
    specific = re.compile("|".join((*_SPECIFIC, rf"(?<!\w)(?:{names})(?!\w)") if names else _SPECIFIC))

    @lru_cache(maxsize=1 << 16)
    def generalize(text: str) -> str:
        return specific.sub("*", text)

    return generalize


def verdict_findings(verdict: Verdict) -> Iterator[Finding]:
    """All findings of a verdict: the deciding one if the event does not arrive, then doubts and warnings."""
    if verdict.reaches is not True:
        yield Finding(
            code=verdict.code,
            at=verdict.at or "",
            severity=load_codes()[verdict.code].severity,
            why=verdict.why,
            fix=verdict.fix,
            evidence=verdict.evidence,
            source=verdict.source,
        )
    for finding in (*verdict.doubts, *verdict.warnings):
        if (finding.code, finding.at) != (verdict.code, verdict.at):
            yield finding


def cause_id(finding: Finding, generalize: Callable[[str], str]) -> str:
    """The ID of the cause that a finding belongs to."""
    why = "" if finding.code in _ONE_CAUSE else generalize(finding.why)
    return _digest_id(finding.code, finding.severity, generalize(finding.at), why, generalize(finding.fix))


@lru_cache(maxsize=1 << 16)
def _digest_id(code: str, *texts: str) -> str:
    digest = hashlib.sha256("\0".join((code, *texts)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{code.lower().replace('_', '-')}-{digest[:8]}"


@dataclass(slots=True)
class _CauseBuilder:
    first: Finding
    excluded: bool
    at: dict[str, None] = field(default_factory=dict)
    accounts: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    cells: int = 0


def group_causes(
    cells: Iterable[Cell], generalize: Callable[[str], str], classes: Sequence[EventClass]
) -> tuple[tuple[Cell, ...], tuple[Cause, ...]]:
    """The cells with the IDs of their causes, and all causes, the most serious first.

    Causes are sorted by severity; then breaks, unknowns, warnings, exclusions, notes; then the class of
    events, in the order of ``classes``; then the number of affected cells.
    """
    builders: dict[str, _CauseBuilder] = {}
    # Cells that share a verdict (global services) share its causes.
    known: dict[tuple[int, bool], dict[str, Finding]] = {}
    named = []
    for cell in cells:
        found = known.get((id(cell.verdict), cell.excluded))
        if found is None:
            found = known[id(cell.verdict), cell.excluded] = _identified(cell, generalize)
        for key, finding in found.items():
            excluded = cell.excluded and key.endswith(_EXCLUDED)
            one = builders.setdefault(key, _CauseBuilder(finding, excluded))
            one.at[finding.at] = None
            one.accounts.add(cell.account)
            one.regions.add(cell.recorded)
            one.classes.add(cell.event_class)
            one.cells += 1
        named.append(replace(cell, causes=tuple(found)))
    order = [kind.name for kind in classes]
    causes = [_cause(key, one, order) for key, one in builders.items()]
    return tuple(named), tuple(sorted(causes, key=lambda cause: _rank(cause, order)))


_EXCLUDED = "-excluded"


def _identified(cell: Cell, generalize: Callable[[str], str]) -> dict[str, Finding]:
    """The findings of a cell by the ID of their cause; the first decides, and may be on purpose."""
    found: dict[str, Finding] = {}
    for number, finding in enumerate(verdict_findings(cell.verdict)):
        suffix = _EXCLUDED if cell.excluded and not number else ""
        found.setdefault(cause_id(finding, generalize) + suffix, finding)
    return found


def _cause(key: str, one: _CauseBuilder, order: list[str]) -> Cause:
    finding = one.first
    code = load_codes()[finding.code]
    return Cause(
        id=key,
        code=finding.code,
        kind="excluded" if one.excluded else code.kind,
        severity="info" if one.excluded else finding.severity,
        title=code.title,
        why=finding.why,
        fix=finding.fix,
        evidence=finding.evidence,
        source=finding.source,
        at=tuple(one.at),
        accounts=tuple(sorted(one.accounts)),
        regions=tuple(sorted(one.regions)),
        classes=tuple(sorted(one.classes, key=order.index)),
        cells=one.cells,
    )


def _rank(cause: Cause, order: list[str]) -> tuple[int, int, int, int, str]:
    return (
        SEVERITIES.index(cause.severity),
        _KINDS.index(cause.kind),
        min(order.index(name) for name in cause.classes),
        -cause.cells,
        cause.id,
    )
