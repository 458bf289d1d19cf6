"""Config: ``TRAILFORWARD_TO`` for a whole configuration in one line, ``trailforward.toml`` for more.

Both become one frozen, validated :class:`Config`. What is wrong is reported all at once, each fault with its
key and its fix, and never with the value: it may be a secret that was put in the wrong place.
"""

from trailforward.config.config import Config
from trailforward.config.route import RouteSettings, RouteSink, RouteTest
from trailforward.config.schema import json_schema
from trailforward.config.settings import PipelineSettings, RetrySettings

__all__ = [
    "Config",
    "PipelineSettings",
    "RetrySettings",
    "RouteSettings",
    "RouteSink",
    "RouteTest",
    "json_schema",
]
