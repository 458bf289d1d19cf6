"""A batch that takes several calls: what became of each entry, whichever of the calls failed.

For destinations that cannot hold any batch in one call (an object per partition, a day per call).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.sinks.base import Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trailforward.sinks.base import Entry

    #: Entries of one call, each with its place in the batch.
    Part = Sequence[tuple[int, Entry]]


def send_parts(parts: Iterable[Part], send: Callable[[Part], list[Rejection]]) -> list[Rejection]:
    """Sends part after part. The refusal of one costs no other; after a passing one the rest waits.

    Args:
        parts: which make up the batch.
        send: one call; returns the entries it refused, by their place in the batch.

    Raises:
        SinkError: the first part was refused for now, so the rest can wait, too; or there is only one.
    """
    queue = list(parts)
    alone = len(queue) == 1
    tried = False
    refused: list[Rejection] = []
    while queue:
        part = queue.pop(0)
        try:
            refused += send(part)
        except TransientError as error:
            if not tried:
                raise
            refused += [_rejection(index, error) for rest in (part, *queue) for index, _ in rest]
            break
        except PermanentError as error:
            if alone:
                raise
            if error.divisible and len(part) > 1:
                middle = len(part) // 2
                queue[:0] = [part[:middle], part[middle:]]
            else:
                refused += [_rejection(index, error) for index, _ in part]
        tried = True
    return refused


def _rejection(index: int, error: SinkError) -> Rejection:
    words = error.message
    return Rejection(index, error.code, words, transient=isinstance(error, TransientError))
