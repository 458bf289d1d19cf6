"""Sends a batch in several calls, for destinations that need one call per partition or per day.

The result names every rejected entry, whichever of the calls failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.errors import Cause, PermanentError, SinkError, TransientError
from trailforward.sinks.base import Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trailforward.sinks.base import Entry

    #: Entries of one call, each with its index in the batch.
    SubBatch = Sequence[tuple[int, Entry]]


def send_sub_batches(
    sub_batches: Iterable[SubBatch], send: Callable[[SubBatch], list[Rejection]]
) -> list[Rejection]:
    """Sends one sub-batch after another.

    After a permanent failure the other sub-batches are still sent. After a transient failure the remaining
    ones are rejected as transient without a call.

    Args:
        sub_batches: together they make up the batch.
        send: makes one call, and returns its rejections with their indexes in the batch.

    Raises:
        SinkError: nothing was sent: the first call failed with a transient error, or the only call failed.
    """
    queue = list(sub_batches)
    only_one = len(queue) == 1
    sent_any = False
    rejections: list[Rejection] = []
    while queue:
        sub_batch = queue.pop(0)
        try:
            rejections += send(sub_batch)
        except TransientError as error:
            if not sent_any:
                raise
            rejections += [_rejection(index, error) for rest in (sub_batch, *queue) for index, _ in rest]
            break
        except PermanentError as error:
            if only_one:
                raise
            if error.divisible and len(sub_batch) > 1:
                middle = len(sub_batch) // 2
                queue[:0] = [sub_batch[:middle], sub_batch[middle:]]
            else:
                rejections += [_rejection(index, error) for index, _ in sub_batch]
        sent_any = True
    return rejections


def _rejection(index: int, error: SinkError) -> Rejection:
    cause = error.cause if isinstance(error, PermanentError) else Cause.DESTINATION
    return Rejection(index, error.code, error.message, isinstance(error, TransientError), cause)
