"""Formats: one file per form that an event can take on its way to a sink."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trailforward.formats.base import Format

#: Format name → its class. Only the one that is used gets imported.
BUILT_IN = {
    "raw": "trailforward.formats.raw:Raw",
    "record": "trailforward.formats.record:Record",
    "text": "trailforward.formats.text:Text",
    "slack": "trailforward.formats.slack:Slack",
    "cloudevents": "trailforward.formats.cloudevents:CloudEvents",
    "ocsf": "trailforward.formats.ocsf:Ocsf",
}


def load(name: str) -> Format:
    """The format of this name.

    Raises:
        KeyError: there is none.
    """
    module, _, attribute = BUILT_IN[name].partition(":")
    made: Format = getattr(import_module(module), attribute)()
    return made
