"""Sample CloudTrail events with the exact bytes that EventBridge writes, one compact JSON file each.

They were written for this project. Account IDs, addresses, and keys are those that AWS and the RFCs reserve
for documentation. The samples cover every type of CloudTrail event that EventBridge delivers, and one event
from another service (``guardduty-finding``). Parsing and dumping changes the bytes of two
(``numbers-and-escapes``, ``web-identity-assumed``). trailforward itself causes one (``own-put-records``).
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
#: ISO 8601 times in JSON strings, without fractions of a second.
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
        KeyError: no sample has this name; the message lists all names.
    """
    if name not in names():
        raise KeyError(f"no sample {name!r}; use one of {', '.join(names())}")
    return files(__name__).joinpath(name + _SUFFIX).read_bytes()


def stamped(name: str, *, now: datetime, unique: str) -> bytes:
    """A sample with another time and new IDs. All other bytes, and the length, stay the same.

    All ISO 8601 times move by the same duration, so a session still starts before its call. The IDs are
    derived from ``unique``: the same text gives the same IDs, and samples that share an ID still share it.

    Args:
        name: the sample.
        now: the new time of the event, in whole seconds.
        unique: any text.

    Raises:
        KeyError: no sample has this name.
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
