"""Routes with more than the plain keys: detections, sets of them, restrictions, and drop rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward import detections
from trailforward.config import OverrideSettings, RouteSettings
from trailforward.matched import Matched
from trailforward.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.config import PlainRoute
    from trailforward.detections import Detection
    from trailforward.pipeline.routing import Route

_UNCHANGED = OverrideSettings()


def complete(settings: PlainRoute, route: Route) -> Iterator[Route]:
    """Completes a route with the keys that not every route has; see :func:`_completed`."""
    found = _completed(settings, route)
    if type(settings) is RouteSettings:
        return found
    # Imported here, because most configurations have no such route.
    from trailforward.pipeline.repeats import with_rule

    return (with_rule(settings, one) for one in found)


def _completed(settings: PlainRoute, route: Route) -> Iterator[Route]:
    """Completes a route with the keys that not every route has.

    Args:
        settings: the configured route, with all keys.
        route: the same, as far as routes without these keys go.

    Returns:
        The route, or one for each detection of the set that it uses.
    """
    if not isinstance(settings, RouteSettings):
        raise TypeError(type(settings).__name__)
    route = route._replace(
        stop=settings.stop or (settings.drop and not settings.sinks),
        drop=settings.drop,
        only=() if settings.only is None else (settings.only,),
        unless=settings.unless,
    )
    if settings.set_name is not None:
        for shipped in detections.load_set(settings.set_name):
            if shipped.name not in settings.disable:
                yield _of_set(settings, route, shipped)
    elif settings.use is not None:
        shipped = detections.load(settings.use)
        matched = _matched(route.name, settings, shipped, _UNCHANGED)
        yield route._replace(pattern=Pattern(shipped.pattern), matched=matched)
    elif settings.is_detection:
        yield route._replace(matched=_matched(route.name, settings, None, _UNCHANGED))
    else:
        yield route


def _of_set(settings: RouteSettings, route: Route, shipped: Detection) -> Route:
    change = settings.override.get(shipped.name, _UNCHANGED)
    name = f"{route.name}/{shipped.name}"
    return route._replace(
        name=name,
        group=route.name,
        pattern=Pattern(shipped.pattern),
        only=route.only if change.only is None else (*route.only, change.only),
        matched=_matched(name, settings, shipped, change),
    )


def _matched(
    name: str, settings: RouteSettings, shipped: Detection | None, change: OverrideSettings
) -> Matched | None:
    """What a route says: what the override says, else the route, else the shipped detection."""
    if settings.drop:
        return None  # it sends no event
    own = Matched(name) if shipped is None else _shipped(name, shipped)
    return Matched(
        name,
        change.severity or settings.severity or own.severity,
        change.title or settings.title or own.title,
        change.description or settings.description or own.description,
        change.runbook or settings.runbook or "",
        settings.author or own.author,
        tuple(map(_tag, settings.tags)) or own.tags,
    )


def _shipped(name: str, shipped: Detection) -> Matched:
    return Matched(
        name,
        shipped.severity,
        shipped.title,
        shipped.description,
        author=detections.AUTHOR,
        tags=shipped.tags,
    )


def _tag(tag: str) -> str:
    """The tag; a bare ATT&CK technique such as ``T1562.008`` in the form of Sigma, ``attack.t1562.008``."""
    technique, _, sub = tag[1:].partition(".")
    bare = tag[:1] in {"T", "t"} and technique.isdigit() and (not sub or sub.isdigit())
    return f"attack.{tag.lower()}" if bare else tag
