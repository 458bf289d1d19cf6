"""Live runs in a simulated organization: 50 accounts and 17 Regions in a deep run (``make trials``)."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.organization import HOME, QUEUE, ROOT, Organization, member
from tests.doctor.planted import REGIONS
from tests.support.command import trailforward
from tests.support.depth import DEEP, part
from trailforward.doctor import CLASSES, World, reach
from trailforward.doctor.discover import Discovery, discover, explore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNTS = 50 if DEEP else 3
SOME = REGIONS if DEEP else (HOME, "eu-west-1", "eu-west-2", "eu-north-1")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Organization]:
    """An organization; all AWS clients of this process connect to it."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with Organization(ACCOUNTS, SOME) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def complete(aws: Organization) -> World:
    """What a run without any trouble finds."""
    found = read()
    assert found.problems == ()
    aws.expire()
    return found.world


def read(**options: Any) -> Discovery:
    """Discovery in the whole organization."""
    return discover(**{"whole_organization": True, "destinations": [QUEUE], **options})


def codes(world: World, account: str = member(1)) -> dict[str, str]:
    """The finding code for a write call in each Region of an account."""
    regions = world.accounts.get(account, {HOME: ""})
    return {region: reach(world, CLASSES[0].call(account, region)).code for region in regions}


def test_a_denial_in_many_places_is_one_sentence_for_each_kind_of_call(
    aws: Organization, tmp_path: Path
) -> None:
    """An SCP that blocks 15 Regions of every account gives three sentences, live and saved."""
    aws.allowed, aws.regions = {HOME, "eu-west-1"}, REGIONS
    file = tmp_path / "world.json"
    options = ("doctor", "--class", "write", "--format", "json")
    live = trailforward(*options, "--organization", "--destination", QUEUE, "--save", file)
    world = World.from_json(file.read_bytes())
    assert len(world.unseen) == 3 * 15 * ACCOUNTS
    assert [problem.split()[0] for problem in world.problems] == ["Trails", "Buses", "Rules"]
    for problem in world.problems:
        assert "in 15 Regions (ap-northeast-1, " in problem
        assert f" of {ACCOUNTS} accounts ({member(1)}, " in problem
        assert "a service control policy denies" in problem
        assert len(problem) < 800
    saved = trailforward(*options, "--snapshot", file)
    for done in (live, saved):
        assert done.code == 2
        assert all(problem in done.err for problem in world.problems)
        assert done.err.count(" could not be read. ") == 3
        assert len(json.loads(done.out)["notRead"]) == 3
    assert codes(world)["eu-west-1"] == "OK"
    assert set(codes(world).values()) == {"OK", "NOT_SEEN"}


def test_calls_are_bounded_in_parallel_and_in_number(aws: Organization) -> None:
    """Discovery makes at most 16 calls at once, and four calls in a Region with one rule."""
    read()
    assert aws.most_at_once <= explore.WORKERS
    regional = [one for one in aws.calls if one.region == "eu-west-2" and one.account == member(1)]
    assert sorted(one.operation for one in regional) == [
        "DescribeTrails", "ListEventBuses", "ListRules", "ListTargetsByRule",
    ]  # fmt: skip


class _Interrupting(list[Any]):
    """The calls of the organization; at one of them, somebody presses Ctrl-C."""

    def append(self, call: Any) -> None:
        """Records a call."""
        super().append(call)
        if len(self) == 20:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_run_that_is_interrupted_can_be_resumed(aws: Organization, complete: World, tmp_path: Path) -> None:
    """Ctrl-C ends the reading, what was read is saved and reported, and a second run reads only the rest."""
    usual = ("doctor", "--organization", "--destination", QUEUE, "--class", "write")
    file, rest = tmp_path / "part.json", tmp_path / "whole.json"
    aws.calls = _Interrupting()
    done = trailforward(*usual, "--save", file)
    assert done.code == 130
    assert "Stopped, because it was interrupted" in done.err
    assert "--resume FILE" in done.err
    assert "Log in again" not in done.err
    partial = World.from_json(file.read_bytes())
    assert partial.unseen
    for account in complete.accounts:
        assert set(codes(partial, account).values()) <= {"OK", "NOT_SEEN", "ACCOUNT_NOT_VISIBLE"}
    aws.calls = []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert trailforward(*usual, "--resume", file, "--save", rest).code == 0
    assert World.from_json(rest.read_bytes()).model_copy(update={"problems": ()}) == complete


def test_throttling_everywhere_changes_nothing(aws: Organization, complete: World) -> None:
    """If AWS rejects every fifth call for its rate, the result is the same."""
    aws.throttled = 5
    found = read()
    assert found.problems == ()
    assert found.world == complete


def test_a_session_of_a_role_that_expires_is_renewed(aws: Organization, complete: World) -> None:
    """A run may take longer than the session of a role: the doctor assumes the role again."""
    aws.expire(sessions=len(SOME) + 5)
    found = read()
    assert found.problems == ()
    assert found.world == complete
    assert sum(one.operation == "AssumeRole" for one in aws.calls) > 2 * (ACCOUNTS - 1)


