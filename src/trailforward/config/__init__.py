"""Configuration: ``TRAILFORWARD_TO`` for destinations on one line, ``trailforward.toml`` for everything else.

Both become one immutable, validated :class:`Config`. An invalid configuration raises one ``ConfigError`` with
every problem, each with its key and its fix. No problem shows a value, because the value may be a secret in
the wrong place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.config.config import Config
from trailforward.config.route import PlainRoute, RouteSink, RouteTest
from trailforward.config.settings import PipelineSettings, ReceiptSettings, RetrySettings

if TYPE_CHECKING:
    from trailforward.config.detection_route import OverrideSettings, RouteSettings
    from trailforward.config.repeats import RepeatingRoute
    from trailforward.config.schema import json_schema

__all__ = [
    "Config",
    "OverrideSettings",
    "PipelineSettings",
    "PlainRoute",
    "ReceiptSettings",
    "RepeatingRoute",
    "RetrySettings",
    "RouteSettings",
    "RouteSink",
    "RouteTest",
    "json_schema",
]


def __getattr__(name: str) -> object:
    """Imports on first use what a cold start seldom needs."""
    if name == "json_schema":
        from trailforward.config.schema import json_schema

        return json_schema
    if name in {"OverrideSettings", "RouteSettings"}:
        from trailforward.config import detection_route

        return getattr(detection_route, name)
    if name == "RepeatingRoute":
        from trailforward.config.repeats import RepeatingRoute

        return RepeatingRoute
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
