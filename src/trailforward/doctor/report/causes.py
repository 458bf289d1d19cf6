"""Causes: findings grouped, so that one fault in 30 Regions is one entry that names 30 Regions."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from trailforward.doctor.codes import load_codes
from trailforward.doctor.report.titles import title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from trailforward.doctor.classes import EventClass
    from trailforward.doctor.delivery import Finding, Verdict
    from trailforward.doctor.report.survey import Cell

SEVERITIES = ("critical", "warn", "info")
_KINDS = ("break", "unknown", "warning", "note")

#: What tells one place's copy of a thing from another's, besides the names of Regions: account ids, and what
#: StackSets and CloudFormation make up.
_OWN = (
    r"(?<!\d)\d{12}(?!\d)",
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"(?<=-)(?=[A-Z0-9]*\d)[A-Z0-9]{11,14}\b",
)


#: Codes whose sentence tells how each class of events meets the cause; the cause is one.
_ONE_CAUSE = frozenset({"PATTERN_MISMATCH"})


class Fault(NamedTuple):
    """One thing found for one call, with the keys by which it is grouped."""

    code: str
    severity: str
    at: str
    why: str
    fix: str
    evidence: str
    source: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause, and everything that it costs.

    Attributes:
        id: stable as long as the cause is: the code and a digest of what it says.
        code: :func:`trailforward.doctor.load_codes` has them all.
        kind: ``break``, ``unknown``, ``warning`` or ``note``.
        severity: ``critical``, ``warn`` or ``info``.
        title: a few words.
        why: one sentence; where there are several places, that of the first.
        fix: what to do, likewise.
        evidence: ``documented``, ``measured``, ``inferred`` or ``uncertain``.
        source: where the fact stands.
        at: the links, in the order in which they were met.
        accounts: whose events it touches.
        regions: where those events are recorded.
        classes: names of the classes of events it touches.
        cells: how many combinations of account, Region and class it touches.
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


def generalise(regions: Iterable[str]) -> Callable[[str], str]:
    """A function that takes out of a text what differs from Region to Region and account to account."""
    names = (rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(regions, key=len, reverse=True))
    own = re.compile("|".join((*_OWN, *names)))

    @lru_cache(maxsize=1 << 16)
    def general(text: str) -> str:
        return own.sub("*", text)

    return general


def faults(verdict: Verdict) -> Iterator[Fault]:
    """What a verdict finds: what breaks the way or leaves it open first, then doubts and warnings."""
    if verdict.reaches is not True:
        yield _fault(verdict, load_codes()[verdict.code].severity, verdict.at or "")
    for finding in (*verdict.doubts, *verdict.warnings):
        if (finding.code, finding.at) != (verdict.code, verdict.at):
            yield _fault(finding, finding.severity, finding.at)


def _fault(found: Finding | Verdict, severity: str, at: str) -> Fault:
    return Fault(found.code, severity, at, found.why, found.fix, found.evidence, found.source)


def identify(fault: Fault, general: Callable[[str], str]) -> str:
    """The id of the cause that a fault belongs to."""
    why = "" if fault.code in _ONE_CAUSE else general(fault.why)
    return _identity(fault.code, fault.severity, general(fault.at), why, general(fault.fix))


@lru_cache(maxsize=1 << 16)
def _identity(code: str, *parts: str) -> str:
    digest = hashlib.sha256("\0".join((code, *parts)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{code.lower().replace('_', '-')}-{digest[:8]}"


@dataclass(slots=True)
class _Gathered:
    first: Fault
    at: dict[str, None] = field(default_factory=dict)
    accounts: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    cells: int = 0


def gather(
    cells: Iterable[Cell], general: Callable[[str], str], classes: Sequence[EventClass]
) -> tuple[Cause, ...]:
    """All causes of some cells, the most serious first.

    Order: severity; what breaks a way before what leaves it open before what is wrong besides; then the class
    of events, as ``classes`` are ordered; then how much it costs.
    """
    found: dict[str, _Gathered] = {}
    for cell in cells:
        for fault in faults(cell.verdict):
            one = found.setdefault(identify(fault, general), _Gathered(fault))
            one.at[fault.at] = None
            one.accounts.add(cell.account)
            one.regions.add(cell.recorded)
            one.classes.add(cell.event_class)
            one.cells += 1
    order = [kind.name for kind in classes]
    causes = [_cause(key, one, order) for key, one in found.items()]
    return tuple(sorted(causes, key=lambda cause: _rank(cause, order)))


def _cause(key: str, one: _Gathered, order: list[str]) -> Cause:
    fault = one.first
    return Cause(
        id=key,
        code=fault.code,
        kind=load_codes()[fault.code].kind,
        severity=fault.severity,
        title=title(fault.code),
        why=fault.why,
        fix=fault.fix,
        evidence=fault.evidence,
        source=fault.source,
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
