"""CloudTrail events from every Region to where they are wanted: byte for byte, nothing lost silently.

The public names are loaded on first use (PEP 562): importing ``trailforward`` alone imports neither
Pydantic nor boto3 nor Powertools.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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
    from trailforward.forwarder import Forwarder
    from trailforward.message import Message, Origin
    from trailforward.models import CloudTrailRecord, EventBridgeEvent
    from trailforward.outcome import Fate, Outcome
    from trailforward.patterns import Pattern
    from trailforward.sources import parse

_HOMES = {
    "CloudTrailRecord": "models",
    "Config": "config",
    "ConfigError": "errors",
    "EventBridgeEvent": "models",
    "EventError": "errors",
    "Fate": "outcome",
    "Forwarder": "forwarder",
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
}

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


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'trailforward' has no attribute {name!r}") from None
    value = getattr(import_module(f"trailforward.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
