"""The page of the documentation that lists the detections: docs/detections.md."""

from __future__ import annotations

from itertools import groupby
from pkgutil import get_data
from typing import TYPE_CHECKING

from trailforward.detections import SETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.detections import Detection

_HEADINGS = {
    "trails": "Trails and logs",
    "root": "Root user",
    "sign_in": "Sign-in",
    "credentials": "Keys, passwords, and secrets",
    "policies": "Permissions",
    "persistence": "Ways to come back",
    "buckets": "S3 buckets",
    "exposure": "Public exposure",
    "encryption": "Encryption, backups, and deletion",
    "organization": "Organization and accounts",
    "monitoring": "Security services",
    "network": "Networks and domains",
    "compute": "Instances and containers",
    "exfiltration": "Data that leaves the account",
}


def page(detections: Iterable[Detection]) -> str:
    """Returns the page as Markdown."""
    every = list(detections)
    head = (get_data(__name__, "_detections_head.md") or b"").decode()
    lines = [head.rstrip("\n").replace("COUNT", str(len(every)))]
    for name, about in SETS.items():
        many = sum(name in detection.sets for detection in every)
        lines.append(f"| `set:{name}` | {many} | {about} |")
    for subject, members in groupby(every, lambda detection: detection.subject):
        lines += ["", f"## {_HEADINGS[subject]}"]
        for detection in members:
            lines += ["", *_section(detection)]
    return "\n".join(lines) + "\n"


def _section(detection: Detection) -> Iterator[str]:
    yield f"### `{detection.name}`"
    yield ""
    yield f"**{detection.title}.** {detection.description}"
    if detection.needs:
        yield f"Needs {detection.needs}."
    if detection.noise:
        yield f"Noise: {detection.noise}"
    yield ""
    sets = ", ".join(f"`{name}`" for name in detection.sets) or "no set"
    cis = f"; CIS {detection.cis}" if detection.cis else ""
    techniques = ", ".join(map(_technique, detection.tags))
    yield f"{detection.severity}; {sets}{cis}; {techniques}; [source of the idea]({detection.reference})"


def _technique(tag: str) -> str:
    name = tag.removeprefix("attack.").upper()
    return f"[{name}](https://attack.mitre.org/techniques/{name.replace('.', '/')}/)"
