"""Discovery: reads AWS accounts into a World, with read-only calls.

``api_calls`` is the table of all calls, ``reader`` makes them, and ``explore`` decides which; each other
module reads one kind of thing. :mod:`trailforward.doctor` does not import this package; botocore is imported
only when used.
"""

from __future__ import annotations

from trailforward.doctor.discover.accounts import DEFAULT_ROLE
from trailforward.doctor.discover.api_calls import CALLS, ApiCall, policy
from trailforward.doctor.discover.explore import Discovery, discover
from trailforward.doctor.discover.reader import AwsCallError, Reader, TimeLimit

__all__ = [
    "CALLS",
    "DEFAULT_ROLE",
    "ApiCall",
    "AwsCallError",
    "Discovery",
    "Reader",
    "TimeLimit",
    "discover",
    "policy",
]
