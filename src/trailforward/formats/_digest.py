"""A digest: what one message says about several alerts, for every format for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from trailforward.formats._alert import alert, shortened
from trailforward.matched import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trailforward.message import Message

#: Most lines of a digest.
MOST_LINES = 20
#: Most characters of a title or headline within a line.
_CUT = 200
#: Most lines, and characters of each. A digest over its destination's limit is built with the next pair.
CUTS = ((MOST_LINES, 800), (MOST_LINES, 300), (10, 200), (5, 100), (0, 0))
_ORDER = (*reversed(SEVERITIES), "")


class Line(NamedTuple):
    """One alert of a digest.

    Attributes:
        severity: one of the five words, or empty.
        text: the severity, what was detected, who did what, and how many events it stands for.
        link: the event or finding in the AWS console, or empty.
        held: events that ``once`` held back, and that the alert reports.
    """

    severity: str
    text: str
    link: str
    held: int


class Digest(NamedTuple):
    """Several alerts in lines of text without markup.

    Attributes:
        lines: the alerts that are shown, most severe first.
        counts: severity → number of all alerts, most severe first.
        left_out: severity → number of the alerts that are not shown.
        held: events that ``once`` held back, and that the alerts report.
        key: identifies the digest.
    """

    lines: tuple[Line, ...]
    counts: Mapping[str, int]
    left_out: Mapping[str, int]
    held: int
    key: str

    @property
    def title(self) -> str:
        """``12 alerts: 2 critical, 10 low``."""
        return f"{sum(self.counts.values()):,} alerts{_by_severity(self.counts)}"

    @property
    def subject(self) -> str:
        """The title after the highest severity, in fewer than 100 characters."""
        severity = next(iter(self.counts))
        return (f"[{severity.upper()}] " if severity else "") + self.title

    @property
    def ends(self) -> list[str]:
        """What follows the lines: the alerts that are left out, and the events that were held back."""
        more = sum(self.left_out.values())
        found = [f"and {more:,} more{_by_severity(self.left_out)}"] if more else []
        if self.held:
            found.append(f"Events held back before: {self.held:,}")
        return found


def line(message: Message) -> Line:
    """The line for an alert.

    Raises:
        EventError: the message is not an event.
    """
    found = alert(message, _CUT)
    repeats = " ".join(one.repeats for one in message.matched if one.repeats)
    text = f"{found.summary} ({repeats})" if repeats else found.summary
    severity = found.severity.lower()
    held = sum(one.held for one in message.matched)
    return Line(severity if severity in SEVERITIES else "", text, found.link, held)


def digest(lines: Sequence[Line], key: str, most: int, characters: int) -> Digest:
    """A digest of some alerts.

    Args:
        lines: of all alerts, in order of arrival.
        key: identifies the digest.
        most: most lines.
        characters: of each line.
    """
    ordered = sorted(lines, key=lambda one: _ORDER.index(one.severity))
    shown = tuple(one._replace(text=shortened(one.text, characters)) for one in ordered[:most])
    held = sum(one.held for one in lines)
    return Digest(shown, _counted(lines), _counted(ordered[most:]), held, key)


def _counted(lines: Iterable[Line]) -> dict[str, int]:
    counts = Counter(one.severity for one in lines)
    return {severity: counts[severity] for severity in _ORDER if counts[severity]}


def _by_severity(counts: Mapping[str, int]) -> str:
    """``: 2 critical, 10 low``; empty if no alert has a severity."""
    if not any(counts):
        return ""
    parts = (f"{count:,} {severity or 'without severity'}" for severity, count in counts.items())
    return ": " + ", ".join(parts)
