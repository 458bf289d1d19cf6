"""Reads many files of a store concurrently, a few ahead of the one that is being used."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trailforward.storage.store import Store

_THREADS = 16


def read_ahead(store: Store, keys: Iterable[str]) -> Iterator[Callable[[], bytes]]:
    """For each key, in order, a function that returns the bytes of its file, or raises ``StorageError``.

    Files of a bucket are requested by 16 threads, and at most 32 files are in memory. A folder is read when
    the function is called.
    """
    if not store.location.bucket:
        for key in keys:
            yield lambda key=key: store.read(key)  # type: ignore[misc]  # bound at once
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting = deque()  # type: ignore[var-annotated]
        try:
            for key in keys:
                waiting.append(pool.submit(store.read, key))
                if len(waiting) > 2 * _THREADS:
                    yield waiting.popleft().result
            while waiting:
                yield waiting.popleft().result
        finally:
            for future in waiting:
                future.cancel()
