"""Runs the tests in a configuration's routes (``[[routes.tests]]``) with the router that production uses.

::

    for result in check(config, folder=Path("/etc/trailforward")):
        assert result.passed, result
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trailforward import detections
from trailforward.config import RouteTest
from trailforward.errors import ConfigError, EventError, Problem
from trailforward.message import Message, Origin
from trailforward.patterns import Pattern
from trailforward.pipeline.detecting import DetectingRouter
from trailforward.pipeline.routing import Route, build_routes
from trailforward.testing import samples
from trailforward.testing.event_changes import apply_changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.config import Config


@dataclass(frozen=True, slots=True)
class RouteCase:
    """One test of one route, with its event.

    Attributes:
        route: the route under test; of a set, the first of its detections.
        label: description of the test; unique in the route.
        expected: whether the route must accept the event.
        event: the envelope, with all changes applied.
    """

    route: Route
    label: str
    expected: bool
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RouteResult:
    """The result of a test.

    Attributes:
        case: the test.
        taken_by: names of all configured routes that accept the event.
        reason: why the test failed, in one sentence; empty if it passed.
    """

    case: RouteCase
    taken_by: tuple[str, ...]
    reason: str

    @property
    def passed(self) -> bool:
        """Whether the route did what the test expects."""
        return not self.reason


def cases(config: Config, *, folder: Path, problems: list[Problem]) -> list[RouteCase]:
    """The tests of a configuration's routes.

    Args:
        config: a valid configuration.
        folder: the folder of event files that tests refer to.
        problems: problems with tests (such as a missing event file) are appended to this list.
    """
    found: list[RouteCase] = []
    routes = {route.configured: route for route in reversed(build_routes(config))}
    for settings in config.routes:
        found += _cases(routes[settings.name], settings.tests, f"routes.{settings.name}", folder, problems)
    return found


def detection_cases() -> list[RouteCase]:
    """The tests of all detections.

    Raises:
        ConfigError: a test changes a value that its sample does not have.
    """
    found: list[RouteCase] = []
    problems: list[Problem] = []
    for detection in detections.load_all().values():
        route = Route(detection.name, (), Pattern(detection.pattern))
        tests = [RouteTest(**test) for test in detection.tests]
        found += _cases(route, tests, detection.name, Path(), problems)
    if problems:
        raise ConfigError(problems)
    return found


def run(routes: Sequence[Route], tests: Sequence[RouteCase]) -> Iterator[RouteResult]:
    """Runs tests with a router of all routes, as in production.

    Args:
        routes: all routes in order, because other routes may keep an event from a route (``stop``,
            ``default``).
        tests: tests of these routes.
    """
    # This router has the semantics of every configuration; without detections they are those of Router.
    router = DetectingRouter(routes, {})
    for case in tests:
        taking = router.routes(case.event)
        names = tuple(dict.fromkeys(route.configured for route in taking))
        yield RouteResult(case, names, _reason(case, taking, routes))


def _reason(  # noqa: PLR0911  # one for each reason
    case: RouteCase, taking: Sequence[Route], routes: Sequence[Route]
) -> str:
    group = case.route.configured
    names = [route.configured for route in taking]
    if (group in names) == case.expected:
        return ""
    if not case.expected:
        return "should not take this event, but does"
    members = [route for route in routes if route.configured == group]
    accepting = [route for route in members if route.pattern is None or route.pattern.matches(case.event)]
    if not accepting:
        return "should take this event, but its pattern does not match"
    if not any(all(only.matches(case.event) for only in route.only) for route in accepting):
        return "should take this event, but its pattern `only` does not match"
    if all(any(unless.matches(case.event) for unless in route.unless) for route in accepting):
        return "should take this event, but a pattern of `unless` matches it"
    if case.route.default and not all(route.default for route in taking):
        return f"is a default route, and another takes this event: {', '.join(names)}"
    what = "drops it" if taking[-1].drop else "takes it and stops"
    return f"does not see this event: route {names[-1]} {what}"


def _cases(
    route: Route, tests: Sequence[RouteTest], key: str, folder: Path, problems: list[Problem]
) -> Iterator[RouteCase]:
    seen: set[str] = set()
    for index, test in enumerate(tests):
        place = f"{key}.tests[{index}]"
        try:
            event = apply_changes(_event(test, folder), test.set, test.unset)
        except _TestProblem as error:
            problems.append(Problem(f"{place}.{error.key}", error.what, error.fix))
            continue
        except ValueError as error:
            problems.append(Problem(place, str(error), "correct the dotted path"))
            continue
        label = test.name or _label(test)
        if label in seen:
            label = f"{label} [{index}]"
        seen.add(label)
        yield RouteCase(route, label, test.matches, event)


def _label(test: RouteTest) -> str:
    changes = [f"without {path}" for path in test.unset]
    changes += [f"{path} = {value!r}" for path, value in test.set.items()]
    return ", ".join([test.sample or str(test.event), *changes])


class _TestProblem(Exception):  # noqa: N818  # internal: converted to a Problem
    def __init__(self, key: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.key, self.what, self.fix = key, what, fix


def _event(test: RouteTest, folder: Path) -> dict[str, Any]:
    """The original event of a test, as the envelope that routes get."""
    if test.sample is not None:
        names = samples.names()
        if test.sample not in names:
            raise _TestProblem("sample", "unknown sample", f"use one of {', '.join(names)}")
        raw = samples.load(test.sample)
    else:
        path = folder / str(test.event)
        try:
            raw = path.read_bytes()
        except OSError as error:
            fix = "name a file with one event, relative to the configuration file"
            raise _TestProblem("event", f"cannot read {path}: {error.strerror}", fix) from None
    try:
        return Message(raw, Origin("test")).event
    except EventError as error:
        raise _TestProblem(
            "event", f"does not contain an event: {error}", "write one event as JSON to the file"
        ) from None
