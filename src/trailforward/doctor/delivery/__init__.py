"""From an API call to the destination: pure functions over a World, link by link.

``reach`` walks ``trails``, then ``buses`` (rules and hops), ``targets``, ``roles`` and ``policies``. Each step
takes a ``Path`` and gives a longer one; ``verdict`` words the best of them.
"""

from __future__ import annotations

from trailforward.doctor.delivery.reach import reach
from trailforward.doctor.delivery.verdict import Finding, Verdict

__all__ = ["Finding", "Verdict", "reach"]
