"""Verdict: the result for one call, with texts for people and codes for programs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from trailforward.doctor.delivery.delivery_path import RawFinding
from trailforward.doctor.delivery.path_warnings import path_warnings
from trailforward.doctor.findings import load_codes
from trailforward.doctor.world.links import describe

if TYPE_CHECKING:
    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query

#: From strong to weak.
_EVIDENCE = ("documented", "measured", "inferred", "uncertain")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, with its texts.

    Attributes:
        code: the stable identifier; :func:`trailforward.doctor.load_codes` lists all of them.
        at: the link where it was found, such as ``rule:111122223333/eu-west-1/default/tf``.
        severity: ``critical``, ``warn`` or ``info``.
        why: what is wrong, in a sentence or two.
        fix: what to do.
        evidence: how the fact is known: ``documented``, ``measured``, ``inferred`` or ``uncertain``.
        source: URL of the page that states the fact.
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
        reaches: True, False, or ``"unknown"`` if the doctor cannot decide. Unknown never counts as arriving.
        code: ``OK``, or the code of what breaks the path, or of the first uncertain link.
        at: the link of that finding; None if the event arrives.
        path: the links of the reported path: one that arrives, or the one that got furthest.
        why: the reason, in a sentence or two.
        fix: what to do.
        evidence: how the deciding fact is known; if the event arrives, the weakest evidence on its path.
        source: URL of the page that states that fact.
        doubts: all uncertain links on the path.
        warnings: other problems and assumptions along the path.
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


def verdict(query: Query, path: DeliveryPath) -> Verdict:
    """The verdict for a path, with all texts filled in."""
    doubts = tuple(finding_of(query, raw) for raw in path.doubts)
    warnings = tuple(finding_of(query, raw) for raw in (*path_warnings(query, path), *path.notes))
    notes = (finding for finding in warnings if load_codes()[finding.code].kind == "note")
    reaches: bool | Literal["unknown"] = path.end is None
    if path.end is not None:
        main = finding_of(query, path.end)
    elif doubts:
        reaches, main = "unknown", doubts[0]
    else:
        main = finding_of(query, RawFinding("OK", path.links[-1], {}))
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


def uncertain_category(query: Query, best: Verdict) -> Verdict:
    """The verdict for a call that may be a management or a data event, if that makes a difference.

    Args:
        query: the call.
        best: the verdict for the category with which the event gets furthest.
    """
    main = finding_of(query, RawFinding("CATEGORY_UNCERTAIN", query.call.link, {}))
    return replace(
        best,
        reaches="unknown",
        code=main.code,
        at=main.at,
        path=(*best.path, main.at),
        why=main.why,
        fix=main.fix,
        evidence=main.evidence,
        source=main.source,
        doubts=(main, *best.doubts),
    )


def finding_of(query: Query, raw: RawFinding) -> Finding:
    """A finding with its texts filled in."""
    code = load_codes()[raw.code]
    facts = {
        "where": describe(raw.at),
        "call": query.call.name,
        "account": query.account,
        "region": query.region,
        "service": query.call.service,
        **raw.facts,
    }
    why = code.why.format_map(facts)
    if code.why.startswith("{where}"):
        why = why[0].upper() + why[1:]
    return Finding(
        code=code.code,
        at=raw.at,
        severity=raw.severity or code.severity,
        why=why,
        fix=code.fix.format_map(facts),
        evidence=code.evidence,
        source=code.source,
    )
