"""Delivery: follows a call's event through a World to a destination, link by link, with pure functions.

The checks, in order; the first definite break on a path decides:

1. ``reach``: the event's Region is enabled.
2. ``trails``: a trail is logging there and its ``selectors`` include the event; then the event's size.
3. ``buses``: a rule on the default bus leads to a destination; its pattern, its state, its targets.
4. ``buses``: a hop to another bus is allowed; the bus exists; the role and the bus policy; then 3 again.
5. ``targets``: the target is supported and exists; ``roles``, ``policies``, ``encryption``; then a topic's
   queue.

With several paths, the result is True if any path arrives; else ``"unknown"`` if any path has only uncertain
links, with the first of them; else False, with the path that came furthest. Each step takes a
``DeliveryPath`` and returns a longer one. ``path_warnings`` collects other problems, and ``verdict`` puts
everything into words with ``findings.toml``. ``known_steps`` keeps steps that many questions share.
"""

from __future__ import annotations

from trailforward.doctor.delivery.reach import reach
from trailforward.doctor.delivery.verdict import Finding, Verdict

__all__ = ["Finding", "Verdict", "reach"]
