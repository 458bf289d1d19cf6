"""Loads third-party sinks from entry points in the group ``trailforward.sinks``.

The name of an entry point is the URL scheme or the ARN service of its destinations: ``syslog`` matches
``syslog://…``, and ``dynamodb`` matches ``arn:aws:dynamodb:…``. A plug-in cannot replace a built-in sink,
because destinations of built-in sinks are never looked up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trailforward.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "trailforward.sinks"

_NAME = re.compile("arn:[^:]*:([a-z0-9-]{1,40}):|([a-z][a-z0-9+.-]{0,40}):", re.IGNORECASE)


def name_in(destination: str) -> str | None:
    """The name of the installed plug-in for a destination; None if there is none."""
    match = _NAME.match(destination)
    if match is None:
        return None
    name = (match[1] or match[2]).lower()
    return name if _entry_points(name) else None


def load(name: str) -> Any:
    """The sink class of a plug-in.

    Raises:
        PluginError: the plug-in cannot be used. The text names the package and the reason.
    """
    found = _entry_points(name)
    packages = " and ".join(sorted(_package(entry_point) for entry_point in found))
    if len(found) != 1:
        raise PluginError(name, packages, "several packages provide it: uninstall all but one")
    try:
        sink = found[0].load()
    except Exception as error:
        # Importing third-party code can raise anything.
        raise PluginError(
            name, packages, f"loading {found[0].value} raised {type(error).__name__}: {error}"
        ) from error
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


def _entry_points(name: str) -> list[EntryPoint]:
    from importlib.metadata import entry_points

    # A package can be on sys.path twice; it must count only once.
    unique = {(_package(found), found.value): found for found in entry_points(group=GROUP, name=name)}
    return list(unique.values())


def _package(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else "?"
