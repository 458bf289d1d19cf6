"""InsightEvent: CloudTrail Insights detected an unusual rate of calls or errors.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-insights-fields-trails.html
"""

from typing import Any

from trailforward.models._safe_access import as_list, nested_attribute, principal_name
from trailforward.models.base import LenientModel
from trailforward.models.record import CloudTrailRecord


class InsightAverage(LenientModel):
    """An average rate.

    Attributes:
        average: calls or errors per minute.
    """

    average: int | float | None = None


class InsightStatistics(LenientModel):
    """The unusual rate, and the usual one.

    Attributes:
        baseline: the usual rate.
        insight: the unusual rate; for state End, its average over the whole duration.
        insight_duration: duration of the unusual rate in minutes.
        baseline_duration: period of the baseline in minutes; about seven days.
    """

    baseline: InsightAverage | None = None
    insight: InsightAverage | None = None
    insight_duration: int | float | None = None
    baseline_duration: int | float | None = None


class InsightValue(LenientModel):
    """One value's share of a rate.

    Attributes:
        value: an ARN, a user agent, or an error code; the text ``null`` for calls without an error.
        average: calls or errors per minute.
    """

    value: str | None = None
    average: int | float | None = None


class InsightAttribution(LenientModel):
    """The values of one attribute that contribute most to the rates.

    Attributes:
        attribute: ``userIdentityArn``, ``userAgent``, ``errorCode``, or ``resourceArn`` (data events).
        insight: the top values (at most five) during the unusual activity.
        baseline: the top values (at most five) during the baseline; may be empty.
    """

    attribute: str | None = None
    insight: list[InsightValue] | None = None
    baseline: list[InsightValue] | None = None


class InsightContext(LenientModel):
    """The rates, and the values that contribute most to them.

    Attributes:
        statistics: the rates.
        attributions: the values that contribute most, by attribute.
    """

    statistics: InsightStatistics | None = None
    attributions: list[InsightAttribution] | None = None


class InsightDetails(LenientModel):
    """The unusual activity that CloudTrail detected.

    Attributes:
        state: ``Start`` or ``End``.
        event_source: the service that was called.
        event_name: the API that was called.
        insight_type: ``ApiCallRateInsight`` or ``ApiErrorRateInsight``.
        error_code: the error code whose rate is unusual.
        insight_context: the rates, and the values that contribute most to them.
    """

    state: str | None = None
    event_source: str | None = None
    event_name: str | None = None
    insight_type: str | None = None
    error_code: str | None = None
    insight_context: InsightContext | None = None


class InsightEvent(CloudTrailRecord):
    """``AwsCloudTrailInsight``. Start and End of one insight have the same ``shared_event_id``.

    The service and the API are in ``insight_details``. The record has no identity, event source, or name.

    Attributes:
        insight_details: the unusual activity.
    """

    insight_details: InsightDetails | None = None

    @property
    def actor(self) -> str | None:
        """The identity that made most of the unusual calls."""
        for attribution in as_list(nested_attribute(self.insight_details, "insight_context", "attributions")):
            if nested_attribute(attribution, "attribute") == "userIdentityArn":
                values = as_list(nested_attribute(attribution, "insight"))
                return principal_name(nested_attribute(max(values, key=_average, default=None), "value"))
        return None


def _average(value: Any) -> float:
    average = nested_attribute(value, "average")
    return average if isinstance(average, (int, float)) else 0
