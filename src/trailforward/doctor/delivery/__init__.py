"""From an API call to the destination: pure functions over a World, link by link.

``walk`` goes through ``trails``, then ``buses`` (rules and hops), ``targets``, ``roles`` and ``policies``.
Each step takes a ``Path`` and gives a longer one; ``verdict`` words the best of them.
"""

from __future__ import annotations

from trailforward.doctor.delivery.verdict import Finding, Verdict
from trailforward.doctor.delivery.walk import reach

__all__ = ["Finding", "Verdict", "reach"]
