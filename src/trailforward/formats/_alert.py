"""What an alert says, for every format: the detections that matched, the event, and where to look it up."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from trailforward.formats import _notification
from trailforward.formats._display import to_line
from trailforward.formats._findings import GUARDDUTY
from trailforward.matched import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.formats._findings import Finding
    from trailforward.matched import Matched
    from trailforward.message import Message

#: Most characters of one text. An alert over its destination's limit is built again with the next number.
_CUTS = (4_000, 1_000, 250, 80)
_MAX_DETECTIONS = 5
_MAX_TAGS = 10
_MAX_URL = 1_000

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_URL = re.compile(r"https?://[A-Za-z0-9.:-]+([/?#][A-Za-z0-9._~:/?#@!$&'*+,;=%-]*)?")
_TECHNIQUE = re.compile(r"attack\.(t[0-9]{4}(?:\.[0-9]{3})?)", re.IGNORECASE)

#: Start of a Region → domain of the partition's console. The consoles of isolated partitions are not public.
#: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
_CONSOLES = (
    ("cn-", "console.amazonaws.cn"),
    ("us-gov-", "console.amazonaws-us-gov.com"),
    ("us-iso", ""),
    ("eu-isoe-", ""),
    ("eusc-", ""),
    ("", "console.aws.amazon.com"),
)
#: CloudTrail's Event history has management events only.
_NOT_IN_HISTORY = frozenset({"Data", "NetworkActivity", "Insight", "Aggregated"})


class Detection(NamedTuple):
    """A detection in lines of text.

    Attributes:
        severity: as configured; empty if the route has none.
        title: its title, or its name.
        description: why it matters; may be empty.
        runbook: a URL that is safe in a link; empty if there is none.
        about: name, author, and tags in one line.
        matched: the detection itself.
    """

    severity: str
    title: str
    description: str
    runbook: str
    about: str
    matched: Matched

    @property
    def heading(self) -> str:
        """The title, after its severity if there is one: ``HIGH: Trail stopped``."""
        return _label(self.severity) + self.title


class Alert(NamedTuple):
    """An alert in lines of text without markup. No text is longer than ``cut``, plus an ellipsis.

    Attributes:
        severity: the most severe detection's, or else the finding's; empty if unknown.
        title: the most severe detection's title; empty if no detection matched.
        headline: who did what.
        detections: at most five, most severe first.
        more: how many detections are left out.
        details: names and values.
        link: the event or finding in the AWS console; empty if it has none there.
        key: identifies the event.
        time: when it happened, as written.
    """

    severity: str
    title: str
    headline: str
    detections: tuple[Detection, ...]
    more: int
    details: tuple[tuple[str, str], ...]
    link: str
    key: str
    time: str

    @property
    def label(self) -> str:
        """``HIGH: `` before a title; empty without a severity."""
        return _label(self.severity)

    @property
    def summary(self) -> str:
        """One line: the severity with the title, and who did what."""
        return self.label + (f"{self.title}: " if self.title else "") + self.headline


def alert(message: Message, cut: int = _CUTS[0]) -> Alert:
    """Reads an alert.

    Args:
        message: the event, with the detections that matched it.
        cut: most characters of each text.

    Raises:
        EventError: the message is not an event.
    """
    event, record = _notification.read(message)
    found = _notification.finding_of(event, record)
    matched = sorted(message.matched, key=_rank, reverse=True)  # stable: the order of the routes
    detections = tuple(_detection(one, cut) for one in matched[:_MAX_DETECTIONS])
    return Alert(
        severity=severity(message),
        title=detections[0].title if detections else "",
        headline=_line(_notification.headline(event, record), cut),
        detections=detections,
        more=len(matched) - len(detections),
        details=tuple((name, _line(text, cut)) for name, text in _notification.details(event, record)),
        link=_finding_link(event.region, found) if found else _event_link(message),
        key=message.key,
        time=to_line(message.time),
    )


def severity(message: Message) -> str:
    """The severity of the most severe detection, or else of the finding; empty if unknown."""
    if message.matched:
        return max(message.matched, key=_rank).severity
    event, record = _notification.read(message)
    found = _notification.finding_of(event, record)
    return found.severity if found else ""


class ForPeople:
    """What the formats for mail, chats, and pagers share."""

    json: ClassVar = True
    content_type: ClassVar = "application/json"
    for_people: ClassVar = True

    def subject(self, message: Message) -> str:
        """Severity, action, actor, Region, and failure, in fewer than 100 ASCII characters."""
        return _notification.subject(*_notification.read(message), severity(message))


def to_json(value: Any) -> bytes:
    """JSON in UTF-8, as short as possible."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def fit(message: Message, build: Callable[[Alert], Any], max_bytes: int) -> bytes:
    """The JSON of an alert within a limit: all texts are shortened more and more until it fits.

    Raises:
        EventError: the message is not an event.
    """
    data = b""
    for cut in _CUTS:
        data = to_json(build(alert(message, cut)))
        if len(data) <= max_bytes:
            break
    return data