@pytest.mark.parametrize("tenth", part([9, 2, 5], 3))
def test_a_run_whose_credentials_expire_can_be_resumed(
    aws: Organization, complete: World, tmp_path: Path, tenth: int
) -> None:
    """The run stops and says what it did not read, which is unknown; a second run reads only the rest."""
    usual = ("doctor", "--organization", "--destination", QUEUE, "--class", "write")
    file, rest = tmp_path / "part.json", tmp_path / "whole.json"
    calls = 2 + 4 * len(SOME) * tenth // 10
    aws.expire(own=2 + ACCOUNTS + calls, sessions=calls)
    done = trailforward(*usual, "--save", file)
    assert done.code == 2
    (sentence,) = [line for line in done.err.splitlines() if line.startswith("Stopped, because")]
    assert "Not read, so unknown: " in sentence
    assert "--resume FILE" in sentence
    assert len(sentence) < 2000
    partial = World.from_json(file.read_bytes())
    for account in complete.accounts:
        assert set(codes(partial, account).values()) <= {"OK", "NOT_SEEN", "ACCOUNT_NOT_VISIBLE"}
    aws.expire()
    assert trailforward(*usual, "--resume", file, "--save", rest).code == 0
    assert World.from_json(rest.read_bytes()).model_copy(update={"problems": ()}) == complete
    again = sum(one.operation == "ListEventBuses" for one in aws.calls)
    assert 0 < again <= len(SOME) * ACCOUNTS
    if tenth == 9:
        assert again <= len(SOME) * ACCOUNTS // 2


def test_the_caller_expires_before_any_account_is_open(aws: Organization) -> None:
    """Credentials that have expired from the beginning give one sentence and an empty world."""
    aws.expire(own=0)
    found = read()
    assert [problem.split(":")[0] for problem in found.problems] == ["The AWS credentials have expired"]
    assert found.world.accounts == {}


def test_progress_counts_every_item(aws: Organization) -> None:
    """Progress names what is read, and ends with all of it, from one thread at a time."""
    seen: dict[str, tuple[int, int]] = {}
    read(progress=lambda what, done, total: seen.update({what: (done, total)}))
    pairs = ACCOUNTS * len(aws.regions)
    assert seen["account/Region pairs"] == (pairs, pairs)
    assert seen["accounts"] == (ACCOUNTS, ACCOUNTS)
    assert all(done == total for done, total in seen.values())


def test_progress_goes_to_standard_error_alone(aws: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error is not a terminal, a line now and then says how far the run is."""
    monkeypatch.setattr("trailforward.cli._progress.INTERVAL", 0)
    done = trailforward("doctor", "--organization", "--destination", QUEUE, "--format", "json")
    pairs = ACCOUNTS * len(SOME)
    assert f"Reading account/Region pairs: {pairs} of {pairs} done after " in done.err
    assert json.loads(done.out)


def test_progress_on_a_terminal_is_a_bar(aws: Organization, tmp_path: Path) -> None:
    """On a terminal, standard error shows a bar with counts and the time; standard output only the report."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "trailforward", "doctor", "--organization", "--destination", QUEUE]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    report = tmp_path / "report"
    with (
        report.open("wb") as out,
        subprocess.Popen([*command, "--format", "json"], stdout=out, stderr=theirs, env=environment) as run,
    ):
        os.close(theirs)
        shown = bytearray()
        with suppress(OSError):  # Linux reports the end of a terminal as an error
            while piece := os.read(ours, 4096):
                shown += piece
        run.wait(timeout=600)
    os.close(ours)
    assert b"Reading" in shown
    assert b"0:00:0" in shown
    assert json.loads(report.read_text())


def test_the_hub_stays_known_by_its_id(complete: World) -> None:
    """The organization's members include every account."""
    assert complete.organization is not None
    assert set(complete.organization.accounts) == {ROOT, *(member(number) for number in range(1, ACCOUNTS))}


@pytest.mark.parametrize(("state", "code"), [("Enabled", "OK"), ("Disabled", "BUS_KEY")])
def test_the_key_of_a_custom_bus_is_read(aws: Organization, state: str, code: str) -> None:
    """The doctor reads the key that encrypts the hub's bus; with a disabled key, the result is unknown."""
    aws.bus_key_state = state
    found = read()
    assert found.problems == ()
    (bus,) = found.world.buses
    assert bus.encryption is not None
    assert bus.encryption.key_state == state
    assert set(codes(found.world).values()) == {code}
    described = [one.operation for one in aws.calls if one.operation == "DescribeEventBus"]
    assert len(described) == 1  # the default buses have no key that matters


def test_pipes_that_read_from_the_destination_are_named(aws: Organization) -> None:
    """What a pipe does with the events of a queue is not followed, and the doctor says so."""
    aws.pipes = ["to-lake", "to-search"]
    found = read()
    assert found.problems == ()
    verdict = reach(found.world, CLASSES[0].call(member(1), HOME))
    (warning,) = [one for one in verdict.warnings if one.code == "PIPE_NOT_FOLLOWED"]
    assert verdict.reaches is True
    assert "the pipes to-lake, to-search" in warning.why
    assert sum(one.operation == "ListPipes" for one in aws.calls) == 1
