"""EventBridge's limits on patterns, as settings with the current values as defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on a pattern. Set them if your account has an older or a raised quota.

    Attributes:
        size: maximum characters of the pattern text (EventBridge API reference: 4,096).
        combinations: maximum product of the lengths of all ``$or`` arrays (user guide: 1,000).
        complexity: maximum wildcard complexity (recorded from AWS: 9 is accepted, 11 is rejected).
        paths: maximum fields in one ``$or`` combination (Event Ruler: 256).
    """

    size: int = 4_096
    combinations: int = 1_000
    complexity: int = 10
    paths: int = 256


#: The limits on the patterns of routes. trailforward matches these itself, so they may be longer and have
#: more wildcards than those of EventBridge's rules; ``lint`` says which of them EventBridge would reject.
OF_ROUTES = Limits(size=65_536, complexity=1_000)

#: The default quota of an account, in characters; it can be raised to 4,096.
DEFAULT_SIZE_QUOTA = 2_048
