"""What a route says about the events that it matches, for the messages that people and pagers get."""

from __future__ import annotations

from typing import NamedTuple

#: From least to most severe. An empty severity is below all of them.
SEVERITIES = ("informational", "low", "medium", "high", "critical")


class Matched(NamedTuple):
    """One route that matched an event, as a detection.

    Attributes:
        name: the route's name, ``SET/DETECTION`` for a detection of a set.
        severity: one of :data:`SEVERITIES`; empty if the route has none.
        title: what happened, in a few words; empty if the route has none.
        description: why it matters.
        runbook: URL of what to do.
        author: who wrote the detection.
        tags: MITRE ATT&CK IDs and others: ``attack.t1562.008``.
        repeats: how many events the message stands for, as a sentence; empty if for one.
        held: how many of them were held back.
    """

    name: str
    severity: str = ""
    title: str = ""
    description: str = ""
    runbook: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    repeats: str = ""
    held: int = 0
