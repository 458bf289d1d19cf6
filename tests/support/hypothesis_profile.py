"""The Hypothesis profile of the suite and of its subprocesses: no test fails because the machine is slow."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.support.depth import examples

settings.register_profile(
    "trailforward", max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("trailforward")
