"""The thread pool: few threads, and bounded waits."""

from __future__ import annotations

import subprocess
import sys
import threading

from trailforward.pipeline.threads import Threads


def test_one_thread_serves_invocation_after_invocation() -> None:
    """Consecutive tasks run in the same thread, which has the name of its task."""
    threads, seen = Threads(), []
    for number in range(50):
        task = threads.run(lambda: seen.append(threading.current_thread()), f"sender-{number}")
        assert task.wait(600)
        assert seen[-1].name == f"sender-{number}"
    assert len(seen) == 50
    assert len(set(seen)) == 1


def test_concurrent_tasks_get_a_thread_each() -> None:
    """Concurrent tasks get separate threads."""
    threads, barrier = Threads(), threading.Barrier(3)

    def meet() -> None:
        barrier.wait(600)

    tasks = [threads.run(meet, "sender") for _ in range(3)]
    assert all(task.wait(600) for task in tasks)


def test_a_task_that_hangs_is_abandoned() -> None:
    """A wait ends when its time is up, and the next task runs in another thread."""
    threads, release = Threads(), threading.Event()

    def hang() -> None:
        release.wait(600)

    hanging = threads.run(hang, "hangs")
    assert not hanging.wait(0.01)
    assert threads.run(lambda: None, "sender").wait(600)
    release.set()
    assert hanging.wait(600)


def test_a_task_that_raises_ends() -> None:
    """A bug in a task is printed on standard error, and neither this task nor the next one hangs."""
    script = (
        "import threading\n"
        "from trailforward.pipeline.threads import Threads\n"
        "printed, hook = threading.Event(), threading.excepthook\n"
        "threading.excepthook = lambda args: (hook(args), printed.set())\n"
        "threads = Threads()\n"
        "assert threads.run(lambda: 1 / 0, 'sender-a').wait(600)\n"
        "assert threads.run(lambda: None, 'sender-b').wait(600)\n"
        "assert printed.wait(600)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "ZeroDivisionError" in done.stderr


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    """The process ends even if a task hangs."""
    script = (
        "import threading\n"
        "from trailforward.pipeline.threads import Threads\n"
        "Threads().run(threading.Event().wait, 'sender')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=600)
