"""What a call was about: the resources that CloudTrail lists, else the request's own names for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trailforward.formats._display import line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.models import CloudTrailRecord

#: Request parameters that name something; what stands before the ending says what.
_NAMING = re.compile(r"(.*?)(?:Id|Name|Arn|ARN|Identifier|Url)s?|name|bucket|id|key", re.DOTALL)
#: They end like names, but tell nothing of what a call is about.
_NOT_NAMING = frozenset({"attributeName", "configurationARN", "roleSessionName", "versionId"})
#: What is looked for, and labels, are no objects of the call.
_CONDITION = re.compile("filter|tag", re.IGNORECASE)
_SHOWN = 2


def objects(record: CloudTrailRecord, account: str) -> str:
    """What the call was about, in short; empty where the record does not say.

    Args:
        record: any record.
        account: whose resources may be shown without their account.
    """
    found = arns(record) or _named(record)
    shown = [short(text, account) for text in found[:_SHOWN]]
    if len(found) > _SHOWN:
        shown = [shown[0], f"{len(found) - 1} more"]
    return " and ".join(filter(None, shown))


def short(text: str, account: str) -> str:
    """An ARN without what goes without saying: ``role/Deploy``; one of another account stays whole."""
    parts = text.split(":", 5)
    if parts[0] != "arn" or len(parts) != 6 or not parts[5]:  # noqa: PLR2004  # the six parts of an ARN
        return text
    return parts[5] if parts[4] in {"", "aws", account} else text


def arns(record: CloudTrailRecord) -> list[str]:
    """The ARNs of the resources that CloudTrail lists, as lines."""
    resources: list[Any] = record.resources if isinstance(record.resources, list) else []
    # Beside one that is odd, the others stay what they were in the JSON.
    found = (
        line(resource.get("ARN") if isinstance(resource, dict) else getattr(resource, "arn", None))
        for resource in resources
    )
    return [arn for arn in found if arn]


def _named(record: CloudTrailRecord) -> list[str]:
    """Values of what the event's own name speaks of: ``snapshotId`` of ModifySnapshotAttribute.

    Where it speaks of none, the first that names anything.
    """
    name = line(record.event_name).lower()
    found = list(_parameters(record.request_parameters))
    spoken_of = [values for stem, values in found if stem and stem.lower() in name]
    chosen = spoken_of or [values for _, values in found[:1]]
    return [value for values in chosen for value in values]


def _parameters(request: Any) -> Iterator[tuple[str, list[str]]]:
    """Naming parameters, (what they name, values): text, lists of text, and EC2's sets of items."""
    for name, value in request.items() if isinstance(request, dict) else ():
        if _CONDITION.search(name) or name in _NOT_NAMING:
            continue
        items = value.get("items") if isinstance(value, dict) else None
        if isinstance(items, list):
            for item in items:
                yield from _parameters(item)
            continue
        match = _NAMING.fullmatch(name)
        if match is None:
            continue
        values = value if isinstance(value, list) else [value]
        texts = [line(text) for text in values if isinstance(text, str) and line(text)]
        if texts:
            yield match[1] or "", texts
