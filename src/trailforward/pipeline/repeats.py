"""Events of a route with ``once`` or ``threshold``: their keys and times, and the note in a message."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trailforward.config import RepeatingRoute
from trailforward.pipeline.windows import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.config import PlainRoute
    from trailforward.pipeline.keys import Unit
    from trailforward.pipeline.routing import Route

_MISSING = object()


def with_rule(settings: PlainRoute, route: Route) -> Route:
    """Adds to a route what it says about repeated events."""
    if not isinstance(settings, RepeatingRoute) or (settings.once is None and settings.threshold is None):
        return route
    once, threshold = settings.once, settings.threshold
    paths = (once or threshold).per  # type: ignore[union-attr]  # one of them is set
    rule = Rule(
        route.name,
        tuple(tuple(path.split(".")) for path in paths),
        once.seconds if once else 0,
        threshold.count if threshold else 0,
        threshold.seconds if threshold else 0,
    )
    return route._replace(repeats=rule)


def key_of(rule: Rule, event: Any) -> str | None:
    """Text that is equal for events with the same key.

    None if ``once`` decides alone and a value is missing: others that lack it are not known to be the same.
    """
    values = [_value(event, path) for path in rule.per]
    if not rule.events and any(value is _MISSING for value in values):
        return None
    return _text(values)


def _value(event: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(event, dict) or name not in event:
            return _MISSING
        event = event[name]
    return event


def _text(values: Sequence[Any]) -> str:
    """Text that is equal for equal values. A list counts as a whole."""
    known = [[] if value is _MISSING else [value] for value in values]
    return json.dumps(known, sort_keys=True, separators=(",", ":"))


def epoch(text: str) -> float:
    """Seconds since 1970; now if the text is not a timestamp."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return time.time()
    return then.timestamp() if then.tzinfo is not None else time.time()


def note(unit: Unit) -> str:
    """What a message says about the events that it stands for."""
    rule = unit.rule
    parts = [f"{rule.events} events within {rule.within:,.0f} seconds."] if rule.events else []
    held, since = unit.prior
    if held:
        moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        parts.append(f"{held:,} more {'was' if held == 1 else 'were'} held back since {moment}.")
    return " ".join(parts)
