"""Sinks of third parties: entry points of the group ``trailforward.sinks``.

The name of an entry point is the scheme of the URLs that the sink takes, or the service in its ARNs:
``syslog`` takes ``syslog://…``, and ``dynamodb`` takes ``arn:aws:dynamodb:…``. Nothing is looked up for a
destination that a built-in sink takes, so no plug-in can stand in the place of one.
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
    """The name of the plug-in that takes a destination, if one is installed."""
    match = _NAME.match(destination)
    if match is None:
        return None
    name = (match[1] or match[2]).lower()
    return name if _entry_points(name) else None


def load(name: str) -> Any:
    """The class of a plug-in's sink.

    Raises:
        PluginError: it cannot be used; the text says which package to blame, and why.
    """
    found = _entry_points(name)
    packages = " and ".join(sorted(_package(entry_point) for entry_point in found))
    if len(found) != 1:
        raise PluginError(name, packages, "several packages bring it: uninstall all but one")
    try:
        sink = found[0].load()
    except Exception as error:
        # Whatever a stranger's module raises while it is imported.
        raise PluginError(
            name, packages, f"loading {found[0].value} raised {type(error).__name__}: {error}"
        ) from error
    from trailforward.sinks.base import Sink
    from trailforward.sinks.settings import SinkSettings

    settings = getattr(sink, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, SinkSettings)):
        reason = "its sink has no Settings derived from trailforward.sinks.settings.SinkSettings"
        raise PluginError(name, packages, reason)
    if not (isinstance(sink, type) and issubclass(sink, Sink)):
        raise PluginError(name, packages, "its sink does not derive from trailforward.sinks.base.Sink")
    if missing := sorted(sink.__abstractmethods__):
        raise PluginError(name, packages, f"its sink lacks {', '.join(missing)}")
    return sink


def _entry_points(name: str) -> list[EntryPoint]:
    from importlib.metadata import entry_points

    # The same package may lie on the path twice; a package that lies there once must not count twice.
    unique = {(_package(found), found.value): found for found in entry_points(group=GROUP, name=name)}
    return list(unique.values())


def _package(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else "?"
