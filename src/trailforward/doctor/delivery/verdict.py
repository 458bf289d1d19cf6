"""Verdict: the answer for one call, in words and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trailforward.doctor.codes import load_codes
from trailforward.doctor.delivery.cautions import cautions
from trailforward.doctor.delivery.path import Flaw
from trailforward.doctor.links import words

if TYPE_CHECKING:
    from trailforward.doctor.delivery.path import Path
    from trailforward.doctor.delivery.trip import Trip

#: From firm to weak.
_EVIDENCE = ("documented", "measured", "inferred", "uncertain")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        code: short and stable; :func:`trailforward.doctor.load_codes` has them all.
        at: the link, such as ``rule:111122223333/eu-west-1/default/tf``.
        severity: ``critical``, ``warn`` or ``info``.
        why: one sentence for people.
        fix: what to do.
        evidence: how the fact behind it is known: ``documented``, ``measured``, ``inferred``, ``uncertain``.
        source: where the fact stands.
    """

    code: str
    at: str
    severity: str
    why: str
    fix: str
    evidence: str
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call's event reaches a destination.

    Attributes:
        reaches: True, False, or ``"unknown"`` where nobody can say; unknown is no pass.
        code: ``OK``, or what breaks the way, or the first link that is uncertain.
        at: the link of that code; None if the event arrives.
        path: the links of the way that is reported: the one that arrives, or came furthest.
        why: one sentence for people.
        fix: what to do.
        evidence: how the deciding fact is known; of an event that arrives the weakest on its way.
        source: where that fact stands.
        doubts: every uncertain link of the way.
        warnings: what is wrong, or taken for granted, along the way.
    """

    reaches: bool | Literal["unknown"]
    code: str
    at: str | None
    path: tuple[str, ...]
    why: str
    fix: str
    evidence: str
    source: str
    doubts: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


def verdict(trip: Trip, path: Path) -> Verdict:
    """Puts a path into words."""
    doubts = tuple(_finding(trip, flaw) for flaw in path.doubts)
    warnings = tuple(_finding(trip, flaw) for flaw in (*cautions(trip, path), *path.notes))
    notes = (finding for finding in warnings if load_codes()[finding.code].kind == "note")
    reaches: bool | Literal["unknown"] = path.end is None
    if path.end is not None:
        main = _finding(trip, path.end)
    elif doubts:
        reaches, main = "unknown", doubts[0]
    else:
        main = _finding(trip, Flaw("OK", path.links[-1], {}))
    evidence = max((main.evidence, *(note.evidence for note in notes)), key=_EVIDENCE.index)
    return Verdict(
        reaches=reaches,
        code=main.code,
        at=None if reaches is True else main.at,
        path=path.links,
        why=main.why,
        fix=main.fix,
        evidence=evidence if reaches is True else main.evidence,
        source=main.source,
        doubts=doubts,
        warnings=warnings,
    )


def _finding(trip: Trip, flaw: Flaw) -> Finding:
    code = load_codes()[flaw.code]
    facts = {
        "where": words(flaw.at),
        "call": trip.call.name,
        "account": trip.account,
        "region": trip.region,
        "service": trip.call.service,
        **flaw.facts,
    }
    why = code.why.format_map(facts)
    if code.why.startswith("{where}"):
        why = why[0].upper() + why[1:]
    return Finding(
        code=code.code,
        at=flaw.at,
        severity=flaw.severity or code.severity,
        why=why,
        fix=code.fix.format_map(facts),
        evidence=code.evidence,
        source=code.source,
    )
