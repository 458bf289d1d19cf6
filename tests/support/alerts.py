"""One alert for tests and for the examples in docs/alerts.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward import Message, Origin
from trailforward.matched import Matched
from trailforward.testing import samples

if TYPE_CHECKING:
    from collections.abc import Sequence

OPENED = Matched(
    name="exposure/security-group-opened",
    severity="high",
    title="Security group opened to the internet",
    description="Anybody can reach the port. Attackers scan the whole internet within minutes.",
    runbook="https://wiki.example.com/runbooks/security-group",
    author="Rosa Diaz",
    tags=("attack.t1562.007", "attack.defense-impairment"),
)
CHANGED = Matched(name="every-network-change", severity="low", title="Network changed")


def alert(raw: bytes | None = None, matched: Sequence[Matched] = (CHANGED, OPENED)) -> Message:
    """An event with the detections that matched it."""
    message = Message(samples.load("security-group-opened") if raw is None else raw, Origin("test"))
    message.matched = matched
    return message
