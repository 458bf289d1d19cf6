"""The service's limits on patterns, as settings with today's values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a pattern may cost. Whoever runs an older or a raised quota sets it here.

    Attributes:
        size: characters of the pattern text (EventBridge API reference: 4,096).
        combinations: product of the lengths of all ``$or`` arrays (user guide: 1,000).
        complexity: wildcard complexity (recorded: 9 accepted, 11 refused, so greater than 10 is refused).
        paths: fields in one ``$or`` combination (Event Ruler: 256).
    """

    size: int = 4_096
    combinations: int = 1_000
    complexity: int = 10
    paths: int = 256


#: What accounts get without asking; the quota can be raised to 4,096.
DEFAULT_SIZE_QUOTA = 2_048
