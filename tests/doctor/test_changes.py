from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doctor.worlds import CENTRAL, HERE, HOME, HUB, MEMBER, OTHER, hub, rule, trail
from tests.support.command import trailforward
from trailforward.doctor import World
from trailforward.doctor.changes import MOST, Change, Changes, changes
from trailforward.doctor.report import survey

if TYPE_CHECKING:
    from pathlib import Path

#: Name → a world that differs from ``good`` in one thing.
WORLDS: dict[str, dict[str, Any]] = {
    "good": hub(),
    "disabled": hub(rules=[rule(CENTRAL, state="DISABLED"), hub()["rules"][1]]),
    "stopped": hub(trails=[trail(logging=False)]),
    "deleted": hub(trails=[]),
    "unclear": hub(trails=[trail(logging=None, unread={"logging": "AccessDenied"})]),
    "not read": hub(
        rules=[hub()["rules"][1]],
        unseen=[{"account": MEMBER, "region": HERE, "what": "rules", "why": "AccessDenied"}],
    ),
    "trails not read": hub(
        trails=[], unseen=[{"account": MEMBER, "region": "*", "what": "trails", "why": "AccessDenied"}]
    ),
    "added": hub(accounts={**hub()["accounts"], OTHER: {HERE: "ENABLED_BY_DEFAULT"}}),
    "not assumed": hub(
        unseen=[{"account": OTHER, "region": "*", "what": "*", "why": "its role cannot be assumed"}]
    ),
}


def between(before: str, after: str) -> Changes:
    """The changes from one of the worlds to another."""
    return changes(*(World.model_validate(WORLDS[name]) for name in (before, after)))


def texts(some: tuple[Change, ...]) -> str:
    """The sentences of some changes."""
    return " ".join(change.text for change in some)


@pytest.mark.parametrize(
    ("after", "short", "sentence"),
    [
        ("disabled", f"{HERE} became blind", f"{HERE} of account {MEMBER}: became blind."),
        ("stopped", "trail main stopped logging", f"Trail main ({HOME}, account {MEMBER}) stopped logging."),
        ("deleted", "trail main was deleted", "was deleted."),
        ("added", f"account {OTHER} not covered", f"New: {HERE} of account {OTHER}: not covered."),
    ],
)
def test_what_was_lost_is_named_with_its_fix(after: str, short: str, sentence: str) -> None:
    """A Region that became blind, a trail that stopped, and an account that is not covered are named."""
    found = between("good", after)
    assert found.headline.startswith(short)
    assert found.headline.isascii()
    assert sentence in texts(found.lost)
    assert all(change.fix for change in found.lost)
    assert found.gained == ()


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        ("not read", f"{HERE} of account {MEMBER}: unknown whether these events arrive"),
        ("unclear", "it may log."),
        ("trails not read", "was not read; it may log."),
        ("not assumed", f"account {OTHER}: unknown whether these events arrive"),
    ],
)
@pytest.mark.parametrize("before", ["good", "stopped", "disabled"])
def test_what_is_unknown_now_never_recovered(before: str, after: str, sentence: str) -> None:
    """What cannot be read now is reported as unknown, whatever it was before, never as better."""
    found = between(before, after)
    if before == "stopped" and after == "trails not read":
        assert "was not read" in texts(found.doubtful)
    elif not (before == "stopped" and after == "unclear"):
        assert sentence in texts(found.doubtful)
    now = {
        (cell.account, cell.region)
        for cell in survey(World.model_validate(WORLDS[after])).cells
        if cell.status == "unknown"
    }
    for account, region in now if before == "good" else ():
        assert f"{region} of account {account}: recovered" not in texts(found.gained)
    assert "Trail" not in texts(found.gained) or before == "stopped"


def test_what_works_again_is_said() -> None:
    """A Region that recovered, and a trail that logs again, are good news."""
    assert f"{HERE} of account {MEMBER}: recovered." in texts(between("disabled", "good").gained)
    assert "logs again." in texts(between("stopped", "good").gained)
    assert between("disabled", "good").lost == ()


def test_an_account_that_is_no_longer_read_is_said() -> None:
    """An account that was checked and is not in the report any more is no silent success."""
    found = between("added", "good")
    assert f"account {OTHER} is no longer in the report" in texts(found.doubtful)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(WORLDS)), st.sampled_from(sorted(WORLDS)))
def test_changes_agree_with_the_verdicts(before: str, after: str) -> None:
    """Nothing changed exactly if all verdicts are equal, and only what is covered now counts as gained."""
    found = between(before, after)
    was, now = (
        {
            (cell.account, cell.region, cell.event_class): cell.status
            for cell in survey(World.model_validate(WORLDS[name])).cells
        }
        for name in (before, after)
    )
    better = any(status == "covered" and was.get(key) != "covered" for key, status in now.items())
    if before == after:
        assert not found
    if was != now:
        assert found or all(status == "excluded" for key, status in now.items() if was.get(key) != status)
    assert better == any("arrive" in change.text for change in found.gained)


def test_many_changes_stay_short() -> None:
    """The text names at most some changes of a kind, and says how many more there are."""
    one = Change("x", "x" * 5000, "\x1b[31mred")
    lines = list(Changes(lost=(one,) * (MOST + 5)).lines())
    assert "- and 5 more changes: see the report" in lines
    assert max(map(len, lines)) < 1000
    assert all(line.isprintable() for line in lines)


def test_the_command_compares_with_a_saved_snapshot(tmp_path: Path) -> None:
    """``--since-snapshot`` prints what changed; the report and the exit status stay the same."""
    files = {}
    for name in ("good", "disabled"):
        files[name] = tmp_path / f"{name}.json"
        files[name].write_text(World.model_validate(WORLDS[name]).to_json())
    usual = ("doctor", "--snapshot", files["disabled"], "--also-read", HUB, "--class", "write")
    plain = trailforward(*usual)
    compared = trailforward(*usual, "--since-snapshot", files["good"])
    assert (compared.code, compared.out) == (plain.code, plain.out) == (1, plain.out)
    assert f"Since the snapshot: {HERE} became blind." in compared.err
    assert "  Fix: Enable the rule." in compared.err
