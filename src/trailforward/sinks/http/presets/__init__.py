"""Presets for common receivers, one module each. A preset is imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from trailforward.sinks.http.presets.base import Preset

#: ``preset = "…"``
Name = Literal["datadog", "elastic-bulk", "slack", "splunk-hec", "standard-webhooks", "sumo"]

NAMES: tuple[str, ...] = get_args(Name)


def load(name: Name) -> Preset:
    """Loads a preset by name."""
    preset: Preset = import_module(f"trailforward.sinks.http.presets.{name.replace('-', '_')}").PRESET
    return preset
