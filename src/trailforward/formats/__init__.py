"""Formats convert an event to the bytes that a sink gets. Each format is one file."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trailforward.formats.base import Format

#: Format name → its class. Only formats in use are imported.
BUILT_IN = {
    "raw": "trailforward.formats.raw:Raw",
    "record": "trailforward.formats.record:Record",
    "text": "trailforward.formats.text:Text",
    "slack": "trailforward.formats.slack:Slack",
    "teams": "trailforward.formats.teams:Teams",
    "google-chat": "trailforward.formats.google_chat:GoogleChat",
    "amazon-q": "trailforward.formats.amazon_q:AmazonQ",
    "pagerduty": "trailforward.formats.pagerduty:PagerDuty",
    "asff": "trailforward.formats.asff:Asff",
    "cloudevents": "trailforward.formats.cloudevents:CloudEvents",
    "ocsf": "trailforward.formats.ocsf:Ocsf",
    "ocsf-1.8": "trailforward.formats.ocsf:Ocsf18",
    "ocsf-finding": "trailforward.formats.ocsf_finding:OcsfFinding",
    "ocsf-finding-1.8": "trailforward.formats.ocsf_finding:OcsfFinding18",
}


def load(name: str) -> Format:
    """Creates the format with this name.

    Raises:
        KeyError: no format has this name.
    """
    module, _, attribute = BUILT_IN[name].partition(":")
    format_: Format = getattr(import_module(module), attribute)()
    return format_
