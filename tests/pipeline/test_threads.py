"""Threads that are kept: work is done once, by few threads, and waited for no longer than asked."""

from __future__ import annotations

import subprocess
import sys
import threading

from trailforward.pipeline.threads import Threads


def test_one_thread_serves_invocation_after_invocation() -> None:
    """Work that comes after work is done by the same thread, which bears the name that was asked for."""
    threads, seen = Threads(), []
    for number in range(50):
        task = threads.run(lambda: seen.append(threading.current_thread()), f"lane-{number}")
        assert task.wait(600)
        assert seen[-1].name == f"lane-{number}"
    assert len(seen) == 50
    assert len(set(seen)) == 1


def test_work_at_once_gets_a_thread_each() -> None:
    """Nobody waits for somebody else's work."""
    threads, meeting = Threads(), threading.Barrier(3)
    tasks = [threads.run(lambda: meeting.wait(600) and None, "lane") for _ in range(3)]
    assert all(task.wait(600) for task in tasks)


def test_work_that_hangs_is_left_behind() -> None:
    """A wait ends when its time is up, and the next work is done all the same."""
    threads, going_on = Threads(), threading.Event()
    hanging = threads.run(lambda: going_on.wait(600) and None, "hangs")
    assert not hanging.wait(0.01)
    assert threads.run(lambda: None, "lane").wait(600)
    going_on.set()
    assert hanging.wait(600)


def test_work_that_raises_is_over() -> None:
    """A bug in the work is told on standard error, and neither it nor the next work hangs."""
    script = (
        "import threading\n"
        "from trailforward.pipeline.threads import Threads\n"
        "told, tell = threading.Event(), threading.excepthook\n"
        "threading.excepthook = lambda args: (tell(args), told.set())\n"
        "threads = Threads()\n"
        "assert threads.run(lambda: 1 / 0, 'lane-a').wait(600)\n"
        "assert threads.run(lambda: None, 'lane-b').wait(600)\n"
        "assert told.wait(600)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "ZeroDivisionError" in done.stderr


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    """The process ends when its work is done, whatever a destination does."""
    script = (
        "import threading\n"
        "from trailforward.pipeline.threads import Threads\n"
        "Threads().run(threading.Event().wait, 'sender')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=600)
