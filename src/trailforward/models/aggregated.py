"""AggregatedEvent: the counts of data events in five minutes.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aggregated-events.html
"""

from typing import Any

from pydantic import Field

from trailforward.models._safe_access import as_list, nested_attribute, principal_name
from trailforward.models.base import LenientModel
from trailforward.models.record import CloudTrailRecord
from trailforward.models.time import AwsTime


class TimeWindow(LenientModel):
    """When the counted events happened.

    Attributes:
        window_start: start, inclusive.
        window_end: end, exclusive.
        window_size: ISO 8601 duration, ``PT5M``.
    """

    window_start: AwsTime | None = None
    window_end: AwsTime | None = None
    window_size: str | None = None


class AggregateStatistic(LenientModel):
    """One count.

    Attributes:
        name: a value of the dimension, such as an event name, an ARN, or an IP address.
        value: the number of events with this value.
    """

    name: str | None = None
    value: int | float | None = None


class Dimension(LenientModel):
    """The counts for each value of one field.

    Attributes:
        dimension: ``eventName``, ``resourceARN``, ``userIdentity``, ``userAgent``, ``sourceIpAddress`` …
        statistics: the counts.
        aggregation_type: ``Count``.
    """

    dimension: str | None = None
    statistics: list[AggregateStatistic] | None = None
    aggregation_type: str | None = None


class AggregateSummary(LenientModel):
    """The counts by several fields.

    Attributes:
        primary_dimension: the field by which the events were grouped.
        details: the same events, counted by other fields.
    """

    primary_dimension: Dimension | None = None
    details: list[Dimension] | None = None


class AggregatedEvent(CloudTrailRecord):
    """``AwsAggregatedEvent``: has no event time, name, or identity, and spells its ID ``eventId``.

    CloudTrail delivers it to the trail's bucket. AWS documents no EventBridge event for it.

    Attributes:
        event_id: CloudTrail's ID of the event.
        account_id: the account that received it.
        time_window: when the counted events happened.
        summary: the counts.
    """

    event_id: str | None = Field(None, alias="eventId")
    account_id: str | None = None
    time_window: TimeWindow | None = None
    summary: AggregateSummary | None = None

    @property
    def actor(self) -> str | None:
        """The identity with the most events; None if the events were not counted by identity."""
        for dimension in [
            nested_attribute(self.summary, "primary_dimension"),
            *as_list(nested_attribute(self.summary, "details")),
        ]:
            if nested_attribute(dimension, "dimension") == "userIdentity":
                statistics = as_list(nested_attribute(dimension, "statistics"))
                return principal_name(nested_attribute(max(statistics, key=_count, default=None), "name"))
        return None


def _count(statistic: Any) -> float:
    value = nested_attribute(statistic, "value")
    return value if isinstance(value, (int, float)) else 0
