"""Realistic CloudTrail events as EventBridge writes them: one compact JSON file per sample, exact bytes.

Written for this project. Account ids, addresses and keys are those that AWS and the RFCs keep for
documentation. They cover every kind of event that EventBridge carries from CloudTrail, and one that does
not come from CloudTrail (``guardduty-finding``). Two cannot survive parsing and dumping
(``numbers-and-escapes``, ``web-identity-assumed``), and one is caused by trailforward itself
(``own-put-records``).
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX = ".json"
#: ISO times as JSON strings; fractions of a second stay as they are.
_TIME = re.compile(r'(?<=")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=(?:\.\d+)?Z")')
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def names() -> list[str]:
    """The names of all samples, sorted."""
    found = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))


@cache
def load(name: str) -> bytes:
    """The exact bytes of one sample.

    Raises:
        KeyError: there is no sample of this name; the text lists those there are.
    """
    if name not in names():
        raise KeyError(f"no sample {name!r}; there are: {', '.join(names())}")
    return files(__name__).joinpath(name + _SUFFIX).read_bytes()


def stamped(name: str, *, now: datetime, unique: str) -> bytes:
    """A sample as if it had just happened: times and ids are replaced in the text, all else keeps its bytes.

    All ISO times move by the same span, so that a session still began before its call. The event's ids are
    derived from ``unique``: the same text gives the same ids, another text gives others, and samples that
    share an id go on sharing it. The length does not change.

    Args:
        name: the sample.
        now: what the event's time becomes, in whole seconds.
        unique: any text.

    Raises:
        KeyError: there is no sample of this name.
    """
    text = load(name).decode()
    envelope = json.loads(text)
    shift = now.astimezone(UTC).replace(microsecond=0) - datetime.fromisoformat(envelope["time"])

    def move(found: re.Match[str]) -> str:
        moved = datetime.fromisoformat(found[0] + "Z") + shift
        return moved.strftime("%Y-%m-%dT%H:%M:%S")

    text = _TIME.sub(move, text)
    for old in set(_ids(envelope)):
        text = text.replace(old, str(uuid.uuid5(uuid.NAMESPACE_URL, f"trailforward:{unique}:{old}")))
    return text.encode()


def _ids(envelope: dict[str, dict[str, object]]) -> Iterator[str]:
    detail = envelope["detail"]
    for value in (envelope["id"], *(detail.get(key) for key in ("eventID", "requestID", "sharedEventID"))):
        if isinstance(value, str) and _UUID.fullmatch(value):
            yield value
