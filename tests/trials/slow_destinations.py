"""A thousand invocations against each of the worst receivers, over each client path, leave nothing behind.

    python -m tests.trials.slow_destinations [INVOCATIONS]

Prints threads, file descriptors, connections, and memory after a tenth of the invocations and after all.
Exits with 1 if one of them grew.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from tests.support.slow_destinations import WAYS, WORST, invoke

#: Bytes by which the memory may differ without being a leak.
_NOISE = 8 << 20
#: The main thread, and three times those of the sink: on a busy machine, some may still be ending.
_THREADS = 13
_SECONDS = 0.1
#: Pairs that run at once.
_AT_ONCE = 4


def main(count: int) -> int:
    """Runs all pairs, several at once, because they mostly wait; the exit status."""
    pairs = [(way, receiver) for receiver in WORST for way in WAYS]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        results = pool.map(lambda pair: _run(pair[0], pair[1], count), pairs)
        failed = 0
        for line, kept in results:
            failed += not kept
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    return 1 if failed else 0


def _run(way: str, receiver: str, count: int) -> tuple[str, bool]:
    """Runs a pair; the result as a line, and whether nothing grew."""
    first, last = invoke(way, WORST[receiver], count=count, seconds=_SECONDS)
    kept = (
        last["connections"] == 0
        and last["descriptors"] <= first["descriptors"]
        and last["threads"] <= _THREADS
        and last["memory"] - first["memory"] <= _NOISE
    )
    figures = ", ".join(
        f"{name} {before / 1e6:.1f} -> {last[name] / 1e6:.1f} MB"
        if name == "memory"
        else f"{name} {before} -> {last[name]}"
        for name, before in first.items()
    )
    return f"{'ok' if kept else 'GREW'}  {way}, {receiver}, {count} invocations: {figures}", kept


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))
