"""The Hypothesis profile of the suite and of its subprocesses: no test fails because the machine is slow."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("trailforward", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trailforward")
