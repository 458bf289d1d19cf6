"""Reads many files of a store concurrently, a few ahead of the one that is being used."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trailforward.storage.store import Store

_THREADS = 16
#: Files ahead before the size of any is known, and at most.
_FIRST, _MOST = 4, 32
#: Bytes of the files ahead, if all are as large as the largest so far.
_BYTES = 64 * 1024 * 1024


def read_ahead(store: Store, keys: Iterable[str]) -> Iterator[Callable[[], bytes]]:
    """For each key, in order, a function that returns the bytes of its file, or raises ``StorageError``.

    Files of a bucket are requested by 16 threads, fewer if they are large. A folder is read when the function
    is called.
    """
    if not store.location.bucket:
        yield from (partial(store.read, key) for key in keys)
        return
    largest = 0

    def read(key: str) -> bytes:
        nonlocal largest
        data = store.read(key)
        largest = max(largest, len(data))
        return data

    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[Future[bytes]] = deque()
        try:
            for key in keys:
                waiting.append(pool.submit(read, key))
                while len(waiting) > (min(_MOST, max(1, _BYTES // largest)) if largest else _FIRST):
                    yield waiting.popleft().result
            while waiting:
                yield waiting.popleft().result
        finally:
            for future in waiting:
                future.cancel()
