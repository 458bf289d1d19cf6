"""``[[routes]]`` of ``trailforward.toml``: what goes where, in which form, and how to tell that it does."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any

from trailforward.config.settings import Strings  # noqa: TC001  # the class's annotations are evaluated
from trailforward.errors import SettingError
from trailforward.settings import Constraint, Converter, Settings

if TYPE_CHECKING:
    from trailforward.patterns import Pattern


def _compiled(source: Any) -> Pattern:
    from trailforward.patterns import InvalidPatternError, Pattern

    if isinstance(source, Pattern):
        return source
    if not isinstance(source, (str, dict)):
        raise SettingError("neither a table nor JSON text", 'write pattern = { source = ["aws.iam"] }')
    try:
        return Pattern(source)
    except InvalidPatternError as error:
        place = f" (line {error.line}, column {error.column})" if error.line else ""
        fix = error.hint or "correct the event pattern"
        raise SettingError(f"EventBridge would refuse it: {error.reason}{place}", fix) from None


def _named(source: Any) -> Any:
    if isinstance(source, str):
        return {"sink": source}
    if not isinstance(source, (dict, RouteSink)):
        raise SettingError(
            "not text", 'write the name of a sink in quotes, or { sink = "NAME", format = "…" }'
        )
    return source


class RouteSink(Settings):
    """A sink that a route feeds; in short, its name alone.

    Attributes:
        sink: name of a ``[sinks.NAME]`` table.
        format: what this route sends there, if not the sink's own format. If several routes name the sink,
            the first of them that takes the event decides.
    """

    sink: str
    format: str | None = None


class RouteTest(Settings):
    """An event, and whether the route takes it. Run by ``trailforward test``, never in production.

    Attributes:
        matches: whether the route takes the event.
        sample: name of an event of ``trailforward.testing.samples``.
        event: path of a file with one event, relative to the configuration file.
        name: a few words on what is tested.
        unset: dotted paths removed from the event; they must be there.
        set: dotted path → value, after ``unset``. Tables are merged into tables; a number is an index of an
            array; what is missing on the way is made.
    """

    matches: bool
    sample: str | None = None
    event: str | None = None
    name: str = ""
    unset: Strings = ()
    set: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Asks for exactly one event."""
        if (self.sample is None) == (self.event is None):
            what = "neither `sample` nor `event`" if self.sample is None else "both `sample` and `event`"
            raise SettingError(what, 'write sample = "NAME" or event = "PATH", one of them')


_Target = Annotated[RouteSink, Converter(_named, lambda usual: {"anyOf": [{"type": "string"}, usual()]})]
#: A ``Pattern``; that type is imported only where there is one.
_Compiled = Annotated[Any, Converter(_compiled, lambda _: {"type": ["object", "string"]})]


class RouteSettings(Settings):
    """A name, the sinks it feeds, and what it matches.

    Attributes:
        name: unique among the routes.
        sinks: names of ``[sinks.NAME]`` tables, or ``{ sink = "NAME", format = "…" }``.
        pattern: an EventBridge event pattern, as a table or as JSON text; without it the route takes
            everything.
        use: name of a ready-made route, whose pattern this route takes; ``trailforward routes`` lists them.
        stop: routes after this one do not see what it takes.
        default: takes only events that no other route takes.
        tests: events that the route must take or leave; ``trailforward test`` runs them.
    """

    name: Annotated[str, Constraint(min_length=1, max_length=64)]
    sinks: Annotated[tuple[_Target, ...], Constraint(strict=False, min_length=1)]
    pattern: _Compiled | None = None
    use: str | None = None
    stop: bool = False
    default: bool = False
    tests: Annotated[tuple[RouteTest, ...], Constraint(strict=False)] = ()

    @classmethod
    def check_use(cls, use: str) -> None:
        """Refuses a name that no ready-made route has."""
        from trailforward import detections

        known = detections.load_all()
        if use not in known:
            from difflib import get_close_matches

            alike = get_close_matches(use, known, 3, 0.4)
            fix = f"write {' or '.join(alike)}" if alike else f"use one of {', '.join(known)}"
            raise SettingError("there is no such ready-made route", fix)

    def __post_init__(self) -> None:
        """Refuses two patterns."""
        if self.use is not None and self.pattern is not None:
            raise SettingError("both `use` and `pattern`", "remove one of them")

    @property
    def compiled(self) -> Pattern | None:
        """The pattern, its own or the ready-made one; None if the route takes everything."""
        if self.use is None:
            return self.pattern
        from trailforward import detections
        from trailforward.patterns import Pattern

        return Pattern(detections.load(self.use).pattern)
