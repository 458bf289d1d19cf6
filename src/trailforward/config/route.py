"""``[[routes]]`` of ``trailforward.toml``: which events go to which sinks, and in which format."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any

from trailforward.config.settings import Strings  # noqa: TC001  # the class's annotations are evaluated
from trailforward.errors import SettingError
from trailforward.settings import Constraint, Converter, Settings

if TYPE_CHECKING:
    from trailforward.patterns import Pattern


def _compiled(source: Any) -> Pattern:
    from trailforward.patterns import OF_ROUTES, InvalidPatternError, Pattern

    if isinstance(source, Pattern):
        return source
    if not isinstance(source, (str, dict)):
        raise SettingError("neither a table nor a JSON string", 'write pattern = { source = ["aws.iam"] }')
    try:
        return Pattern(source, limits=OF_ROUTES)
    except InvalidPatternError as error:
        place = f" (line {error.line}, column {error.column})" if error.line else ""
        fix = error.hint or "correct the event pattern"
        raise SettingError(f"EventBridge would reject it: {error.reason}{place}", fix) from None


def _named(source: Any) -> Any:
    if isinstance(source, str):
        return {"sink": source}
    if not isinstance(source, (dict, RouteSink)):
        raise SettingError(
            "not a string", 'write the name of a sink in quotes, or { sink = "NAME", format = "…" }'
        )
    return source


class RouteSink(Settings):
    """A sink that a route sends to. A string is a shorthand for ``{ sink = "NAME" }``.

    Attributes:
        sink: the name of a ``[sinks.NAME]`` table.
        format: the format that this route sends, instead of the sink's ``format``. If several routes name the
            sink, the first route that matches the event decides.
    """

    sink: str
    format: str | None = None


class RouteTest(Settings):
    """An event, and whether the route matches it. ``trailforward test`` runs it; production ignores it.

    Attributes:
        matches: whether the route must match the event.
        sample: the name of a sample event; ``trailforward samples --list`` lists them.
        event: the path of a file with one event, relative to the configuration file.
        name: a short description of the test.
        unset: dotted paths to remove from the event; each must exist.
        set: dotted path → value, applied after ``unset``. Tables are merged into tables, a number is the
            index of an array element, and missing parents are created.
    """

    matches: bool
    sample: str | None = None
    event: str | None = None
    name: str = ""
    unset: Strings = ()
    set: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Requires exactly one event."""
        if (self.sample is None) == (self.event is None):
            what = (
                "has neither `sample` nor `event`" if self.sample is None else "has both `sample` and `event`"
            )
            raise SettingError(what, 'write either sample = "NAME" or event = "PATH"')


Target = Annotated[RouteSink, Converter(_named, lambda declared: {"anyOf": [{"type": "string"}, declared()]})]
#: A ``Pattern``. The type is imported only when a route has a pattern.
Compiled = Annotated[Any, Converter(_compiled, lambda _: {"type": ["object", "string"]})]


class PlainRoute(Settings):
    """A route that is not a detection: a name, its sinks, and the events that it matches.

    The most common routes have only these keys. ``trailforward.config.detection_route`` has all keys, and a
    cold start that needs none of them does not import it.

    Attributes:
        name: a unique name.
        sinks: names of ``[sinks.NAME]`` tables, or ``{ sink = "NAME", format = "…" }``.
        pattern: an EventBridge event pattern, as a table or as a JSON string. Without a pattern, the route
            matches every event.
        stop: later routes do not get an event that this route matches.
        default: this route gets only events that no other route matches.
        tests: events that the route must match or must not match; ``trailforward test`` runs them.
        allow_lints: codes of lints that ``trailforward validate`` does not report for this route.
    """

    name: Annotated[str, Constraint(min_length=1, max_length=64)]
    sinks: Annotated[tuple[Target, ...], Constraint(strict=False, min_length=1)]
    pattern: Compiled | None = None
    stop: bool = False
    default: bool = False
    tests: Annotated[tuple[RouteTest, ...], Constraint(strict=False)] = ()
    allow_lints: Strings = ()
