"""Trails as AWS tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn
from trailforward.doctor.discover.reader import LookError

if TYPE_CHECKING:
    from trailforward.doctor.discover.reader import Reader


def trails_in(reader: Reader, region: str) -> list[dict[str, Any]]:
    """What is effective in a Region: trails at home there, and copies of others.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html

    Raises:
        LookError: not allowed to look.
    """
    answer = reader.call("cloudtrail", "DescribeTrails", region, includeShadowTrails=True)
    return list(answer.get("trailList", ()))


def read_trail(reader: Reader, found: dict[str, Any]) -> dict[str, Any]:
    """A trail with its state and selectors, which only its home Region knows.

    Raises:
        LookError: not allowed to look.
    """
    arn, home = found["TrailARN"], found["HomeRegion"]
    status = reader.call("cloudtrail", "GetTrailStatus", home, Name=arn)
    selectors = reader.call("cloudtrail", "GetEventSelectors", home, TrailName=arn)
    trail = {
        "name": found["Name"],
        "account": Arn.parse(arn).account,
        "home": home,
        "multiRegion": found.get("IsMultiRegionTrail", False),
        "organization": found.get("IsOrganizationTrail", False),
        "logging": status.get("IsLogging", False),
        "globalEvents": found.get("IncludeGlobalServiceEvents", True),
        "selectors": _selectors(selectors),
        "insights": _insights(reader, arn, home),
    }
    error = status.get("LatestDeliveryError")
    return {**trail, "deliveryError": error} if error else trail


def _selectors(answer: dict[str, Any]) -> dict[str, Any] | None:
    """The form that is set: a trail has one of both."""
    if advanced := answer.get("AdvancedEventSelectors"):
        return {"advanced": advanced}
    basic = answer.get("EventSelectors")
    return {"basic": basic} if basic else None


def _insights(reader: Reader, arn: str, home: str) -> list[str]:
    try:
        answer = reader.call("cloudtrail", "GetInsightSelectors", home, TrailName=arn)
    except LookError as error:
        if error.missing:
            return []
        raise
    return [item["InsightType"] for item in answer.get("InsightSelectors", ())]
