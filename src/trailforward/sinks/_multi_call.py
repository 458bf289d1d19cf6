"""Sends a batch in several calls, for destinations that need one call per partition or per day.

The result names every rejected entry, whichever of the calls failed.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from trailforward.errors import Cause, PermanentError, SinkError, TransientError
from trailforward.sinks.base import Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trailforward.sinks.base import Entry

    #: Entries of one call, each with its index in the batch.
    SubBatch = Sequence[tuple[int, Entry]]


#: Calls that may be refused before the first acceptance; then the destination is not called any more.
MOST_REFUSED = 3


def send_sub_batches(
    sub_batches: Iterable[SubBatch], send: Callable[[SubBatch], list[Rejection]]
) -> list[Rejection]:
    """Sends one sub-batch after another.

    After a permanent failure the other sub-batches are still sent, until three calls were refused and nothing
    was accepted. After that, or after a transient failure, the remaining ones are rejected without a call.

    Args:
        sub_batches: together they make up the batch.
        send: makes one call, and returns its rejections with their indexes in the batch.

    Raises:
        SinkError: nothing was sent: the first call failed with a transient error, or the only call failed.
    """
    queue = deque(sub_batches)
    only_one = len(queue) == 1
    sent_any = accepted = False
    refused = 0
    rejections: list[Rejection] = []
    while queue:
        sub_batch = queue.popleft()
        try:
            found = send(sub_batch)
            rejections += found
            accepted = accepted or len(found) < len(sub_batch)
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
                queue.extendleft((sub_batch[middle:], sub_batch[:middle]))
            else:
                rejections += [_rejection(index, error) for index, _ in sub_batch]
                refused += 1
                if refused >= MOST_REFUSED and not accepted:
                    untried = PermanentError(error.code, error.message)  # whose fault it is, is not known
                    rejections += [_rejection(index, untried) for rest in queue for index, _ in rest]
                    break
        sent_any = True
    return rejections


def _rejection(index: int, error: SinkError) -> Rejection:
    if error.throttled:
        cause = Cause.THROTTLING
    else:
        cause = error.cause if isinstance(error, PermanentError) else Cause.DESTINATION
    return Rejection(index, error.code, error.message, isinstance(error, TransientError), cause)
