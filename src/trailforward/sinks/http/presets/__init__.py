"""Presets for common receivers, one module each. A preset is imported when it is used.

Other packages can add presets through entry points in the group ``trailforward.presets``: classes derived
from :class:`trailforward.sinks.http.presets.base.Preset`. They cannot replace these.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, cast, get_args

if TYPE_CHECKING:
    from trailforward.sinks.http.presets.base import Preset

#: ``preset = "…"``
Name = Literal[
    "datadog",
    "elastic-bulk",
    "google-chat",
    "google-secops",
    "opensearch",
    "otlp",
    "pagerduty",
    "sentinel",
    "slack",
    "splunk-hec",
    "standard-webhooks",
    "sumo",
    "teams",
]

NAMES: tuple[str, ...] = get_args(Name)

#: Preset → its module. Only the preset that is used gets imported.
_MODULES: dict[Name, str] = {
    "datadog": "trailforward.sinks.http.presets.datadog",
    "elastic-bulk": "trailforward.sinks.http.presets.elastic_bulk",
    "google-chat": "trailforward.sinks.http.presets.google_chat",
    "google-secops": "trailforward.sinks.http.presets.google_secops",
    "opensearch": "trailforward.sinks.http.presets.opensearch",
    "otlp": "trailforward.sinks.http.presets.otlp",
    "pagerduty": "trailforward.sinks.http.presets.pagerduty",
    "sentinel": "trailforward.sinks.http.presets.sentinel",
    "slack": "trailforward.sinks.http.presets.slack",
    "splunk-hec": "trailforward.sinks.http.presets.splunk_hec",
    "standard-webhooks": "trailforward.sinks.http.presets.standard_webhooks",
    "sumo": "trailforward.sinks.http.presets.sumo",
    "teams": "trailforward.sinks.http.presets.teams",
}


#: Group of entry points.
GROUP = "trailforward.presets"
_by_name: dict[str, Preset] = {}


def load(name: str) -> Preset:
    """Loads a preset by name.

    Raises:
        KeyError: there is no such preset.
        PluginError: the preset's package cannot be used.
    """
    if name in NAMES:
        preset: Preset = import_module(_MODULES[cast("Name", name)]).PRESET
        return preset
    if name not in _by_name:
        from trailforward import plugins
        from trailforward.sinks.http.presets.base import Preset

        _by_name[name] = plugins.load_class(GROUP, name, Preset, ("limits", "auth"))()
    return _by_name[name]


def names() -> tuple[str, ...]:
    """The built-in presets, and those of installed packages."""
    from trailforward import plugins

    return (*NAMES, *(name for name in plugins.names(GROUP) if name not in NAMES))
