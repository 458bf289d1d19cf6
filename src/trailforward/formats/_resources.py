"""Describes the resources of a call: those that CloudTrail lists, else identifiers in the request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trailforward.formats._display import to_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.models import CloudTrailRecord

#: Request parameters that identify a resource; the part before the ending is the type of the resource.
_IDENTIFIER = re.compile(
    r"(.*?)(?:Id|Name|Arn|ARN|Identifier|Url)s?|name|bucket|id|key|target|serialNumber", re.DOTALL
)
#: These match the pattern above but do not identify a resource of the call.
_NO_IDENTIFIERS = frozenset({"attributeName", "configurationARN", "roleSessionName", "versionId"})
#: Filters and tags do not identify a resource of the call.
_FILTER_OR_TAG = re.compile("filter|tag", re.IGNORECASE)
_MAX_SHOWN = 2
#: The targets of Systems Manager come first: the other identifiers of a call name the document.
_TARGET = "target"


def describe_resources(record: CloudTrailRecord, account: str) -> str:
    """A short description of the resources of a call; empty if the record contains none.

    Args:
        record: any record.
        account: an account whose ARNs are shortened.
    """
    found = resource_names(record)
    shown = [short_arn(text, account) for text in found[:_MAX_SHOWN]]
    if len(found) > _MAX_SHOWN:
        shown = [shown[0], f"{len(found) - 1} more"]
    return " and ".join(filter(None, shown))


def resource_names(record: CloudTrailRecord) -> list[str]:
    """The ARNs that CloudTrail lists, else the identifiers in the request, each as one line."""
    return resource_arns(record) or _from_request(record)


def short_arn(text: str, account: str) -> str:
    """The resource part of an ARN, ``role/Deploy``. ARNs of other accounts and other text are unchanged."""
    parts = text.split(":", 5)
    if parts[0] != "arn" or len(parts) != 6 or not parts[5]:  # noqa: PLR2004  # the six parts of an ARN
        return text
    return parts[5] if parts[4] in {"", "aws", account} else text


def resource_arns(record: CloudTrailRecord) -> list[str]:
    """The ARNs of the resources that CloudTrail lists, each as one line."""
    resources: list[Any] = record.resources if isinstance(record.resources, list) else []
    # If one resource has an unexpected type, the model keeps the whole list as dicts.
    found = (
        to_line(resource.get("ARN") if isinstance(resource, dict) else getattr(resource, "arn", None))
        for resource in resources
    )
    return [arn for arn in found if arn]


def _from_request(record: CloudTrailRecord) -> list[str]:
    """Identifiers of the type that the event name mentions: ``snapshotId`` for ModifySnapshotAttribute.

    If it mentions none of them, the first identifier.
    """
    name = to_line(record.event_name).lower()
    found = list(_identifiers(record.request_parameters))
    targets = [values for stem, values in found if stem == _TARGET]
    mentioned = [values for stem, values in found if stem and stem.lower() in name]
    chosen = targets or mentioned or [values for _, values in found[:1]]
    return [value for values in chosen for value in values]


def _identifiers(request: Any) -> Iterator[tuple[str, list[str]]]:
    """Yields (type, values) of each identifier: a text, a list of texts, or EC2's sets of items."""
    for name, value in request.items() if isinstance(request, dict) else ():
        if _FILTER_OR_TAG.search(name) or name in _NO_IDENTIFIERS:
            continue
        if name == "targets":
            yield from _targets(value)
            continue
        if name.endswith("Request") and isinstance(value, dict):  # ModifySecurityGroupRulesRequest
            yield from _identifiers(value)
            continue
        items = value.get("items") if isinstance(value, dict) else None
        if isinstance(items, list):
            for item in items:
                yield from _identifiers(item)
            continue
        match = _IDENTIFIER.fullmatch(name)
        if match is None:
            continue
        values = map(_content, value if isinstance(value, list) else [value])
        texts = [to_line(text) for text in values if isinstance(text, str) and to_line(text)]
        if texts:
            yield (_TARGET if name == _TARGET else match[1] or ""), texts


def _targets(value: Any) -> Iterator[tuple[str, list[str]]]:
    """Yields the targets of a Systems Manager call: instance IDs, or ``tag:Env=prod``."""
    for target in value if isinstance(value, list) else ():
        key, values = (target.get("key"), target.get("values")) if isinstance(target, dict) else ("", None)
        texts = [to_line(one) for one in (values if isinstance(values, list) else ()) if to_line(one)]
        if texts:
            by_id = to_line(key).lower() == "instanceids"
            yield _TARGET, texts if by_id else [f"{to_line(key)}={text}" for text in texts]


def _content(value: Any) -> Any:
    """The text of ``{"content": "fl-1", "tag": 1}``, as EC2 writes it in newer calls."""
    return value.get("content") if isinstance(value, dict) else value
