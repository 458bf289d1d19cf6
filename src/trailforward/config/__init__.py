"""Config: ``TRAILFORWARD_TO`` for a whole configuration in one line, ``trailforward.toml`` for more.

Both become one frozen, validated :class:`Config`. What is wrong is reported all at once, each fault with its
key and its fix, and never with the value: it may be a secret that was put in the wrong place.
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
    """``json_schema`` imports every sink, and Pydantic."""
    if name != "json_schema":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from trailforward.config.schema import json_schema

    return json_schema
