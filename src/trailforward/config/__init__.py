"""Configuration: ``TRAILFORWARD_TO`` for destinations on one line, ``trailforward.toml`` for everything else.

Both become one immutable, validated :class:`Config`. An invalid configuration raises one ``ConfigError`` with
every problem, each with its key and its fix. No problem shows a value, because the value may be a secret in
the wrong place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.config.config import Config
from trailforward.config.route import RouteSettings, RouteSink, RouteTest
from trailforward.config.settings import PipelineSettings, RetrySettings

if TYPE_CHECKING:
    from trailforward.config.schema import json_schema

__all__ = [
    "Config",
    "PipelineSettings",
    "RetrySettings",
    "RouteSettings",
    "RouteSink",
    "RouteTest",
    "json_schema",
]


def __getattr__(name: str) -> object:
    """Imports ``json_schema`` on first use, because it imports every sink and Pydantic."""
    if name != "json_schema":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from trailforward.config.schema import json_schema

    return json_schema
