"""The router: ``stop``, ``default``, a format per sink, and many routes."""

from __future__ import annotations

import json
from typing import Any

from tests.support.events import envelope
from trailforward.patterns import Pattern
from trailforward.pipeline.routing import Route, Router


def event(name: str = "StopInstances") -> dict[str, Any]:
    """A parsed envelope."""
    parsed: dict[str, Any] = json.loads(envelope(0, eventName=name))
    return parsed


def named(*names: str) -> Pattern:
    """A pattern that matches these event names."""
    return Pattern({"detail": {"eventName": list(names)}})


def taken(router: Router, name: str) -> list[str]:
    """The names of the routes that match an event with this name."""
    return [route.name for route in router.routes(event(name))]


def test_routes_match_in_order() -> None:
    """Matching routes, with and without patterns, come in the order of the configuration."""
    router = Router(
        [
            Route("b", ("x",), named("StopInstances", "Other")),
            Route("all", ("y",)),
            Route("a", ("z",), named("StopInstances")),
        ]
    )
    assert taken(router, "StopInstances") == ["b", "all", "a"]
    assert taken(router, "Other") == ["b", "all"]
    assert taken(router, "Third") == ["all"]


def test_a_route_that_stops_hides_the_event_from_later_routes() -> None:
    """``stop`` ends the search if the route matches the event, and only then."""
    router = Router(
        [
            Route("before", ("x",), named("A", "B")),
            Route("stop", ("y",), named("A"), stop=True),
            Route("after", ("z",), named("A", "B")),
        ]
    )
    assert taken(router, "A") == ["before", "stop"]
    assert taken(router, "B") == ["before", "after"]


def test_default_routes_take_what_no_other_route_matches() -> None:
    """``default`` routes get an event only if no other route matches it, whatever their position."""
    router = Router(
        [
            Route("rest", ("x",), default=True),
            Route("a", ("y",), named("A")),
            Route("rest-b", ("z",), named("B"), default=True),
        ]
    )
    assert taken(router, "A") == ["a"]
    assert taken(router, "B") == ["rest", "rest-b"]
    assert taken(router, "C") == ["rest"]


def test_a_default_route_may_stop_other_default_routes() -> None:
    """``stop`` works among default routes, too."""
    router = Router(
        [Route("first", ("x",), named("A"), default=True, stop=True), Route("rest", ("y",), default=True)]
    )
    assert taken(router, "A") == ["first"]
    assert taken(router, "B") == ["rest"]


def test_a_route_that_stops_also_stops_default_routes() -> None:
    """Default routes do not get an event that a route with ``stop`` matched."""
    router = Router([Route("stop", (), named("A"), stop=True), Route("rest", ("x",), default=True)])
    assert taken(router, "A") == ["stop"]
    assert router.sinks(event("A")) == {}
    assert router.sinks(event("B")) == {"x": "raw"}


def test_the_first_route_that_names_a_sink_decides_its_format() -> None:
    """A sink gets an event once, in the format of the first matching route that names it."""
    router = Router(
        [
            Route("a", ("siem",), named("A"), {"siem": "record"}),
            Route("b", ("siem", "people"), None, {"siem": "raw", "people": "text"}),
        ]
    )
    assert router.sinks(event("A")) == {"siem": "record", "people": "text"}
    assert router.sinks(event("B")) == {"siem": "raw", "people": "text"}


def test_without_a_matching_route_no_sink_is_named() -> None:
    """A router without routes, or without a matching one, names no sink."""
    assert Router([]).sinks(event()) == {}
    assert Router([Route("a", ("x",), named("Other"))]).sinks(event()) == {}


def test_among_thousands_of_routes_few_are_compared() -> None:
    """Each event is compared with the routes that may match it, not with all of them."""
    routes = [Route(f"r{number}", ("x",), named(f"Event{number}")) for number in range(3_000)]
    router = Router(routes)
    assert taken(router, "Event2999") == ["r2999"]
    assert router._first._patterns is not None
    assert router._first._patterns.candidates(event("Event2999")) == 1
