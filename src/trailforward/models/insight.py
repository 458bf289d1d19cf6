"""InsightEvent: CloudTrail noticed an unusual rate of calls or of errors.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-insights-fields-trails.html
"""

from typing import Any

from trailforward.models._safe_access import dig, items, principal
from trailforward.models.base import LenientModel
from trailforward.models.record import CloudTrailRecord


class InsightAverage(LenientModel):
    """A rate.

    Attributes:
        average: calls or errors per minute.
    """

    average: int | float | None = None


class InsightStatistics(LenientModel):
    """What was unusual.

    Attributes:
        baseline: the usual rate.
        insight: the unusual rate; for state End, over the whole duration.
        insight_duration: minutes that it lasted.
        baseline_duration: minutes that the baseline was taken over; about seven days.
    """

    baseline: InsightAverage | None = None
    insight: InsightAverage | None = None
    insight_duration: int | float | None = None
    baseline_duration: int | float | None = None


class InsightValue(LenientModel):
    """One value's share of a rate.

    Attributes:
        value: an ARN, a user agent or an error code; the text ``null`` for calls without error.
        average: calls or errors per minute.
    """

    value: str | None = None
    average: int | float | None = None


class InsightAttribution(LenientModel):
    """Which values of one attribute the rates are due to.

    Attributes:
        attribute: ``userIdentityArn``, ``userAgent``, ``errorCode``, or ``resourceArn`` (data events).
        insight: at most five values of the unusual time.
        baseline: at most five values of the usual time; may be empty.
    """

    attribute: str | None = None
    insight: list[InsightValue] | None = None
    baseline: list[InsightValue] | None = None


class InsightContext(LenientModel):
    """The rates, and what they are due to.

    Attributes:
        statistics: the rates.
        attributions: what they are due to.
    """

    statistics: InsightStatistics | None = None
    attributions: list[InsightAttribution] | None = None


class InsightDetails(LenientModel):
    """What CloudTrail noticed.

    Attributes:
        state: ``Start`` or ``End``.
        event_source: the service called.
        event_name: the API called.
        insight_type: ``ApiCallRateInsight`` or ``ApiErrorRateInsight``.
        error_code: the error whose rate is unusual.
        insight_context: the rates, and what they are due to.
    """

    state: str | None = None
    event_source: str | None = None
    event_name: str | None = None
    insight_type: str | None = None
    error_code: str | None = None
    insight_context: InsightContext | None = None


class InsightEvent(CloudTrailRecord):
    """``AwsCloudTrailInsight``: Start and End of one insight have the same ``shared_event_id``.

    Service and API stand in ``insight_details``; the record itself has no identity, source or name.

    Attributes:
        insight_details: what CloudTrail noticed.
    """

    insight_details: InsightDetails | None = None

    @property
    def actor(self) -> str | None:
        """Who made most of the unusual calls."""
        for attribution in items(dig(self.insight_details, "insight_context", "attributions")):
            if dig(attribution, "attribute") == "userIdentityArn":
                values = items(dig(attribution, "insight"))
                return principal(dig(max(values, key=_average, default=None), "value"))
        return None


def _average(value: Any) -> float:
    average = dig(value, "average")
    return average if isinstance(average, (int, float)) else 0
