"""The assumptions of the prices match the SAM stack and the output of the function."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.sam.cfn import Stack, load
from tests.support.command import trailforward
from tests.support.events import envelope
from tests.support.pages import BLOCKS, ROOT
from trailforward import Config, Forwarder, Message, Origin
from trailforward.outcome import Outcome
from trailforward.pipeline.telemetry import PowertoolsTelemetry
from trailforward.pricing import Plan, Range, bill, load_prices
from trailforward.pricing.canary import ALARM, METRICS, RUNS
from trailforward.pricing.stages import (
    LATENCY,
    LOG_EVENT,
    RECEIPT,
    RECEIPT_SINK,
    REGION_LINE,
    ROUTE_LINE,
    SINK_LINE,
)
from trailforward.receipts.line import lines
from trailforward.testing import FlakySink

if TYPE_CHECKING:
    from typing import Any

STREAM = "arn:aws:kinesis:eu-west-1:111122223333:stream/events"
TEMPLATE = load("template.yaml")
PAGE = (ROOT / "docs" / "topologies.md").read_text()
#: Every batch is full.
FULL = Plan(1e12, accounts=3)


def kinds(topology: str) -> list[str]:
    """Returns the types of all resources in the stack."""
    stack = Stack(TEMPLATE, Topology=topology, KinesisStreamArn=STREAM)
    return [resource["Type"] for resource in stack.resources.values()]


@pytest.mark.parametrize("topology", ["hub", "collector", "regional"])
def test_the_stack_has_what_is_paid_for(topology: str) -> None:
    """The bill has as many metrics in alarms, dashboards, and polled queues as the template."""
    alone = Plan(1, regions=1)
    units = {item.name: item.terms[0].units for item in bill(alone, topology, 1, load_prices()).fixed}
    found = kinds(topology)
    stack = Stack(TEMPLATE, Topology=topology, KinesisStreamArn=STREAM)
    alarms = [
        resource for resource in stack.resources.values() if "AlarmName" in resource.get("Properties", {})
    ]
    watched = 0
    for alarm in alarms:
        metrics = alarm["Properties"].get("Metrics", [])
        queried = sum("MetricStat" in metric for metric in metrics)
        # A composite alarm costs as much as five metrics.
        watched += 5 if "AlarmRule" in alarm["Properties"] else queried or 1
    assert units["alarms"] == watched
    assert units["dashboard"] == found.count("AWS::CloudWatch::Dashboard")
    mappings = found.count("AWS::Lambda::EventSourceMapping")
    assert units["polling"] == pytest.approx(mappings * 5 * 30 * 86_400 / 20 / 1e6)


def test_the_defaults_are_those_of_the_stack() -> None:
    """Window, memory, architecture, and the number of pollers match the stack."""
    stack = Stack(TEMPLATE, KinesisStreamArn=STREAM)
    mapping, plan = stack.properties("EventsToFunction"), Plan(1)
    assert float(mapping["MaximumBatchingWindowInSeconds"]) == plan.window_seconds
    assert int(stack.properties("Forwarder")["MemorySize"]) == plan.memory_mb
    assert TEMPLATE["Globals"]["Function"]["Architectures"] == [plan.architecture]
    assert mapping["ScalingConfig"]["MaximumConcurrency"]
    rows = json.loads(trailforward("cost", "--events-per-day", "1", "--json").out)["rows"]
    assert int(mapping["BatchSize"]) in {row["batch"]["asked"] for row in rows}


@pytest.mark.parametrize(("events", "count"), [(1, 1), (100, 1), (1, 2), (40, 2)])
def test_log_lines_are_as_long_as_the_bill_assumes(
    events: int, count: int, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """The metrics of a batch differ by less than a fifth from the bill."""
    telemetry = PowertoolsTelemetry(service=request.node.name)
    toml = "".join(f'[sinks.archive{number}]\nto = "stdout:"\n' for number in range(count))
    made: dict[str, Any] = {f"archive{number}": FlakySink() for number in range(count)}
    forwarder = Forwarder(Config.from_toml(toml), made=made)
    then = (datetime.now(UTC) - timedelta(seconds=20)).isoformat()
    messages = [Message(envelope(number, eventTime=then), Origin("test")) for number in range(events)]
    outcome = forwarder.forward(messages)
    capsys.readouterr()
    telemetry.publish(outcome)
    lines = capsys.readouterr().out.splitlines()
    # A test's service has a longer name than a stack.
    written = sum(len(line) - len(request.node.name) + len("trailforward") + LOG_EVENT for line in lines)
    assert written == pytest.approx(count * SINK_LINE + REGION_LINE + events * count * LATENCY, rel=0.2)


def test_the_line_of_a_route_is_as_long_as_the_bill_assumes(capsys: pytest.CaptureFixture[str]) -> None:
    """The metrics of a route with its longest usual name differ by less than a fifth from the bill."""
    outcome = Outcome([], [])
    outcome.routes.update(
        {("essentials/public-bucket", "matched"): 1, ("essentials/public-bucket", "alerted"): 1}
    )
    PowertoolsTelemetry(service="trailforward").publish(outcome)
    (line,) = capsys.readouterr().out.splitlines()
    assert len(line) + LOG_EVENT == pytest.approx(ROUTE_LINE, rel=0.2)


@pytest.mark.parametrize("count", [1, 3])
def test_receipts_are_as_long_as_the_bill_assumes(count: int) -> None:
    """The receipts of a batch differ by less than a fifth from the bill."""
    names = [f"archive{number}" for number in range(count)]
    outcome = Outcome([Message(envelope(number), Origin("test")) for number in range(10)], names)
    for name in names:
        outcome.deliver(name, range(10))
    written = sum(map(len, lines(outcome))) / 10
    assert written == pytest.approx(RECEIPT + (count - 1) * RECEIPT_SINK, rel=0.2)


def test_the_page_shows_what_the_command_prints() -> None:
    """The output in docs/topologies.md is exactly what the command prints."""
    shown = [block for block in BLOCKS if block.page == "docs/topologies.md"]
    (command,) = (block.text for block in shown if block.language == "sh")
    output = shown[next(at for at, block in enumerate(shown) if block.text == command) + 1]
    done = trailforward(*command.split()[1:], COLUMNS="80")
    assert done.code == 0
    assert output.text == done.out


@pytest.mark.parametrize("topology", ["hub", "collector", "regional"])
def test_the_sums_of_the_page_are_the_bill(topology: str) -> None:
    """The sums and the table in docs/topologies.md match the bill with full batches."""
    made = bill(FULL, topology, 500, load_prices())
    terms = " + ".join(f"{item.name} {_without_sign(item.cost)}" for item in made.items)
    assert f"Per million, in full batches: {terms} = **{_without_sign(made.per_million)}**." in PAGE
    at = ["regional", "hub", "collector"].index(topology)
    assert _row("per million events, in full batches")[at] == str(made.per_million)
    first, second = (
        bill(Plan(1, regions=regions), topology, 1, load_prices()).fixed_per_month for regions in (1, 2)
    )
    row = _row("fixed, a month, with one sink")[at]
    assert row.startswith(str(first))
    further = str(Range(second.low - first.low, second.low - first.low))
    assert (f"and {further} for each further Region" in row) == (topology != "regional")
    assert ("for each Region" in row) == (further == str(first))


def test_where_the_page_recommends_a_collector_it_is_cheaper() -> None:
    """A collector is cheaper from tens of millions of events per month from 4 Regions, hundreds from 17."""

    def collector_wins(millions: float, regions: int) -> bool:
        plan = Plan(millions * 1e6 / 30, regions=regions, accounts=3)
        hub, collector = (bill(plan, name, 500, load_prices()).per_month for name in ("hub", "collector"))
        return collector.high < hub.high

    assert (collector_wins(10, 4), collector_wins(90, 4)) == (False, True)
    assert (collector_wins(100, 17), collector_wins(900, 17)) == (False, True)


def _row(name: str) -> list[str]:
    """Returns the cells of a row in the first table of the page."""
    (cells,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", PAGE, re.MULTILINE)
    return [cell.strip() for cell in cells.split(" | ")]


def _without_sign(cost: Range) -> str:
    return str(cost).removeprefix("$")


@pytest.mark.parametrize("topology", ["hub", "collector", "regional"])
def test_the_canary_is_what_is_paid_for(topology: str) -> None:
    """The bill of the canary has the memory, the schedule, and the metrics in the alarm of the template."""
    stack = Stack(TEMPLATE, Topology=topology, KinesisStreamArn=STREAM, Canary="true")
    function = stack.properties("CanaryFunction")
    assert int(function["MemorySize"]) == 512
    assert stack.properties("CanarySchedule")["ScheduleExpression"] == "cron(17 * * * ? *)"
    assert sum("MetricStat" in one for one in stack.properties("CanaryAlarm")["Metrics"]) == ALARM
    made = bill(Plan(1, regions=1, canary=True), topology, 1, load_prices())
    (item,) = [item for item in made.fixed if item.name == "canary"]
    assert [term.units for term in item.terms[:3]] == [1 + METRICS, ALARM, RUNS * 2 / 1000]
    # One event an hour takes the same path as any other event, up to the function.
    events = {term.price.name: term.units for term in item.terms[5:]}
    assert events["queue"] == pytest.approx(RUNS / 1e6 * 3)
