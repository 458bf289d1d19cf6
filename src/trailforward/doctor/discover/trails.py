"""Trails: reads trails with their status and selectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn
from trailforward.doctor.discover.reader import AwsCallError

if TYPE_CHECKING:
    from trailforward.doctor.discover.reader import Reader


def trails_in(reader: Reader, region: str) -> list[dict[str, Any]]:
    """The trails that apply to a Region: those at home there, and copies of others.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html

    Raises:
        AwsCallError: access was denied.
    """
    response = reader.call("cloudtrail", "DescribeTrails", region, includeShadowTrails=True)
    return list(response.get("trailList", ()))


def read_trail(reader: Reader, found: dict[str, Any]) -> dict[str, Any]:
    """Reads a trail with its status and selectors, which only its home Region returns.

    Raises:
        AwsCallError: access was denied.
    """
    arn, home = found["TrailARN"], found["HomeRegion"]
    status = reader.call("cloudtrail", "GetTrailStatus", home, Name=arn)
    selectors = reader.call("cloudtrail", "GetEventSelectors", home, TrailName=arn)
    trail: dict[str, Any] = {
        "name": found["Name"],
        "account": Arn.parse(arn).account,
        "home": home,
        "multiRegion": found.get("IsMultiRegionTrail", False),
        "organization": found.get("IsOrganizationTrail", False),
        "logging": status.get("IsLogging", False),
        "globalEvents": found.get("IncludeGlobalServiceEvents", True),
        "selectors": _selectors(selectors),
        "bucket": found.get("S3BucketName", ""),
        "logGroup": found.get("CloudWatchLogsLogGroupArn", ""),
        **_insights(reader, arn, home),
    }
    if isinstance(recursive := found.get("RecursiveLogging"), bool):
        trail["recursiveLogging"] = recursive
    error = status.get("LatestDeliveryError")
    return {**trail, "deliveryError": error} if error else trail


def _selectors(response: dict[str, Any]) -> dict[str, Any] | None:
    """The trail's selectors: a trail has either advanced or basic ones."""
    if advanced := response.get("AdvancedEventSelectors"):
        return {"advanced": advanced}
    basic = response.get("EventSelectors")
    return {"basic": basic} if basic else None


def _insights(reader: Reader, arn: str, home: str) -> dict[str, Any]:
    """The Insights of a trail; if they may not be read, only verdicts about Insights are unknown."""
    try:
        response = reader.call("cloudtrail", "GetInsightSelectors", home, TrailName=arn)
    except AwsCallError as error:
        if error.missing:
            return {"insights": []}
        return {"insights": [], "unread": {"insights": f"cloudtrail:GetInsightSelectors: {error.code}"}}
    return {"insights": list(response.get("InsightSelectors", ()))}
