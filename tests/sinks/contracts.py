"""Prints which contract tests each destination passes, as a table: ``python -m tests.sinks.contracts``."""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest


class Results:
    """Counts results by class.

    Attributes:
        counts: class → outcome → number of tests.
        reasons: class → why tests were skipped.
    """

    def __init__(self) -> None:
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.reasons: defaultdict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts a test that ran, was skipped, or failed in any phase."""
        name = report.nodeid.split("::")[1]
        if report.when == "call" or report.outcome != "passed":
            self.counts[name][report.outcome] += 1
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons[name].add(report.longrepr[2].removeprefix("Skipped: "))


def main() -> None:
    """Prints a Markdown table."""
    results = Results()
    path = Path(__file__).with_name("test_contracts.py")
    with redirect_stdout(StringIO()):
        status = pytest.main(["-q", str(path)], plugins=[results])
    lines = [["destination", "passed", "failed", "not applicable"], ["---"] * 4]
    for name, counts in results.counts.items():
        title = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.removeprefix("Test"))
        why = f" ({'; '.join(sorted(results.reasons[name]))})" if counts["skipped"] else ""
        lines.append([title, str(counts["passed"]), str(counts["failed"]), f"{counts['skipped']}{why}"])
    sys.stdout.writelines(f"| {' | '.join(line)} |\n" for line in lines)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
