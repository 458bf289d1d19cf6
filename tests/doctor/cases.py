"""The shared table of delivery cases, which is not part of the repository.

``python -m tests.doctor.cases`` counts them by code.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from trailforward.doctor import Call, Verdict, World, reach

REASON = (
    "no delivery_cases.json: TRAILFORWARD_FACTS names its directory, "
    "or TRAILFORWARD_CORPUS the directory beside 'facts'"
)


def path() -> Path | None:
    """The file, or None if neither variable leads to it."""
    facts, corpus = os.environ.get("TRAILFORWARD_FACTS"), os.environ.get("TRAILFORWARD_CORPUS")
    if not facts and not corpus:
        return None
    folder = Path(facts) if facts else Path(corpus or "").resolve().parent / "facts"
    file = folder / "delivery_cases.json"
    return file if file.is_file() else None


def load() -> dict[str, Any]:
    """The file's content, or a table without cases."""
    file = path()
    empty: dict[str, Any] = {"codes": {}, "cases": []}
    return json.loads(file.read_text("utf-8")) if file else empty


def verdict(case: dict[str, Any]) -> Verdict:
    """The doctor's verdict for a case."""
    return reach(World.model_validate(case["world"]), Call.model_validate(case["call"]))


def faults(case: dict[str, Any]) -> list[str]:
    """The differences between the doctor's verdict and what a case expects."""
    expected, result = case["expect"], verdict(case)
    found = [
        f"{key}: {getattr(result, key)!r}, expected {expected[key]!r}"
        for key in ("reaches", "code", "at")
        if getattr(result, key) != expected[key]
    ]
    found += [f"no warning {wanted}" for wanted in expected.get("warnings", ()) if not _warns(result, wanted)]
    codes = {warning.code for warning in result.warnings}
    return found + [f"warning {code}" for code in expected.get("notWarnings", ()) if code in codes]


def _warns(result: Verdict, wanted: dict[str, str]) -> bool:
    return any(
        all(getattr(warning, key) == text for key, text in wanted.items()) for warning in result.warnings
    )


def main() -> int:
    """Prints for each code how many cases expect it, and how many of them match."""
    cases = load()["cases"]
    if not cases:
        print(REASON)  # noqa: T201
        return 2
    results = [(case, faults(case)) for case in cases]
    wanted = Counter(case["expect"]["code"] for case in cases)
    good = Counter(case["expect"]["code"] for case, found in results if not found)
    for code, count in wanted.most_common():
        print(f"{code:<34}{good[code]:>4} of {count:>3}")  # noqa: T201
    for case, found in results:
        if found:
            print(f"{case['id']}: {'; '.join(found)}")  # noqa: T201
    print(f"{good.total()} of {len(cases)} cases ({good.total() / len(cases):.0%})")  # noqa: T201
    return 0 if good == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
