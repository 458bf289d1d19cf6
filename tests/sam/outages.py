"""Simulates outages of destinations against the alarms of the template. ``python -m tests.sam.outages``.

The model has steps of one minute. It evaluates the alarms as the template has them: expressions, periods,
"M of N", and missing data. The metrics follow the documented rules of SQS and Lambda:

- a message that is not deleted becomes visible again after the visibility timeout, or after the delay of the
  retry queue the first time;
- the age of the oldest message excludes messages that were received three times or more;
- the function's own metrics have values only in minutes in which it ran.

Sources: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.sam.cfn import Stack, load

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The outage begins after this minute. Before it lies the first deployment.
START = 120
EXCLUDED_RECEIVES = 3
#: Minutes between events in a quiet account; in a busy one, every minute has events.
QUIET = 360
SINK = "KinesisStreamArn", "arn:aws:kinesis:eu-west-1:111122223333:stream/events"

Series = dict[int, float]


class Case(NamedTuple):
    """One outage.

    Attributes:
        minutes: its length; 0 for none.
        all_sinks: every sink is down, so events stay in the event queue; else they go to the retry queue.
        timeout: the parameter Timeout.
        busy: events come in every minute, else every six hours.
        idle: no events at all.
        throttled: the destination throttles instead of being down.
    """

    minutes: int
    all_sinks: bool = True
    timeout: int = 60
    busy: bool = True
    idle: bool = False
    throttled: bool = False


@dataclass
class _Message:
    queue: str
    due: int
    sent: int
    receives: int = 0


@dataclass
class Result:
    """What happened, in minutes of the simulation.

    Attributes:
        states: alarm name → minutes in which it was in alarm.
        first_failure: of a delivery; None without one.
        recovered: the last late event was delivered.
        memory: minutes that the alarm may remember a failure.
    """

    states: dict[str, set[int]]
    first_failure: int | None
    recovered: int
    memory: int


@dataclass
class _World:
    stack: Stack
    case: Case
    metrics: dict[tuple[str, str], Series] = field(default_factory=dict)
    first_failure: int | None = None
    recovered: int = 0

    def run(self, end: int) -> None:
        properties = self.stack.properties
        visible_after = ceil(properties("EventQueue")["VisibilityTimeout"] / 60)
        delay = ceil(int(properties("RetryQueue")["DelaySeconds"]) / 60)
        names = {name: properties(name)["QueueName"] for name in ("EventQueue", "RetryQueue")}
        waiting: list[_Message] = []
        for minute in range(1, end):
            late = bool(waiting)
            if self._event_comes(minute):
                waiting.append(_Message("EventQueue", minute, minute))
            down = START < minute <= START + self.case.minutes
            kept = []
            for message in waiting:
                if message.due > minute:
                    kept.append(message)
                    continue
                message.receives += 1
                if not down:
                    continue
                self._fail(minute)
                kept.append(message)
                if not self.case.all_sinks and message.queue == "EventQueue":
                    message.queue, message.receives, message.sent = "RetryQueue", 0, minute
                    message.due = minute + delay
                else:
                    message.due = minute + visible_after
            waiting = kept
            if late and not waiting:
                self.recovered = minute
            for name, queue in names.items():
                mine = [message for message in waiting if message.queue == name]
                self._queue(minute, queue, mine)
            if not self.case.idle and self.case.busy:
                # A sample of a busy queue always meets messages in flight.
                self._put("ApproximateNumberOfMessagesNotVisible", names["EventQueue"], minute, 1)

    def _event_comes(self, minute: int) -> bool:
        if self.case.idle:
            return False
        return self.case.busy or minute % QUIET == (START + 1) % QUIET

    def _fail(self, minute: int) -> None:
        if self.first_failure is None:
            self.first_failure = minute
        self._put("returned", "", minute, 1)
        if not self.case.throttled:
            self._put("unavailable", "", minute, 1)

    def _queue(self, minute: int, queue: str, mine: list[_Message]) -> None:
        delayed = [message for message in mine if not message.receives]
        self._put("ApproximateNumberOfMessagesVisible", queue, minute, 0)
        self._put("ApproximateNumberOfMessagesNotVisible", queue, minute, len(mine) - len(delayed))
        self._put("ApproximateNumberOfMessagesDelayed", queue, minute, len(delayed))
        ages = [minute - message.sent for message in mine if message.receives < EXCLUDED_RECEIVES]
        self._put("ApproximateAgeOfOldestMessage", queue, minute, 60 * max(ages, default=0))

    def _put(self, name: str, queue: str, minute: int, value: float) -> None:
        series = self.metrics.setdefault((name, queue), {})
        series[minute] = max(series.get(minute, 0), value)


def _values(world: _World, alarm: dict[str, Any]) -> Series | None:
    """What an alarm watches, minute by minute; None for metrics that the model does not have."""
    if "Metrics" not in alarm:
        (queue,) = [d["Value"] for d in alarm["Dimensions"] if d["Name"] == "QueueName"] or [None]
        return None if queue is None else world.metrics.get((alarm["MetricName"], queue), {})
    (watched,) = [metric for metric in alarm["Metrics"] if metric.get("ReturnData", True)]
    expression = watched["Expression"]
    if query := re.fullmatch(r"SELECT SUM\((\w+)\) FROM SCHEMA\(.*\) WHERE service = '[\w-]+'", expression):
        return world.metrics.get((query[1], ""), {})
    given = {
        metric["Id"]: world.metrics.get(
            (
                metric["MetricStat"]["Metric"]["MetricName"],
                metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"],
            ),
            {},
        )
        for metric in alarm["Metrics"]
        if "MetricStat" in metric
    }
    terms = [re.fullmatch(r"FILL\((\w+), 0\)", term) for term in expression.split(" + ")]
    ids = [term[1] for term in terms if term]
    assert len(ids) == len(terms), f"the model does not know {expression}"
    minutes = {minute for one in ids for minute in given[one]}
    return {minute: sum(given[one].get(minute, 0) for one in ids) for minute in minutes}


def _minutes(alarm: dict[str, Any], values: Series, end: int) -> set[int]:
    """When a metric alarm is in alarm: M of the last N periods, without data of the running minute."""
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    period = alarm.get("Period", 60) // 60
    periods = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm", periods))
    threshold = float(alarm["Threshold"])
    breaching = {minute for minute, value in values.items() if value > threshold}
    return {
        minute
        for minute in range(1, end)
        if sum(
            any(minute - 1 - period * back - one in breaching for one in range(period))
            for back in range(periods)
        )
        >= needed
    }


def simulate(case: Case, template: dict[str, Any] | None = None) -> Result:
    """Runs a case against the alarms of a template, by default the project's."""
    stack = Stack(template or load("template.yaml"), **dict([SINK]), Timeout=str(case.timeout))
    end = START + case.minutes + 240
    world = _World(stack, case)
    world.run(end)
    states: dict[str, set[int]] = {}
    rules = {}
    for name in sorted(stack.present):
        alarm = stack.properties(name)
        if stack.resources[name]["Type"] == "AWS::CloudWatch::CompositeAlarm":
            rules[name] = alarm["AlarmRule"]
        elif stack.resources[name]["Type"] == "AWS::CloudWatch::Alarm" and (
            "Metrics" in alarm or alarm["Namespace"] == "AWS/SQS"
        ):
            values = _values(world, alarm)
            states[name] = _minutes(alarm, values or {}, end)
    for name, rule in rules.items():
        parts = re.findall(r'ALARM\("([\w-]+)"\)', rule)
        assert rule == " AND ".join(f'ALARM("{part}")' for part in parts), f"the model does not know {rule}"
        by_name = {stack.properties(one)["AlarmName"]: minutes for one, minutes in states.items()}
        states[name] = set.intersection(*(by_name[part] for part in parts))
    memory = int(stack.properties("UnavailableAlarm")["EvaluationPeriods"])
    return Result(states, world.first_failure, world.recovered, memory)


def grid() -> Iterator[Case]:
    """Every outage of the table."""
    for minutes in (20, 180, 720):
        for all_sinks in (True, False):
            for timeout in (30, 60, 300):
                for busy in (True, False):
                    yield Case(minutes, all_sinks, timeout, busy)


def main() -> None:
    """Prints the table: minutes after the first failed delivery."""
    print("outage  sinks  Timeout  account  alarm  delivered  cleared  age alarm")  # noqa: T201
    for case in grid():
        result = simulate(case)
        assert result.first_failure is not None
        outage = sorted(result.states["OutageAlarm"])
        age = sorted(result.states["AgeAlarm"] | result.states["RetryAgeAlarm"])
        first = result.first_failure
        print(  # noqa: T201
            f"{case.minutes:4} m  {'all' if case.all_sinks else 'one':5}  {case.timeout:5} s  "
            f"{'busy' if case.busy else 'quiet':7}  {outage[0] - first:5}  {result.recovered - first:9}  "
            f"{outage[-1] + 1 - first:7}  {age[0] - first if age else 'never':>9}"
        )


if __name__ == "__main__":
    main()
