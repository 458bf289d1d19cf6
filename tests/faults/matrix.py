"""Prints the fault matrix as a table: ``python -m tests.faults.matrix``."""

from __future__ import annotations

import logging
import sys

import pytest

from tests.faults import state
from tests.faults.faults import ROWS, Row, applies
from tests.faults.world import SINKS, World
from tests.support.aws import point_at
from tests.support.stub_aws import StubAws
from trailforward.aws import client as aws_client


def cell(sink: str, row: Row, stub: StubAws) -> str:
    """The fates of the events, next to a healthy sink and with both failure queues."""
    if not applies(sink, row):
        return "-"
    with World(sink, row, stub, healthy=True, dead_letter=True, retry_queue=True) as world:
        return world.fate(world.forward())


def main() -> None:
    """Prints a Markdown table."""
    logging.disable()
    lines = [["fault", *SINKS], ["---"] * (len(SINKS) + 1)]
    with StubAws() as stub, pytest.MonkeyPatch.context() as patch:
        point_at(stub.url, patch)
        for row in ROWS:
            patch.setattr(aws_client, "READ_TIMEOUT", row.read_timeout)
            lines.append([row.name])
            for sink in SINKS:
                stub.reset()
                lines[-1].append(cell(sink, row, stub))
        lines += [[], ["fault of the table", "alerts"], ["---", "---"]]
        lines += [[fault.name, state.result(fault, stub)] for fault in state.FAULTS]
    sys.stdout.writelines(f"| {' | '.join(line)} |\n" if line else "\n" for line in lines)


if __name__ == "__main__":
    main()
