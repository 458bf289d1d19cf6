"""The alarms of the template against simulated outages of destinations."""

from __future__ import annotations

import copy

import pytest

from tests.sam.cfn import load
from tests.sam.outages import Case, grid, simulate
from tests.support.depth import part


@pytest.mark.parametrize("case", part(grid(), 5), ids=str)
def test_an_outage_raises_the_alarm_until_it_is_over(case: Case) -> None:
    """The alarm fires within 15 minutes of the first failure, stays until all is delivered, and then ends."""
    result = simulate(case)
    alarm = result.states["OutageAlarm"]
    assert result.first_failure is not None
    first = min(alarm)
    assert 0 < first - result.first_failure <= 15
    assert set(range(first, result.recovered + 1)) <= alarm
    assert max(alarm) <= result.recovered + (result.memory + 1 if case.busy else 4)


@pytest.mark.parametrize("timeout", part([30, 300, 60, 120], 2))
@pytest.mark.parametrize("quiet", [Case(0, idle=True), Case(0, busy=False), Case(0, busy=True)], ids=str)
def test_nothing_fires_without_an_outage(quiet: Case, timeout: int) -> None:
    """No queue alarm or outage alarm fires after the first deployment, in an idle or in a working account."""
    result = simulate(quiet._replace(timeout=timeout))
    assert {name for name, minutes in result.states.items() if minutes} <= {"WaitingAlarm"}
    assert result.states["OutageAlarm"] == set()


@pytest.mark.parametrize("busy", [True, False])
def test_throttling_is_not_an_outage(*, busy: bool) -> None:
    """A destination that throttles for 20 minutes does not raise the outage alarm."""
    result = simulate(Case(20, busy=busy, throttled=True))
    assert result.first_failure is not None
    assert result.states["OutageAlarm"] == set()


def test_the_simulation_reads_the_template() -> None:
    """A shorter memory in the template loses the alarm between two attempts in a quiet account."""
    template = copy.deepcopy(load("template.yaml"))
    template["Mappings"]["Timeouts"]["300"]["Memory"] = 5
    result = simulate(Case(180, busy=False, timeout=300), template)
    assert not set(range(min(result.states["OutageAlarm"]), result.recovered)) <= result.states["OutageAlarm"]
