"""Selectors: whether a trail's event selectors include an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery.ternary import every, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.delivery.ternary import Ternary
    from trailforward.doctor.world.base import SnapshotModel
    from trailforward.doctor.world.trails import AdvancedSelector, BasicSelector, FieldSelector, Trail

#: In a basic selector, an ARN prefix with this many colons (``arn:aws:s3``) means every resource of the type.
_EVERYTHING = 2  # colons


def selects(trail: Trail, query: Query) -> Ternary:
    """Whether a running trail includes the event; None if its selectors have unknown keys.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
    """
    if not trail.multi_region and not trail.global_events and query.pinned:
        return False
    if query.call.category == "Insight":
        return bool(trail.insights)
    selectors = trail.selectors
    detail = query.event["detail"]
    if selectors is None:
        return query.call.category == "Management"
    if selectors.advanced:
        return some(_advanced(selector, detail) for selector in selectors.advanced)
    if selectors.basic:
        return some(every((_known(selector), _basic(selector, detail))) for selector in selectors.basic)
    return every((_known(selectors), query.call.category == "Management"))


def _known(part: SnapshotModel) -> Ternary:
    return None if part.unknown else True


def _basic(selector: BasicSelector, detail: dict[str, Any]) -> bool:
    wanted = selector.read_write_type
    if wanted != "All" and (wanted == "ReadOnly") is not (detail.get("readOnly") is True):
        return False
    if detail["eventCategory"] == "Management":
        excluded = selector.exclude_management_event_sources
        return selector.include_management_events and detail["eventSource"] not in excluded
    return detail["eventCategory"] == "Data" and any(
        _data_resource(item.type, value, resource)
        for item in selector.data_resources
        for value in item.values
        for resource in detail.get("resources", ())
    )


def _data_resource(kind: str, value: str, resource: dict[str, str]) -> bool:
    """Whether a value of a basic selector matches a resource: S3 values are prefixes, others are exact.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DataResource.html
    """
    if resource["type"] != kind:
        return False
    if kind == "AWS::S3::Object" or value.count(":") == _EVERYTHING:
        return resource["ARN"].startswith(value)
    return resource["ARN"] == value


def _advanced(selector: AdvancedSelector, detail: dict[str, Any]) -> Ternary:
    """Whether all field conditions of an advanced selector hold."""
    if not selector.field_selectors:
        return False
    fields = (
        every((_known(item), _field(item, list(_values(detail, item.field.split("."))))))
        for item in selector.field_selectors
    )
    return every((_known(selector), *fields))


def _field(item: FieldSelector, found: list[str]) -> bool:
    """Whether a field condition holds: one value must match, and no value may match a ``Not...`` condition.

    A field that the event lacks does not match.
    """
    asks = bool(item.equals or item.starts_with or item.ends_with)
    wanted = asks and any(
        value in item.equals or value.startswith(item.starts_with) or value.endswith(item.ends_with)
        for value in found
    )
    refused = any(
        value in item.not_equals
        or value.startswith(item.not_starts_with)
        or value.endswith(item.not_ends_with)
        for value in found
    )
    return bool(found) and (wanted or not asks) and not refused


def _values(value: Any, path: list[str]) -> Iterator[str]:
    """The values at a path in the record, written as selectors write them."""
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield str(value).lower() if isinstance(value, bool) else str(value)
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
