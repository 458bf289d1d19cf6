"""Data resources: a resource that a trail's event selectors may include, for an example of a data event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.world.call import CalledResource
from trailforward.doctor.world.data_events import resource_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.world.call import Call
    from trailforward.doctor.world.index import Index
    from trailforward.doctor.world.trails import AdvancedSelector


def data_resources(index: Index, call: Call, detail: dict[str, Any]) -> tuple[CalledResource, ...]:
    """The resource of an example call: what its request names, or what a selector of a trail includes."""
    service = call.service.partition(".")[0]
    request = detail.get("requestParameters")
    bucket = request.get("bucketName") if isinstance(request, dict) else None
    if service == "s3" and isinstance(bucket, str):
        key = request.get("key", "example-key") if isinstance(request, dict) else ""
        return (CalledResource(type=resource_type(call.service), arn=f"arn:aws:s3:::{bucket}/{key}"),)
    for kind, arn in _selected(index, call.account):
        if kind.split("::")[1:2] == [service] or kind.lower().startswith(f"aws::{service}::"):
            return (CalledResource(type=kind, arn=arn),)
    kind = resource_type(call.service) or f"AWS::{service}::Example"
    return (CalledResource(type=kind, arn=f"arn:aws:{service}:::example"),)


def has_data_selectors(index: Index, account: str) -> bool:
    """Whether a trail of an account selects data events of some resources."""
    return next(_selected(index, account), None) is not None


def _selected(index: Index, account: str) -> Iterator[tuple[str, str]]:
    """Type and ARN of resources that the trails of an account select."""
    for trail in index.trails(account):
        if trail.selectors is None:
            continue
        for basic in trail.selectors.basic:
            for item in basic.data_resources:
                yield from ((item.type, f"{value}example") for value in item.values)
        for advanced in trail.selectors.advanced:
            yield from _of_advanced(advanced)


def _of_advanced(selector: AdvancedSelector) -> Iterator[tuple[str, str]]:
    fields = {item.field: item for item in selector.field_selectors}
    category, kind, arn = (fields.get(key) for key in ("eventCategory", "resources.type", "resources.ARN"))
    if category is None or "Data" not in category.equals:
        return
    values = [] if arn is None else [*arn.equals, *(f"{head}example" for head in arn.starts_with)]
    for name in kind.equals if kind is not None else ():
        yield from ((name, value) for value in values or ["arn:aws:example:::example"])
