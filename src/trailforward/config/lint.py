"""Lints: what is valid in a configuration, and may not do what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trailforward.patterns import lint as lint_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.config.config import Config
    from trailforward.config.route import RouteSettings


class ConfigLint(NamedTuple):
    """One finding.

    Attributes:
        key: as written in ``trailforward.toml``.
        code: short and stable.
        message: what may go wrong and what to do.
    """

    key: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message} [{self.code}]"


def lint(config: Config) -> list[ConfigLint]:
    """Looks for what is valid and doubtful: route by route, in their order."""
    return [*_patterns(config), *_unreached(config)]


def _patterns(config: Config) -> Iterator[ConfigLint]:
    for route in config.routes:
        if route.pattern is None:
            continue
        key = f"routes.{route.name}.pattern"
        for found in lint_pattern(route.pattern):
            yield ConfigLint(key, found.code, str(found))
        if any("source" not in rule for rule in route.pattern.rules):
            text = 'names no source, so events that anybody put on the bus may match: add source = ["aws.…"]'
            yield ConfigLint(key, "no-source", text)


def _unreached(config: Config) -> Iterator[ConfigLint]:
    """Routes that never see an event, since an earlier one keeps all."""
    first = [route for route in config.routes if not route.default]
    default = [route for route in config.routes if route.default]
    greedy = next((route for route in first if _takes_everything(route)), None)
    if greedy is not None:
        for route in default:
            text = f"never takes an event: route {greedy.name} takes everything"
            yield ConfigLint(f"routes.{route.name}", "unreached", text)
    for tier in (first, default):
        stopper = next((route for route in tier if route.stop and _takes_everything(route)), None)
        if stopper is None or (tier is default and greedy is not None):
            continue
        for route in tier[tier.index(stopper) + 1 :]:
            text = f"never takes an event: route {stopper.name} takes everything and stops"
            yield ConfigLint(f"routes.{route.name}", "unreached", text)


def _takes_everything(route: RouteSettings) -> bool:
    return route.pattern is None and route.use is None
