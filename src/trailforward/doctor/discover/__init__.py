"""Discovery: live AWS to a World, with calls that only read.

``calls`` is the table of all calls, ``reader`` makes them, ``explore`` decides which; the others each know
one kind of thing. Nothing here is imported by :mod:`trailforward.doctor`, and botocore only when it is used.
"""

from __future__ import annotations

from trailforward.doctor.discover.accounts import USUAL_ROLE
from trailforward.doctor.discover.calls import CALLS, ApiCall, policy
from trailforward.doctor.discover.explore import Discovery, discover
from trailforward.doctor.discover.reader import LookError, Reader

__all__ = ["CALLS", "USUAL_ROLE", "ApiCall", "Discovery", "LookError", "Reader", "discover", "policy"]
