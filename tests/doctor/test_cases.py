"""The shared table of delivery cases: each distinguishes a code from similar ones."""

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.doctor import cases
from trailforward.doctor import World, load_codes

pytestmark = pytest.mark.skipif(cases.path() is None, reason=cases.REASON)
SHARED = cases.load()


@pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["id"])
def test_case(case: dict[str, Any]) -> None:
    """Result, code, link and warnings match the case."""
    assert cases.faults(case) == []


def test_every_code_is_in_the_table() -> None:
    """Every code of the shared table exists, with the same kind."""
    codes = load_codes()
    assert {code: codes[code].kind for code in SHARED["codes"]} == SHARED["codes"]


def test_cases_are_understood() -> None:
    """The cases contain nothing that the snapshot's models do not know."""
    odd = {case["id"]: World.model_validate(case["world"]).not_understood for case in SHARED["cases"]}
    assert {key: what for key, what in odd.items() if what} == {}


def test_count() -> None:
    """``python -m tests.doctor.cases`` counts the cases by code; exit status 0 means that all match."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.doctor.cases"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.endswith(f"{len(SHARED['cases'])} of {len(SHARED['cases'])} cases (100%)\n")


def test_count_without_the_file() -> None:
    """Without the file, the command says what is missing; exit status 2."""
    clean = {key: text for key, text in os.environ.items() if not key.startswith("TRAILFORWARD_")}
    run = subprocess.run(
        [sys.executable, "-m", "tests.doctor.cases"], capture_output=True, text=True, check=False, env=clean
    )
    assert (run.returncode, run.stdout) == (2, cases.REASON + "\n")
