"""Selectors: whether a trail's event selectors include an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery.ternary import every, negate, some
from trailforward.doctor.delivery.wildcards import begins, ends
from trailforward.doctor.world.trails import InsightSelector
from trailforward.doctor.world.unknown import is_unknown, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.delivery.ternary import Ternary
    from trailforward.doctor.world.base import SnapshotModel
    from trailforward.doctor.world.trails import AdvancedSelector, BasicSelector, FieldSelector, Trail

CLOUDTRAIL = "cloudtrail.amazonaws.com"
#: Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_InsightSelector.html
KINDS_OF_INSIGHTS = frozenset({"ApiCallRateInsight", "ApiErrorRateInsight"})
#: In a basic selector, an ARN prefix with this many colons (``arn:aws:s3``) means every resource of the type.
_EVERYTHING = 2  # colons


def selects(trail: Trail, query: Query) -> Ternary:
    """Whether a running trail includes the event; None if that is not certain.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
    """
    if trail.recursive_logging is False and _writes_logs(query):
        return False
    category = query.call.category
    everywhere = some((trail.multi_region, trail.global_events)) if query.pinned else True
    if category == "Insight":
        return every((everywhere, _insights(trail, query)))
    return every((everywhere, _selected(trail, query)))


def _writes_logs(query: Query) -> bool:
    """Whether the call is CloudTrail's own that writes a log file or a log event.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-recursive-logging.html
    """
    by = query.call.identity.get("invokedBy")
    return by == CLOUDTRAIL and query.call.event_name in {"PutObject", "PutLogEvents"}


def _insights(trail: Trail, query: Query) -> Ternary:
    """Whether a trail logs an Insights event: its type, and whether it is about management or data events."""
    if "insights" in trail.unread:
        return None
    details = query.call.detail.get("insightDetails")
    kind = details.get("insightType") if isinstance(details, dict) else query.call.event_name
    about = None if isinstance(details, dict) else "Management"
    return some(_insight(item, kind, about) for item in trail.insights)


def _insight(item: str | InsightSelector, kind: Any, about: str | None) -> Ternary:
    if isinstance(item, str):
        item = InsightSelector(InsightType=item)
    named = kind in KINDS_OF_INSIGHTS
    of_type = same(item.insight_type, kind) if named else None
    categories = item.event_categories or ("Management",)
    if about is None:
        included = True if {"Management", "Data"} <= set(categories) else None
    else:
        included = some(same(category, about) for category in categories)
    return every((_known(item), of_type, included))


def _selected(trail: Trail, query: Query) -> Ternary:
    selectors, category = trail.selectors, query.call.category
    if "selectors" in trail.unread or (category != "Management" and "dataSelectors" in trail.unread):
        return None
    if selectors is None:
        return category == "Management"
    if selectors.advanced:
        return some(_advanced(selector, query) for selector in selectors.advanced)
    if selectors.basic:
        return some(every((_known(selector), _basic(selector, query))) for selector in selectors.basic)
    return every((_known(selectors), category == "Management"))


def _known(part: SnapshotModel) -> Ternary:
    """None for a part with keys that this version does not know; its values are compared as they are."""
    return None if part.unknown else True


def _basic(selector: BasicSelector, query: Query) -> Ternary:
    category = query.call.category
    if category == "Management":
        excluded = some(same(name, query.call.service) for name in selector.exclude_management_event_sources)
        taken = every((selector.include_management_events, negate(excluded)))
    else:
        taken = category == "Data" and _data_resources(selector, query)
    return every((_reads_or_writes(selector.read_write_type, query.call.read_only), taken))


def _reads_or_writes(wanted: str, read_only: bool | None) -> Ternary:  # noqa: FBT001  # a field of the record
    if wanted == "All":
        return True
    if read_only is None or wanted not in {"ReadOnly", "WriteOnly"}:
        return None
    return (wanted == "ReadOnly") is read_only


def _data_resources(selector: BasicSelector, query: Query) -> Ternary:
    """Whether a basic selector includes a data event: S3 values are prefixes, others are exact.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DataResource.html
    """
    wanted = [(item.type, value) for item in selector.data_resources for value in item.values]
    resources = query.call.resources
    if resources:
        return some(
            every((same(kind, resource.type), _is_resource(kind, value, resource.arn)))
            for kind, value in wanted
            for resource in resources
        )
    kinds = query.resource_types
    if kinds is None:
        return None if wanted else False
    return some(
        True if value.count(":") == _EVERYTHING and not is_unknown(kind + value) else None
        for kind, value in wanted
        if kind in kinds or is_unknown(kind)
    )


def _is_resource(kind: str, value: str, arn: str) -> Ternary:
    prefix = kind == "AWS::S3::Object" or value.count(":") == _EVERYTHING
    return begins(arn, value) if prefix else same(value, arn)


def _advanced(selector: AdvancedSelector, query: Query) -> Ternary:
    """Whether all field conditions of an advanced selector hold."""
    if not selector.field_selectors:
        return every((_known(selector), False))
    fields = (every((_known(item), _field(item, query))) for item in selector.field_selectors)
    return every((_known(selector), *fields))


def _field(item: FieldSelector, query: Query) -> Ternary:
    """Whether a field condition holds: one value must match, and no value may match a ``Not...`` condition.

    A field that the event lacks matches no positive condition. Whether it matches a ``Not...`` condition is
    not documented.
    """
    if is_unknown(item.field):
        return None
    found = list(_values(query.event["detail"], item.field.split(".")))
    if not found and item.field == "resources.type" and query.resource_types:
        found = list(query.resource_types)
    asks = bool(item.equals or item.starts_with or item.ends_with)
    if not found:
        return None if not asks or _may_have(item.field, query) else False
    wanted = _any_of(found, item.equals, item.starts_with, item.ends_with) if asks else True
    refused = _any_of(found, item.not_equals, item.not_starts_with, item.not_ends_with)
    return every((wanted, negate(refused)))


def _any_of(found: list[str], whole: Iterable[str], heads: Iterable[str], tails: Iterable[str]) -> Ternary:
    """Whether one of the event's values equals, begins with, or ends with one of a condition's values."""
    tests = ((same, whole), (begins, heads), (ends, tails))
    return some(test(value, item) for test, items in tests for item in items for value in found)


def _may_have(name: str, query: Query) -> bool:
    """Whether the event may have a field, although it is not known: examples name no resource and no user."""
    if name.startswith("resources."):
        return query.call.category in {"Data", "NetworkActivity"} and not query.call.resources
    return name == "userIdentity.arn" and query.call.identity.get("type") != "AWSService"


def _values(value: Any, path: list[str]) -> Iterator[str]:
    """The values at a path in the record, written as selectors write them."""
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield str(value).lower() if isinstance(value, bool) else str(value)
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
