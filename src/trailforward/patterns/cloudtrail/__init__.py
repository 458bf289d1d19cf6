"""What CloudTrail events look like, and which of a pattern's conditions no such event can satisfy.

``event_kinds`` are the six kinds of events, ``fields`` is the shape of an envelope and its record, and
``event_sources`` knows services and their API operations (from the installed botocore). ``combinations``
compares a pattern with all of them.

Only what AWS documents, or what differs from it by case or by a slip, is called impossible. A name that is
merely unknown never is: services get new APIs.
"""

from __future__ import annotations

from trailforward.patterns.cloudtrail.combinations import Combination, combinations, dead_members
from trailforward.patterns.cloudtrail.event_kinds import KINDS, EventKind
from trailforward.patterns.cloudtrail.event_sources import (
    is_known_service,
    operations,
    services_with,
    spelled,
)
from trailforward.patterns.cloudtrail.fields import shape_of
from trailforward.patterns.cloudtrail.problem import CODES, Context, Problem
from trailforward.patterns.cloudtrail.text_values import text_problem
from trailforward.patterns.leaves import leaves as leaves_at
from trailforward.patterns.operators import exact_strings, member_test

__all__ = [
    "CODES",
    "KINDS",
    "Combination",
    "Context",
    "EventKind",
    "Problem",
    "combinations",
    "dead_members",
    "exact_strings",
    "is_known_service",
    "leaves_at",
    "member_test",
    "operations",
    "services_with",
    "shape_of",
    "spelled",
    "text_problem",
]
