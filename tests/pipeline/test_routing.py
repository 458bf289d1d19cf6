"""Routes: an event goes to the sinks of every route that it matches."""

from __future__ import annotations

from trailforward import Pattern
from trailforward.pipeline.routing import Route, Router

IAM = Pattern('{"source": ["aws.iam"]}')
ROOT = Pattern('{"detail": {"userIdentity": {"type": ["Root"]}}}')


def wanted(*routes: Route, **event: object) -> set[str]:
    """The sinks that want an event."""
    return set(Router(routes).sinks(event))


def test_a_route_without_pattern_takes_everything() -> None:
    """A route without a pattern matches every event."""
    assert wanted(Route("all", ("a", "b"))) == {"a", "b"}


def test_an_event_goes_to_the_sinks_of_all_matching_routes() -> None:
    """An event goes to the sinks of all matching routes, once to each sink."""
    routes = (
        Route("iam", ("a", "b"), IAM),
        Route("root", ("b", "c"), ROOT),
        Route("s3", ("d",), Pattern('{"x": [1]}')),
    )
    detail = {"userIdentity": {"type": "Root"}}
    assert wanted(*routes, source="aws.iam", detail=detail) == {"a", "b", "c"}
    assert wanted(*routes, source="aws.iam", detail={}) == {"a", "b"}
    assert wanted(*routes, source="aws.ec2", detail=[]) == set()


def test_without_routes_nothing_is_wanted() -> None:
    """A router without routes names no sink."""
    assert wanted(source="aws.iam") == set()


def test_exact_numbers_are_read_only_for_patterns_that_compare_them() -> None:
    """Without a pattern on numbers, events are read the faster way."""
    assert Router([Route("iam", ("a",), IAM), Route("all", ("b",))]).numeric is False
    sizes = Pattern('{"detail": {"size": [{"numeric": [">", 5]}]}}')
    assert Router([Route("iam", ("a",), IAM), Route("sizes", ("a",), sizes)]).numeric is True
    assert Router([Route("sizes", ("a",), sizes, default=True)]).numeric is True
