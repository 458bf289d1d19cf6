"""Where ``trailforward forward`` says to continue, and how it shows its progress."""

from __future__ import annotations

import gzip
import io
import json
import re
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.support.command import piped
from tests.support.events import envelope
from tests.support.slow_pipe import command, interrupted
from trailforward.cli import _forward_progress
from trailforward.cli._backfill import Listing, Work
from trailforward.cli._forward_plan import Plan, where_to_continue
from trailforward.cli._forward_progress import Meter, showing
from trailforward.cli._forward_run import Position, Run
from trailforward.cli._resume import Place

if TYPE_CHECKING:
    from pathlib import Path


def test_an_interrupted_file_continues_with_the_printed_command(tmp_path: Path) -> None:
    """After Ctrl-C, the printed command delivers what has no outcome yet, and repeats at most a batch."""
    source, second, pipe = tmp_path / "in put.ndjson", tmp_path / "second", tmp_path / "pipe"
    source.write_bytes(b"\n".join(envelope(number) for number in range(1_000)))
    second.write_bytes(envelope(1_000))
    arguments = command("forward", source, second, "--to", f"file:{pipe}")
    status, data, text = interrupted(arguments, pipe, 300_000, signal.SIGINT, tmp_path)
    assert status == 130, text
    printed = re.search(r"Continue: (tail .*)", text.decode())
    assert printed is not None, text
    assert printed[1] == (
        f"tail -n +{shlex.split(printed[1])[2][1:]} {shlex.quote(str(source))} "
        f"| trailforward forward - {second} --to file:{pipe}"
    )
    run = printed[1].replace("trailforward", f"{sys.executable} -m trailforward", 1)
    shell = ["/bin/sh", "-c", run.replace(f"file:{pipe}", "stdout:")]
    rest = subprocess.run(shell, capture_output=True, check=True)
    first = [line for line in data.splitlines() if line.endswith(b"}}")]
    found = [json.loads(line)["detail"]["eventID"] for line in first + rest.stdout.splitlines()]
    assert {int(one[-12:]) for one in found} == set(range(1_001))
    assert len(found) - 1_001 <= 200


@pytest.mark.parametrize(
    ("position", "names", "text"),
    [
        (Position(0, "", complete=True), ["a", "b"], "Continue: trailforward forward a b --to x"),
        (Position(0, "a:7", complete=True), ["a"], "Continue: tail -n +8 a | trailforward forward - --to x"),
        (Position(0, "a:7", complete=False), ["a"], "Continue: tail -n +7 a | trailforward forward - --to x"),
        (Position(0, "a#7", complete=True), ["a"], "Continue: trailforward forward a --to x"),
        (Position(1, "", complete=True), ["a", "b"], "Continue: trailforward forward b --to x"),
        (
            Position(1, "z:3", complete=True),
            ["a", "z"],
            "gzip -dc z | tail -n +4 | trailforward forward - --to x",
        ),
        (Position(0, "stdin:3", complete=True), ["-"], "Continue at line 4 of standard input"),
        (Position(1, "", complete=True), ["a"], "every event has an outcome"),
    ],
)
def test_where_to_continue(
    position: Position, names: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command names the first line without an outcome; a document is repeated as a whole."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "z").write_bytes(gzip.compress(b""))
    run = Run(Console(file=io.StringIO()))
    run.position = position
    plan = Plan(None, None, None, backfill=False)
    assert where_to_continue(names, run, plan, "--to x").endswith(text)


def test_progress_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line now and then says how many files and events are done, the rate, and the time left."""
    monkeypatch.setattr(_forward_progress, "INTERVAL", 0)
    listing = Listing(Work(str(number), Place(0, "", str(number)), 1_000) for number in range(4))
    while listing.take(wait=True):
        pass
    meter = Meter(listing)
    meter.skip(1_000)
    meter.files, meter.events, meter.bytes = 1, 1_200, 1_000
    out = io.StringIO()
    with showing(Console(file=out), meter) as show:
        show()
    assert re.fullmatch(
        r"Forwarding: 2 of 4 files, 1,200 events, [0-9,]+/s, [0-9]+ s left", out.getvalue().strip()
    )


def test_progress_on_a_terminal() -> None:
    """On a terminal, one line changes, also for standard input, whose length is unknown."""
    listing = Listing(iter([Work("stdin", Place(0, "", "-"), 0)]))
    assert listing.take(wait=True)
    assert listing.take(wait=True) is None
    meter = Meter(listing)
    meter.events = 70
    out = io.StringIO()
    with showing(Console(file=out, force_terminal=True, width=100), meter) as show:
        show()
    assert re.search(r"Forwarding: 70 events, [0-9,]+/s", out.getvalue())


def test_standard_input_and_a_folder_do_not_mix(tmp_path: Path) -> None:
    """Standard input cannot be read again, so a run that can be continued refuses it."""
    done = piped("forward", "-", tmp_path, "--to", "stdout:", stdin=envelope(0))
    assert (done.code, done.out) == (2, "")
    assert "cannot be read again" in done.err