def techniques(tags: tuple[str, ...]) -> list[str]:
    """The ATT&CK techniques among the tags: ``T1562.008``."""
    found = (_TECHNIQUE.fullmatch(tag) for tag in tags)
    return [match[1].upper() for match in found if match]


def shortened(text: str, max_characters: int) -> str:
    """The text, with an ellipsis at its end if it is longer than a limit."""
    return text if len(text) <= max_characters else text[: max_characters - 1] + "…"


def escaped(text: str, escapes: dict[str, str], max_characters: int) -> str:
    """The text with escapes, with an ellipsis at its end if it is longer than a limit. No escape is cut."""
    parts, lengths = [], 0
    for character in text:
        part = escapes.get(character, character)
        lengths += len(part)
        parts.append(part)
        if lengths > max_characters:
            break
    else:
        return "".join(parts)
    while lengths > max_characters - 1:
        lengths -= len(parts.pop())
    return "".join(parts) + "…"


def _label(severity: str) -> str:
    return f"{severity.upper()}: " if severity else ""


def _rank(matched: Matched) -> int:
    return SEVERITIES.index(matched.severity) if matched.severity in SEVERITIES else -1


def _detection(matched: Matched, cut: int) -> Detection:
    about = [matched.name] if matched.title else []
    about += [f"by {matched.author}"] if matched.author else []
    about += [_tag(tag) for tag in matched.tags[:_MAX_TAGS]]
    usable = len(matched.runbook) <= _MAX_URL and _URL.fullmatch(matched.runbook)
    return Detection(
        severity=matched.severity,
        title=_line(matched.title or matched.name, cut),
        description=_line(f"{matched.description} {matched.repeats}".strip(), cut),
        runbook=matched.runbook if usable else "",
        about=_line(", ".join(about), cut),
        matched=matched,
    )


def _tag(tag: str) -> str:
    """``T1562.008`` for ``attack.t1562.008``; other tags without their namespace ``attack``."""
    technique = _TECHNIQUE.fullmatch(tag)
    return technique[1].upper() if technique else tag.removeprefix("attack.")


def _line(text: str, cut: int) -> str:
    return to_line(text, cut).encode("utf-8", "replace").decode()


def _console(region: object) -> str:
    """The address of the console in a Region; empty if it is unknown."""
    text = region if isinstance(region, str) and _REGION.fullmatch(region) else ""
    domain = next(domain for start, domain in _CONSOLES if text.startswith(start)) if text else ""
    return f"https://{text}.{domain}" if domain else ""


def _event_link(message: Message) -> str:
    record = message.record
    identifier, region = record.get("eventID"), record.get("awsRegion")
    console = _console(region)
    known = isinstance(identifier, str) and _ID.fullmatch(identifier)
    category = record.get("eventCategory")
    if not (console and known) or (isinstance(category, str) and category in _NOT_IN_HISTORY):
        return ""
    return f"{console}/cloudtrailv2/home?region={region}#/events?EventId={identifier}"


def _finding_link(region: object, found: Finding) -> str:
    """A link to a finding of GuardDuty; empty for other products, whose consoles have no such link.

    https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html has this link.
    """
    console = _console(region)
    if not console or found.product != GUARDDUTY or not _ID.fullmatch(found.id):
        return ""
    return f"{console}/guardduty/home?region={region}#/findings?search=id%3D{found.id}"
