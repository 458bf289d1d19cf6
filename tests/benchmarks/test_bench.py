"""The benchmarks on a few events: everything runs and delivers, whatever it costs."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks import compare, events, run
from benchmarks.contestants import ALL, NOTHING, POWERTOOLS, STREAM, TRAILFORWARD, Contestant
from benchmarks.measures import layer, routes, sinks
from benchmarks.measures.cold import THREE_ROUTES
from benchmarks.measuring import Goal, Measure
from benchmarks.stage import LostError, Stage, running_stage
from benchmarks.table import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("awslambdaric", reason="AWS's runtime client runs on Linux only")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A place to run contestants."""
    with running_stage() as found:
        yield found


def contestants() -> list[Contestant]:
    """Those of every measure, but for the numbers of routes and sinks."""
    return [*ALL, THREE_ROUTES, *(sinks.contestant(count) for count in (0, 1, 2))]


@pytest.mark.parametrize("contestant", contestants(), ids=lambda contestant: contestant.name)
def test_each_contestant_delivers_what_it_is_given(stage: Stage, contestant: Contestant) -> None:
    """Under Lambda's runtime client, a direct event and an SQS batch with every kind of event arrive once."""
    some = events.made(events.KINDS + 1)
    with stage.function(contestant) as function:
        stage.forward(function, contestant, some[:1], 0)
        stage.forward(function, contestant, some[1:], events.KINDS if contestant.takes == "batch" else 0)


def test_routes_change_nothing_that_arrives(stage: Stage) -> None:
    """With a hundred routes on one sink each event arrives once."""
    contestant = routes.contestant(stage, 100)
    with stage.function(contestant) as function:
        stage.forward(function, contestant, events.made(events.KINDS), events.KINDS)


@pytest.mark.parametrize(
    ("contestant", "words"),
    [
        (replace(NOTHING, to=(STREAM,)), "3 are missing"),
        (replace(TRAILFORWARD, to=("elsewhere",)), "arrived at"),
        (replace(POWERTOOLS, to=()), "arrived at"),
    ],
    ids=["lost", "elsewhere", "unexpected"],
)
def test_a_contestant_that_loses_events_fails_the_run(
    stage: Stage, contestant: Contestant, words: str
) -> None:
    """Events that do not arrive where they should are no cheap events."""
    with stage.function(contestant) as function, pytest.raises(LostError, match=words):
        stage.forward(function, contestant, events.made(3), 3)


def test_an_event_that_arrives_twice_fails_the_run(stage: Stage) -> None:
    """An event that is sent twice also counts as an error."""
    (event,) = events.made(1)
    twice = [event, event]
    with stage.function(TRAILFORWARD) as function:
        function.invoke(event.body)
        with pytest.raises(LostError, match="1 too many"):
            stage.forward(function, TRAILFORWARD, twice[1:], 0)


def test_the_clock_counts_all_of_another_process(stage: Stage) -> None:
    """The CPU time read from outside is the kernel's own account of the process."""
    with stage.function(NOTHING) as function:
        for event in events.made(3):
            function.invoke(event.body)
        function.check_clock()
        assert function.peak_memory() > 1_000_000


def test_a_payload_is_as_large_as_lambda_allows() -> None:
    """The full payload holds as many events as fit 6 MB, and no more."""
    (event,) = events.made(1)
    full = events.largest_batch([event] * 10_000)
    assert len(events.batch(full)) <= 6_291_456 < len(events.batch([*full, event]))


def test_verdicts_come_from_ratios_within_rounds() -> None:
    """A goal is judged by the median of the ratios, and named in the table with its figure."""
    found = {
        "theirs": [1.0, 2.0, 4.0],
        "ours": [0.5, 1.0, 6.0],
        "slow": [2.0, 4.0, 8.0],
        "fair": [0.9, 1.8, 3.6],
    }
    goal = Goal(1.0, 0.6, "theirs", "theirs")
    measure = Measure("speed", "ms", found, goals=dict.fromkeys(("ours", "slow", "fair"), goal))
    lines = {line.split()[0]: line for line in table([measure]).splitlines() if line.startswith("  ")}
    assert lines["ours"].endswith("stretch met: 0.5")
    assert lines["slow"].endswith("MISSED: 2")
    assert lines["fair"].endswith(" met: 0.9")
    assert "target" not in lines["theirs"]


def test_the_layer_is_weighed_where_it_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run prints the sizes of the largest layer without boto3, or that no layer was built."""
    monkeypatch.setattr(layer, "FOLDER", tmp_path)
    assert "make layer" in table(layer.run())
    for name, size in (("a", 3_000_000), ("b", 17_000_000), ("b-boto3", 90_000_000)):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("file", bytes(size))
    lines = table(layer.run()).splitlines()
    assert next(line for line in lines if "unpacked" in line).endswith("MISSED: 17")
    assert "stretch met: 0.0" in next(line for line in lines if "  trailforward, zipped" in line)


def test_a_run_prints_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A measure may be chosen; the run says what it ran on, and an unknown name is refused."""
    run.main("layer", 0)
    out = capsys.readouterr().out
    assert "layer" in out
    assert "The stub server accepts" in out
    with pytest.raises(SystemExit, match="Choose from: cold, direct"):
        run.main("speed", 0)


def test_a_base_is_the_revision_and_leaves_nothing() -> None:
    """The tree to compare with is the revision's, and is gone afterwards; an unknown revision is named."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    with compare.checked_out("HEAD") as base:
        assert (base / "src/trailforward/__init__.py").exists()
    assert not base.exists()
    with pytest.raises(SystemExit, match="BASE=nonsense"), compare.checked_out("nonsense"):
        pass
