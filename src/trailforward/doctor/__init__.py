"""The doctor: does a call in Region R of account A arrive at the destination, and if not, why?

::

    from trailforward.doctor import Call, World, reach

    verdict = reach(World.from_json(text), Call(account="111122223333", region="eu-west-1",
                                                service="iam.amazonaws.com", event_name="CreateUser"))
    verdict.reaches  # True, False or "unknown"

Pure: it looks at a snapshot, and never at AWS.
"""

from __future__ import annotations

from trailforward.doctor.call import Call
from trailforward.doctor.classes import CLASSES, EventClass
from trailforward.doctor.codes import Code, load_codes
from trailforward.doctor.delivery import Finding, Verdict, reach
from trailforward.doctor.regions import global_services, sign_in_regions, sign_ins
from trailforward.doctor.world import SnapshotError, World

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
