"""The doctor: does the event of a call in Region R of account A arrive at the destination, and if not, why?

::

    from trailforward.doctor import Call, World, reach

    verdict = reach(World.from_json(text), Call(account="111122223333", region="eu-west-1",
                                                service="iam.amazonaws.com", event_name="CreateUser"))
    verdict.reaches  # True, False or "unknown"

These functions read only a snapshot; ``discover`` and ``probe`` are the parts that call AWS.
"""

from __future__ import annotations

from trailforward.doctor.delivery import Finding, Verdict, reach
from trailforward.doctor.findings import Code, load_codes
from trailforward.doctor.world.call import Call
from trailforward.doctor.world.event_classes import CLASSES, EventClass
from trailforward.doctor.world.regions import global_services, sign_in_regions, sign_ins
from trailforward.doctor.world.world import SnapshotError, World

__all__ = [
    "CLASSES",
    "Call",
    "Code",
    "EventClass",
    "Finding",
    "SnapshotError",
    "Verdict",
    "World",
    "global_services",
    "load_codes",
    "reach",
    "sign_in_regions",
    "sign_ins",
]
