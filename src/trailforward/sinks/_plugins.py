"""Loads third-party sinks from entry points in the group ``trailforward.sinks``.

The name of an entry point is the URL scheme or the ARN service of its destinations: ``syslog`` matches
``syslog://…``, and ``dynamodb`` matches ``arn:aws:dynamodb:…``. A plug-in cannot replace a built-in sink,
because destinations of built-in sinks are never looked up.
"""

from __future__ import annotations

import re
from typing import Any

from trailforward import plugins
from trailforward.errors import PluginError

GROUP = "trailforward.sinks"

_NAME = re.compile("arn:[^:]*:([a-z0-9-]{1,40}):|([a-z][a-z0-9+.-]{0,40}):", re.IGNORECASE)


def name_in(destination: str) -> str | None:
    """The name of the installed plug-in for a destination; None if there is none."""
    match = _NAME.match(destination)
    if match is None:
        return None
    name = (match[1] or match[2]).lower()
    return name if plugins.find(GROUP, name) else None


def load(name: str) -> Any:
    """The sink class of a plug-in.

    Raises:
        PluginError: the plug-in cannot be used. The text names the package and the reason.
    """
    sink, packages = plugins.load(GROUP, name)
    from trailforward.sinks.base import Sink
    from trailforward.sinks.settings import SinkSettings

    settings = getattr(sink, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, SinkSettings)):
        reason = "its sink class has no Settings class derived from trailforward.sinks.settings.SinkSettings"
        raise PluginError(name, packages, reason)
    if not (isinstance(sink, type) and issubclass(sink, Sink)):
        raise PluginError(name, packages, "its sink class does not derive from trailforward.sinks.base.Sink")
    if missing := sorted(sink.__abstractmethods__):
        raise PluginError(name, packages, f"its sink class does not implement {', '.join(missing)}")
    return sink
