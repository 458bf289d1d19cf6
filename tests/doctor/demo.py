"""``make demo-doctor``: a local world of 17 Regions with seven planted faults, and the doctor's report."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from rich.console import Console

from tests.doctor.planted import AUDIT, FAULTS, MEMBER, QUEUE, PlantedWorld
from trailforward.cli.doctor import survey_world
from trailforward.doctor import CLASSES
from trailforward.doctor.discover import discover
from trailforward.doctor.report import print_terminal, render

PAGE = Path("build/doctor.html")


def main() -> int:
    """Builds the world, runs the doctor, compares; 0 if it found exactly the planted faults."""
    console = Console()
    with PlantedWorld() as planted:
        os.environ.update(planted.environment())
        began = time.perf_counter()
        found = discover(accounts=[MEMBER, AUDIT], destinations=[QUEUE])
        took = time.perf_counter() - began
        calls = len(planted.aws.requests)
        regions = len(planted.regions)
    survey = survey_world(found.world, [AUDIT], [], CLASSES)
    print_terminal(survey, console)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(survey, "html"), "utf-8")
    seen = {
        (region, cause.code) for cause in survey.causes if cause.kind == "break" for region in cause.regions
    }
    planted_faults = set(FAULTS.items())
    console.print(
        f"Read 2 accounts in {regions} Regions with {calls} calls in {took:.1f} s.", highlight=False
    )
    for region, code in sorted(planted_faults | seen):
        place = "found" if (region, code) in seen & planted_faults else "MISSED"
        place = place if (region, code) in planted_faults else "NOT PLANTED"
        console.print(f"  {place:<12}{region:<16}{code}", highlight=False)
    console.print(
        f"{len(seen & planted_faults)} of {len(planted_faults)} planted faults. Page: {PAGE}", highlight=False
    )
    for problem in found.problems:
        console.print(problem, markup=False)
    return 0 if seen == planted_faults and not found.problems else 1


if __name__ == "__main__":
    sys.exit(main())
