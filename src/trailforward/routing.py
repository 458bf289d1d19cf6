"""Routing: which sinks want an event, and in which format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trailforward.patterns import Pattern, PatternSet


@dataclass(frozen=True, slots=True)
class Route:
    """A name, the sinks it feeds, and what it matches.

    Attributes:
        name: unique among the routes.
        sinks: names of sinks.
        pattern: an event pattern; None matches everything.
        formats: sink → the format it gets by this route; ``raw`` where it is not named.
        stop: routes after this one do not see what it takes.
        default: it takes only events that no other route takes.
    """

    name: str
    sinks: tuple[str, ...]
    pattern: Pattern | None = None
    formats: Mapping[str, str] = field(default_factory=dict)
    stop: bool = False
    default: bool = False


class Router:
    """All routes. An event goes to the sinks of every route that takes it, once to each.

    Args:
        routes: in order of configuration.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        routes = tuple(routes)
        self._first = _Tier([route for route in routes if not route.default])
        self._default = _Tier([route for route in routes if route.default])

    def routes(self, event: dict[str, Any]) -> list[Route]:
        """The routes that take the event, in order, up to one that stops; if there is none, default ones."""
        return self._first.routes(event) or self._default.routes(event)

    def sinks(self, event: dict[str, Any]) -> dict[str, str]:
        """The sinks that want the event, each with the format of the first route that names it."""
        wanted: dict[str, str] = {}
        for route in self.routes(event):
            for sink in route.sinks:
                wanted.setdefault(sink, route.formats.get(sink, "raw"))
        return wanted


class _Tier:
    """Routes that are judged together: all patterns at once."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._always = [number for number, route in enumerate(routes) if route.pattern is None]
        self._patterns: PatternSet | None = None
        patterns = {
            str(number): route.pattern for number, route in enumerate(routes) if route.pattern is not None
        }
        if patterns:
            from trailforward.patterns import PatternSet

            self._patterns = PatternSet(patterns)

    def routes(self, event: dict[str, Any]) -> list[Route]:
        matching = self._always
        if self._patterns is not None:
            matching = sorted([*matching, *map(int, self._patterns.matches(event))])
        taking = []
        for number in matching:
            route = self._routes[number]
            taking.append(route)
            if route.stop:
                break
        return taking
