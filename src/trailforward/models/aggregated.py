"""AggregatedEvent: data events counted over five minutes.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aggregated-events.html
"""

from typing import Any

from pydantic import Field

from trailforward.models._safe_access import dig, items, principal
from trailforward.models.base import LenientModel
from trailforward.models.record import CloudTrailRecord
from trailforward.models.time import AwsTime


class TimeWindow(LenientModel):
    """When the counted events happened.

    Attributes:
        window_start: first moment.
        window_end: the moment after the last.
        window_size: ISO 8601 duration, ``PT5M``.
    """

    window_start: AwsTime | None = None
    window_end: AwsTime | None = None
    window_size: str | None = None


class AggregateStatistic(LenientModel):
    """One count.

    Attributes:
        name: a value of the dimension: an API, an ARN, an address …
        value: how many events had it.
    """

    name: str | None = None
    value: int | float | None = None


class Dimension(LenientModel):
    """The counts by one field.

    Attributes:
        dimension: ``eventName``, ``resourceARN``, ``userIdentity``, ``userAgent``, ``sourceIpAddress`` …
        statistics: the counts.
        aggregation_type: ``Count``.
    """

    dimension: str | None = None
    statistics: list[AggregateStatistic] | None = None
    aggregation_type: str | None = None


class AggregateSummary(LenientModel):
    """The counts.

    Attributes:
        primary_dimension: what the events were grouped by.
        details: the same events by other dimensions.
    """

    primary_dimension: Dimension | None = None
    details: list[Dimension] | None = None


class AggregatedEvent(CloudTrailRecord):
    """``AwsAggregatedEvent``: has no time, name or identity of its own, and ``eventId`` with a small d.

    Goes to the trail's bucket; AWS documents no EventBridge event for it.

    Attributes:
        event_id: CloudTrail's id of the event.
        account_id: the account that got it.
        time_window: when the counted events happened.
        summary: the counts.
    """

    event_id: str | None = Field(None, alias="eventId")
    account_id: str | None = None
    time_window: TimeWindow | None = None
    summary: AggregateSummary | None = None

    @property
    def actor(self) -> str | None:
        """Who did most of it, where the events were counted by identity."""
        for dimension in [dig(self.summary, "primary_dimension"), *items(dig(self.summary, "details"))]:
            if dig(dimension, "dimension") == "userIdentity":
                statistics = items(dig(dimension, "statistics"))
                return principal(dig(max(statistics, key=_count, default=None), "name"))
        return None


def _count(statistic: Any) -> float:
    value = dig(statistic, "value")
    return value if isinstance(value, (int, float)) else 0
