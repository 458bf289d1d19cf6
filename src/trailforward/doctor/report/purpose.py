"""Purpose: tells what the owner of an account excludes on purpose from what is blind by mistake.

CloudTrail and EventBridge leave out some classes of events unless somebody asks for them: data events,
Insights, and network activity events need selectors, and a rule in the state ``ENABLED`` receives no
read-only management events. Leaving them out is a choice, not a fault.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.doctor.report.survey import Cell

#: Classes that no trail records unless its selectors ask for them
#: (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html).
_OPT_IN = frozenset({"data", "insight", "network"})
#: Classes that selectors or the rule's state can leave out. If events of such a class arrive from anywhere,
#: the class is wanted, and a place that leaves it out is probably a mistake.
_OPT_OUT = {
    "read": frozenset({"SELECTOR_EXCLUDES", "RULE_STATE_READONLY"}),
    "kms-read": frozenset({"SELECTOR_EXCLUDES", "RULE_STATE_READONLY"}),
    "service": frozenset({"SELECTOR_EXCLUDES"}),
}


def mark_excluded(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """The cells, with those marked that are excluded on purpose."""
    found = tuple(cells)
    wanted = {cell.event_class for cell in found if cell.status == "covered"}
    return tuple(replace(cell, excluded=True) if _on_purpose(cell, wanted) else cell for cell in found)


def _on_purpose(cell: Cell, wanted: set[str]) -> bool:
    if cell.status != "blind":
        return False
    if cell.event_class in _OPT_IN:
        return cell.verdict.code == "SELECTOR_EXCLUDES"
    return cell.event_class not in wanted and cell.verdict.code in _OPT_OUT.get(cell.event_class, ())
