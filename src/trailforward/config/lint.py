"""Lints: parts of a valid configuration that may not do what the author meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from trailforward import detections
from trailforward.config.detection_route import RouteSettings
from trailforward.config.repeats import RepeatingRoute
from trailforward.matched import SEVERITIES
from trailforward.patterns import lint as lint_pattern
from trailforward.patterns import lint_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.config.config import Config
    from trailforward.config.route import PlainRoute


#: Code to its meaning, besides the codes of event patterns.
_CODES = {
    "unknown-region": "a Region that the installed botocore does not know",
    "no-source": "a pattern without `source`, which anyone who can call `PutEvents` can match",
    "unreached": "a route that never gets an event, because an earlier route keeps them all",
    "below-severity": "a route that never sends to a sink, because of the `min_severity` of the sink",
    "detection-twice": "a detection that two routes send to the same sink",
    "own-bucket": "an S3 sink that writes to a bucket whose log files the function may read",
    "no-state": "a route with `once` or `threshold`, but no table in `state`",
    "unknown-lint": "a code in `allow_lints` that is not in this table",
}


def codes() -> dict[str, str]:
    """Every code that :func:`lint` may report, with its meaning."""
    return {**_CODES, **lint_codes()}


class ConfigLint(NamedTuple):
    """One lint.

    Attributes:
        key: the key, as written in ``trailforward.toml``.
        code: a short, stable code.
        message: what may go wrong, and what to do.
    """

    key: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message} [{self.code}]"


def lint(config: Config) -> list[ConfigLint]:
    """Returns the lints of a configuration, in the order of its routes, without those it allows.

    ``allow_lints`` at the top of the file allows codes everywhere, and in a route for that route.
    """
    everywhere = frozenset(config.pipeline.allow_lints)
    by_route = {f"routes.{route.name}": frozenset(route.allow_lints) for route in config.routes}
    found = (
        *_unknown_codes(config),
        *_regions(config),
        *_own_buckets(config),
        *_patterns(config),
        *_unreached(config),
        *_detections(config),
        *_without_state(config),
    )
    return [
        one
        for one in found
        if one.code not in everywhere and one.code not in by_route.get(_route_key(one.key), frozenset())
    ]


def _route_key(key: str) -> str:
    """The key of a route, from the key of one of its patterns."""
    return (
        key.partition(".override.")[0].removesuffix(".pattern").removesuffix(".only").partition(".unless[")[0]
    )


def _unknown_codes(config: Config) -> Iterator[ConfigLint]:
    allowed = {"allow_lints": config.pipeline.allow_lints}
    allowed |= {f"routes.{route.name}.allow_lints": route.allow_lints for route in config.routes}
    for key, listed in allowed.items():
        for code in listed:
            if code not in codes():
                similar = get_close_matches(code, codes(), 1)
                fix = f"write {similar[0]}" if similar else "remove it; docs/configuration.md lists the codes"
                yield ConfigLint(key, "unknown-lint", f"there is no lint with this code: {fix}")


def _regions(config: Config) -> Iterator[ConfigLint]:
    from trailforward.config.regions import unknown_regions

    for key, text in unknown_regions(config):
        yield ConfigLint(key, "unknown-region", text)


def _own_buckets(config: Config) -> Iterator[ConfigLint]:
    """Returns a lint for each S3 sink whose objects may come back as CloudTrail log files, without end."""
    for name, settings in config.sinks.items():
        bucket = getattr(settings, "bucket", None)
        if bucket in config.pipeline.bucket_owners and getattr(settings, "layout", "") == "cloudtrail":
            text = (
                f"writes log files to {bucket}, and `bucket_owners` says that the function reads log files "
                "there: if the notifications of the bucket include them, each one causes another. Use "
                "another bucket, or limit the notifications to a prefix that the sink does not use"
            )
            yield ConfigLint(f"sinks.{name}", "own-bucket", text)


def _patterns(config: Config) -> Iterator[ConfigLint]:
    for route in config.routes:
        if isinstance(route, RouteSettings):
            only = {"only": route.only}
            only |= {f"override.{name}.only": change.only for name, change in route.override.items()}
            only |= {f"unless[{number}]": pattern for number, pattern in enumerate(route.unless)}
            for name, pattern in only.items():
                for found in () if pattern is None else lint_pattern(pattern):
                    yield ConfigLint(f"routes.{route.name}.{name}", found.code, str(found))
        if route.pattern is None:
            continue
        key = f"routes.{route.name}.pattern"
        for found in lint_pattern(route.pattern):
            yield ConfigLint(key, found.code, str(found))
        if any("source" not in rule for rule in route.pattern.rules):
            text = (
                'does not test source, so anyone who can call PutEvents can match it: add source = ["aws.…"]'
            )
            yield ConfigLint(key, "no-source", text)


def _unreached(config: Config) -> Iterator[ConfigLint]:
    """Returns a lint for each route that never gets an event, because an earlier route keeps them all."""
    first = [route for route in config.routes if not route.default]
    default = [route for route in config.routes if route.default]
    catch_all = next((route for route in first if _matches_everything(route) and _takes(route)), None)
    if catch_all is not None:
        for route in default:
            text = f"never matches: route {catch_all.name} matches every event"
            yield ConfigLint(f"routes.{route.name}", "unreached", text)
    for tier in (first, default):
        stopper = next((route for route in tier if _stops(route) and _matches_everything(route)), None)
        if stopper is None or (tier is default and catch_all is not None):
            continue
        for route in tier[tier.index(stopper) + 1 :]:
            flag = "drop" if _drops(stopper) else "stop"
            text = f"never matches: route {stopper.name} matches every event and has {flag} = true"
            yield ConfigLint(f"routes.{route.name}", "unreached", text)


def _matches_everything(route: PlainRoute) -> bool:
    narrowed = isinstance(route, RouteSettings) and (route.use is not None or route.only is not None)
    narrowed |= isinstance(route, RouteSettings) and bool(route.unless)
    return route.pattern is None and not narrowed


def _drops(route: PlainRoute) -> bool:
    return isinstance(route, RouteSettings) and route.drop


def _takes(route: PlainRoute) -> bool:
    """Whether default routes do not get an event because this route matches it."""
    return not _drops(route) or _stops(route)


def _stops(route: PlainRoute) -> bool:
    return route.stop or (_drops(route) and not route.sinks)


def _detections(config: Config) -> Iterator[ConfigLint]:
    """Returns lints for routes below the severity of a sink, and for detections that a sink gets twice."""
    seen: dict[tuple[str, str], str] = {}
    for route in config.routes:
        if _drops(route):
            continue
        found = _severities(route)
        highest = max((SEVERITIES.index(one) for one in found.values() if one), default=-1)
        for target in route.sinks:
            minimum = config.sinks[target.sink].min_severity
            if minimum and highest < SEVERITIES.index(minimum):
                what = (
                    f"its severity is at most {SEVERITIES[highest]}" if highest >= 0 else "it has no severity"
                )
                text = f"never sends to {target.sink}, whose min_severity is {minimum}: {what}"
                yield ConfigLint(f"routes.{route.name}", "below-severity", text)
            for name in found if isinstance(route, RouteSettings) and route.use is not None else ():
                first = seen.setdefault((name, target.sink), route.name)
                if first != route.name:
                    text = f"sends {name} to {target.sink}, as route {first} does: disable it in one of them"
                    yield ConfigLint(f"routes.{route.name}", "detection-twice", text)


def _without_state(config: Config) -> Iterator[ConfigLint]:
    """Returns a lint for each route that remembers events in the memory of one process."""
    for route in config.routes:
        if config.pipeline.state is None and isinstance(route, RepeatingRoute):
            text = (
                "without `state`, each execution environment of a function counts alone and forgets when it "
                "ends: set state to the ARN of a table, or the stack's parameter StateTable to true"
            )
            yield ConfigLint(f"routes.{route.name}", "no-state", text)


def _severities(route: PlainRoute) -> dict[str, str]:
    """Returns the severity of each detection of a route; without ``use`` that of the route itself."""
    if not isinstance(route, RouteSettings):
        return {route.name: ""}
    if route.use is None:
        return {route.name: route.severity or ""}
    if route.set_name is None:
        shipped = [detections.load(route.use)]
    else:
        shipped = [one for one in detections.load_set(route.set_name) if one.name not in route.disable]
    own = {name: change.severity for name, change in route.override.items()}
    return {one.name: own.get(one.name) or route.severity or one.severity for one in shipped}
