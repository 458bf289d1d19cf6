"""The canary: a scheduled function that proves for each Region that events arrive.

Each run makes one call in each Region that always fails, and checks which calls of the run before arrived.
The forwarder recognizes them (``pipeline/canary.py``) and publishes their latency as a metric, at the time of
the call. That metric is all that this package reads: the forwarder stores nothing and needs no permission.

This package runs in a function of its own, and is not part of the layer.
"""

from __future__ import annotations

from trailforward.doctor.canary.permissions import policy
from trailforward.doctor.canary.run import handler

__all__ = ["handler", "policy"]
