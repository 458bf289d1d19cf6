"""Routing: which sinks want an event, and in which format."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.config import PlainRoute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trailforward.config import Config
    from trailforward.matched import Matched
    from trailforward.patterns import Pattern, PatternSet
    from trailforward.pipeline.windows import Rule


class Route(NamedTuple):
    """Sends the events that match a pattern to some sinks, or keeps them from some.

    Attributes:
        name: unique among the routes; ``ROUTE/DETECTION`` for a detection of a set.
        sinks: names of sinks. A route with ``drop`` and without sinks applies to all.
        pattern: an event pattern; None matches every event.
        formats: sink → the format that it gets by this route; ``raw`` for sinks that are not listed.
        stop: later routes do not get the events that match this one.
        default: the route gets only events that match no other route.
        only: more patterns, all of which an event must match.
        drop: the sinks get the event from no later route.
        unless: patterns, none of which an event may match.
        group: the name of the configured route if it uses a set, which expands to several routes.
        repeats: what happens to repeated events; None if they are events like any other.
        matched: what the messages of people and pagers say; None if the route says nothing.
    """

    name: str
    sinks: tuple[str, ...]
    pattern: Pattern | None = None
    formats: Mapping[str, str] = MappingProxyType({})
    stop: bool = False
    default: bool = False
    only: tuple[Pattern, ...] = ()
    drop: bool = False
    unless: tuple[Pattern, ...] = ()
    group: str = ""
    matched: Matched | None = None
    repeats: Rule | None = None

    @property
    def configured(self) -> str:
        """The name of the configured route, which a set expands to several routes."""
        return self.group or self.name


def build_routes(config: Config) -> list[Route]:
    """Returns the routes of a configuration, with compiled patterns and the format for each sink.

    A route that uses a set becomes one route for each of its detections.
    """
    found: list[Route] = []
    for route in config.routes:
        targets = route.sinks
        made = Route(
            route.name,
            tuple(target.sink for target in targets),
            route.pattern,
            {target.sink: target.format or config.sinks[target.sink].format for target in targets},
            stop=route.stop,
            default=route.default,
        )
        if type(route) is PlainRoute:
            found.append(made)
        else:
            # Imported here, because a cold start without detections does not need it.
            from trailforward.pipeline.detection_routes import complete

            found += complete(route, made)
    return found


class Router:
    """All routes. An event goes to the sinks of every route that it matches, once to each sink.

    Args:
        routes: in order of configuration.

    Attributes:
        numeric: whether any pattern compares numbers. The events must then have exact numbers.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        routes = tuple(routes)
        self._first = _tier([route for route in routes if not route.default])
        self._default = _tier([route for route in routes if route.default])
        self.numeric = self._first.numeric or self._default.numeric

    def routes(self, event: dict[str, Any]) -> list[Route]:
        """The routes that the event matches, in order, up to one that stops; otherwise the default routes."""
        tier, numbers = self._matching(event)
        return tier.upto_stop(numbers)

    def sinks(self, event: dict[str, Any]) -> Mapping[str, Any]:
        """The sinks that want the event, each with the format of the first route that names it."""
        tier, numbers = self._matching(event)
        return tier.sinks(numbers)

    def _matching(self, event: dict[str, Any]) -> tuple[_Tier, tuple[int, ...]]:
        numbers = self._first.numbers(event)
        return (self._first, numbers) if numbers else (self._default, self._default.numbers(event))


#: Maximum combinations of routes whose sinks are cached.
CACHED = 1_024


class _Tier:
    """Routes of equal rank, whose patterns are matched all at once."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.all = routes
        self._always = tuple(number for number, route in enumerate(routes) if route.pattern is None)
        self._with_pattern = [number for number, route in enumerate(routes) if route.pattern is not None]
        self._patterns = _together([route.pattern for route in routes if route.pattern is not None])
        self._sinks: dict[tuple[int, ...], dict[str, str]] = {}

    @property
    def numeric(self) -> bool:
        return self._patterns is not None and self._patterns.compares_numbers

    def numbers(self, event: dict[str, Any]) -> tuple[int, ...]:
        """The indexes of the routes that an event matches, in order."""
        if self._patterns is None:
            return self._always
        matching = [self._with_pattern[number] for number in self._patterns.matching_positions(event)]
        return tuple(sorted([*self._always, *matching]) if self._always else matching)

    def upto_stop(self, numbers: Sequence[int]) -> list[Route]:
        """The routes with these indexes, up to one that stops; all detections of a set stop together."""
        found: list[Route] = []
        stopping = None
        for number in numbers:
            route = self.all[number]
            if stopping is not None and route.configured != stopping:
                break
            found.append(route)
            if route.stop and stopping is None:
                stopping = route.configured
        return found

    def sinks(self, numbers: tuple[int, ...]) -> Mapping[str, str]:
        """The sinks of some routes, each with its format. Cached: most events match the same few routes."""
        found = self._sinks.get(numbers)
        if found is None:
            found = {}
            for route in self.upto_stop(numbers):
                for sink in route.sinks:
                    found.setdefault(sink, route.formats.get(sink, "raw"))
            if len(self._sinks) < CACHED:
                self._sinks[numbers] = found
        return found


class _RestrictedTier(_Tier):
    """Routes of which some have more patterns. These are matched only for events that match the first one."""

    def __init__(self, routes: Sequence[Route]) -> None:
        super().__init__(routes)
        self._only = {number: route.only for number, route in enumerate(routes) if route.only}
        self._unless = {number: route.unless for number, route in enumerate(routes) if route.unless}
        together = _together([pattern for route in routes for pattern in (*route.only, *route.unless)])
        self._compares_numbers = together is not None and together.compares_numbers

    @property
    def numeric(self) -> bool:
        return super().numeric or self._compares_numbers

    def numbers(self, event: dict[str, Any]) -> tuple[int, ...]:
        only, unless = self._only, self._unless
        return tuple(
            number
            for number in super().numbers(event)
            if (number not in only or all(pattern.matches(event) for pattern in only[number]))
            and (number not in unless or not any(pattern.matches(event) for pattern in unless[number]))
        )


def _tier(routes: Sequence[Route]) -> _Tier:
    return (_RestrictedTier if any(route.only or route.unless for route in routes) else _Tier)(routes)


def _together(patterns: Sequence[Pattern]) -> PatternSet | None:
    if not patterns:
        return None
    # Imported here, because a cold start without patterns does not need it.
    from trailforward.patterns import PatternSet

    return PatternSet({str(number): pattern for number, pattern in enumerate(patterns)})
