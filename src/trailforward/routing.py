"""Routing: which sinks want an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.patterns import Pattern


@dataclass(frozen=True, slots=True)
class Route:
    """A name, the sinks it feeds, and what it matches.

    Attributes:
        name: unique among the routes.
        sinks: names of sinks.
        pattern: an event pattern; None matches everything.
    """

    name: str
    sinks: tuple[str, ...]
    pattern: Pattern | None = None

    def matches(self, event: dict[str, Any]) -> bool:
        """Whether this route takes the event."""
        return self.pattern is None or self.pattern.matches(event)


class Router:
    """All routes. An event goes to the sinks of every route that matches it, once to each.

    Args:
        routes: in order of configuration.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)

    def sinks(self, event: dict[str, Any]) -> set[str]:
        """Names of the sinks that want the event."""
        wanted: set[str] = set()
        for route in self._routes:
            if not wanted.issuperset(route.sinks) and route.matches(event):
                wanted.update(route.sinks)
        return wanted
