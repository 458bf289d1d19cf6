"""Arrivals: which calls of the runs before arrived, according to the metrics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.doctor.canary.places import Place, Setup

NAMESPACE = "trailforward"
#: How far back runs are looked for, in seconds. CloudWatch shows metrics of the last hours within minutes.
_BACK = 6 * 3600
#: A run makes its calls within this many seconds, and its events may take as long: newer runs do not count.
WINDOW = 900
#: Metrics have the minute of the call; a clock that is a little behind may write the minute before the run.
_MINUTE = 60
#: Most queries in one request of GetMetricData.
_QUERIES = 500


class Arrivals(NamedTuple):
    """What is known about the runs before this one.

    Attributes:
        at: start of the latest run that is old enough, in seconds since 1970; 0 if there is none.
        missing: its places whose event has not arrived.
        missing_before: the same of the run before it; None if there is none.
    """

    at: float = 0
    missing: tuple[Place, ...] = ()
    missing_before: tuple[Place, ...] | None = None


def arrivals(cloudwatch: Any, setup: Setup, now: float) -> Arrivals:
    """Reads the metrics of the last hours.

    Args:
        cloudwatch: a botocore client for CloudWatch in the function's Region.
        setup: the canary's setup.
        now: start of this run, in seconds since 1970.

    Raises:
        ClientError: CloudWatch refused.
        BotoCoreError: CloudWatch did not respond.
    """
    sent = {"service": setup.service, "places": setup.digest}
    (times,) = _read(cloudwatch, [_query("canary_sent", sent, "Sum")], now - _BACK, now)
    runs = sorted(at for at in times if at <= now - WINDOW)[-2:]
    if not runs:
        return Arrivals()
    queries = [
        _query(
            "canary_latency",
            {"account": place.account, "region": place.region, "service": setup.service},
            "SampleCount",
        )
        for place in setup.places
    ]
    seen = dict(zip(setup.places, _read(cloudwatch, queries, runs[0] - _MINUTE, now), strict=True))

    def missing(run: float) -> tuple[Place, ...]:
        return tuple(
            place
            for place, times in seen.items()
            if not any(run - _MINUTE <= at < run + WINDOW for at in times)
        )

    return Arrivals(runs[-1], missing(runs[-1]), missing(runs[0]) if len(runs) > 1 else None)


def _query(metric: str, dimensions: dict[str, str], stat: str) -> dict[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return {
        "Metric": {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": named},
        "Period": _MINUTE,
        "Stat": stat,
    }


def _read(cloudwatch: Any, queries: Sequence[dict[str, Any]], start: float, end: float) -> list[list[float]]:
    """For each query, the times of its values, each the start of a minute."""
    found: list[list[float]] = [[] for _ in queries]
    first = datetime.fromtimestamp(start // _MINUTE * _MINUTE, UTC)
    last = datetime.fromtimestamp(end, UTC)
    for at in range(0, len(queries), _QUERIES):
        named = [
            {"Id": f"q{number}", "MetricStat": query}
            for number, query in enumerate(queries[at : at + _QUERIES], at)
        ]
        for result in _pages(cloudwatch, MetricDataQueries=named, StartTime=first, EndTime=last):
            found[int(result["Id"][1:])] += [time.timestamp() for time in result["Timestamps"]]
    return found


def _pages(cloudwatch: Any, **request: Any) -> Iterator[dict[str, Any]]:
    while True:
        page = cloudwatch.get_metric_data(**request)
        yield from page["MetricDataResults"]
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]
