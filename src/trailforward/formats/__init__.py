"""Formats convert an event to the bytes that a sink gets. Each format is one file.

Other packages can add formats through entry points in the group ``trailforward.formats``: classes derived
from :class:`trailforward.formats.base.Format`. They cannot replace these.
"""

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


#: Group of entry points.
GROUP = "trailforward.formats"


def known(name: str) -> bool:
    """Whether a format has this name. Installed packages are searched only if no built-in format has it."""
    if name in BUILT_IN:
        return True
    from trailforward import plugins

    return bool(plugins.find(GROUP, name))


def names() -> list[str]:
    """The built-in formats, and those of installed packages."""
    from trailforward import plugins

    return [*BUILT_IN, *(name for name in plugins.names(GROUP) if name not in BUILT_IN)]


def is_for_people(form: Format) -> bool:
    """Whether people are alerted by messages in this format: mail, chats, and pagers."""
    return bool(getattr(form, "for_people", False))


def load(name: str) -> Format:
    """Creates the format with this name.

    Raises:
        KeyError: no format has this name.
        PluginError: the format's package cannot be used.
    """
    if name not in BUILT_IN:
        from trailforward import plugins
        from trailforward.errors import PluginError
        from trailforward.formats.base import Format

        found: Format = plugins.load_class(GROUP, name, Format, ("name", "json", "content_type", "data"))()
        if found.name != name:
            what = f"the name of its class is {found.name!r}, not that of its entry point"
            raise PluginError(name, "the package of this format", what)
        return found
    module, _, attribute = BUILT_IN[name].partition(":")
    format_: Format = getattr(import_module(module), attribute)()
    return format_
