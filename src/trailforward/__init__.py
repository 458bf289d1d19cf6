"""Forwards CloudTrail events from every Region to the destinations you name, byte for byte.

The public names load on first use: ``import trailforward`` alone imports neither Pydantic nor boto3 nor
Powertools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward._lazy import lazy_names

if TYPE_CHECKING:
    from trailforward._version import __version__
    from trailforward.config import Config
    from trailforward.errors import (
        ConfigError,
        EventError,
        MissingExtraError,
        PatternError,
        PayloadError,
        PermanentError,
        SecretError,
        SinkError,
        TrailforwardError,
        TransientError,
    )
    from trailforward.message import Message, Origin
    from trailforward.models import CloudTrailRecord, EventBridgeEvent
    from trailforward.outcome import Fate, Outcome
    from trailforward.patterns import Pattern
    from trailforward.pipeline.forwarder import Forwarder
    from trailforward.sources import parse

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "CloudTrailRecord": "models",
        "Config": "config",
        "ConfigError": "errors",
        "EventBridgeEvent": "models",
        "EventError": "errors",
        "Fate": "outcome",
        "Forwarder": "pipeline.forwarder",
        "Message": "message",
        "MissingExtraError": "errors",
        "Origin": "message",
        "Outcome": "outcome",
        "Pattern": "patterns",
        "PatternError": "errors",
        "PayloadError": "errors",
        "PermanentError": "errors",
        "SecretError": "errors",
        "SinkError": "errors",
        "TrailforwardError": "errors",
        "TransientError": "errors",
        "__version__": "_version",
        "parse": "sources",
    },
)

__all__ = [
    "CloudTrailRecord",
    "Config",
    "ConfigError",
    "EventBridgeEvent",
    "EventError",
    "Fate",
    "Forwarder",
    "Message",
    "MissingExtraError",
    "Origin",
    "Outcome",
    "Pattern",
    "PatternError",
    "PayloadError",
    "PermanentError",
    "SecretError",
    "SinkError",
    "TrailforwardError",
    "TransientError",
    "__version__",
    "parse",
]
