"""The role lookup asks STS in the background, seldom, and never twice at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from trailforward.pipeline.role_lookup import INTERVAL_SECONDS, Role, RoleLookup

if TYPE_CHECKING:
    import pytest

ROLE = ("111122223333", "forwarder")


class Sts:
    """Responds as scripted; the last entry repeats."""

    def __init__(self, *script: Role | Exception | None) -> None:
        self.script = list(script)
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> Role | None:
        """One question."""
        self.asked += 1
        assert self.gate.wait(30)
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(said, Exception):
            raise said
        return said


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def idle() -> None:
    """Waits until no question is under way."""
    for thread in threading.enumerate():
        if thread.name == "trailforward-role":
            thread.join(30)


def test_it_asks_once_if_sts_answers() -> None:
    """After the response the role is known, and STS is not asked again."""
    sts, clock = Sts(ROLE), Clock()
    lookup = RoleLookup(sts, clock)
    assert (lookup.role, sts.asked) == (None, 0)
    for minute in range(5):
        clock.now = minute * INTERVAL_SECONDS
        lookup.start()
        idle()
    assert (lookup.role, sts.asked) == (ROLE, 1)


def test_it_asks_again_after_a_minute_while_sts_does_not_answer() -> None:
    """Throttled or unreachable, STS is asked once a minute, however many events ask for it."""
    sts, clock = Sts(ConnectionError("no route"), TimeoutError("slow"), ROLE), Clock()
    lookup = RoleLookup(sts, clock)
    for second in range(0, 181, 10):
        clock.now = float(second)
        lookup.start()
        idle()
    assert (lookup.role, sts.asked) == (ROLE, 3)


def test_a_process_without_a_role_is_an_answer() -> None:
    """A user's credentials have no role: STS has said so, and is not asked again."""
    sts, clock = Sts(None), Clock()
    lookup = RoleLookup(sts, clock)
    for minute in range(3):
        clock.now = minute * INTERVAL_SECONDS
        lookup.start()
        idle()
    assert (lookup.role, sts.asked) == (None, 1)


def test_a_question_that_hangs_keeps_one_thread() -> None:
    """As when Lambda freezes the environment in the middle of it: hours later there is still one thread."""
    sts, clock = Sts(ROLE), Clock()
    sts.gate.clear()
    lookup = RoleLookup(sts, clock)
    before = threading.active_count()
    for minute in range(100):
        clock.now = minute * INTERVAL_SECONDS
        lookup.start()
    assert (threading.active_count() - before, sts.asked) == (1, 1)
    sts.gate.set()
    idle()
    assert lookup.role == ROLE


def test_no_thread_left_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system starts no thread, the next minute asks."""
    sts, clock = Sts(ROLE), Clock()
    lookup = RoleLookup(sts, clock)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        lookup.start()
    clock.now = INTERVAL_SECONDS
    lookup.start()
    idle()
    assert (lookup.role, sts.asked) == (ROLE, 1)
