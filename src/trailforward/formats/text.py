"""``text``: a readable notification."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trailforward.formats._alert import ForPeople, alert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.formats._alert import Alert
    from trailforward.formats._digest import Digest
    from trailforward.message import Message


class Text(ForPeople):
    """A headline, the detections, and details, one per line. For machines, use ``raw``."""

    name: ClassVar = "text"
    json: ClassVar = False
    content_type: ClassVar = "text/plain; charset=utf-8"
    #: An e-mail of this size is still read; SNS accepts more.
    digest_bytes: ClassVar = 64_000

    def data(self, message: Message) -> bytes:
        """The notification in UTF-8.

        Raises:
            EventError: the message is not an event.
        """
        found = alert(message)
        lines = [found.headline, "", *_detections(found)]
        lines += [f"{name}: {value}" for name, value in found.details]
        lines += [f"Console: {found.link}"] if found.link else []
        return "\n".join([*lines, ""]).encode("utf-8", "replace")

    def digest(self, found: Digest) -> bytes:
        """Several alerts in UTF-8: one line each, and its link on the next one."""
        lines = [found.title, ""]
        for one in found.lines:
            lines += [f"- {one.text}", *([f"  {one.link}"] if one.link else [])]
        return "\n".join([*lines, *found.ends, ""]).encode("utf-8", "replace")


def _detections(found: Alert) -> Iterator[str]:
    for detection in found.detections:
        label = f" ({detection.severity})" if detection.severity else ""
        yield f"Detection: {detection.title}{label}"
        if detection.description:
            yield f"Description: {detection.description}"
        if detection.about:
            yield f"About: {detection.about}"
        if detection.runbook:
            yield f"Runbook: {detection.runbook}"
    if found.more:
        yield f"Detections left out: {found.more}"
