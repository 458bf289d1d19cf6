"""From an API call to the destination: pure functions over a World, link by link.

The first definite break on a way wins, in this order:

1. ``walk``: the Region of the event is enabled.
2. ``trails``: a trail runs there, and its ``selectors`` take the event; then the event's size.
3. ``buses``: a rule of the default bus that leads to a destination; its pattern, its state, its targets.
4. ``buses``: a hop to another bus: allowed, the bus there, the role, the bus policy; then 3 again.
5. ``targets``: the last link: legal kind, there, ``roles``, ``policies``, ``keys``; behind a topic the queue.

Of several ways any that arrives gives True; else any whose only flaws are uncertain gives ``"unknown"``, with
the first of them; else False, with the way that came furthest. Each step takes a ``Path`` and gives a longer
one; ``cautions`` collects what is wrong besides, and ``verdict`` words it all with the table ``codes.toml``.
"""

from __future__ import annotations

from trailforward.doctor.delivery.verdict import Finding, Verdict
from trailforward.doctor.delivery.walk import reach

__all__ = ["Finding", "Verdict", "reach"]
