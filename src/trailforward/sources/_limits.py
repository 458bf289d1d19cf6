"""Limits of what sources unpack. Each is far above what AWS writes, and bounds what hostile input costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.message import Message

#: Maximum bytes that one byte of gzip may become. It is checked once the output exceeds
#: :data:`EXPANSION_FREE_BYTES`. CloudTrail log files have 10 to 30.
MAX_EXPANSION = 200
EXPANSION_FREE_BYTES = 4 * 1024 * 1024
#: Maximum gzip members in a file. AWS writes one.
MAX_GZIP_MEMBERS = 1_000
#: Maximum characters of one record, or of one other value in the file. CloudTrail's limit is at most 1 MB.
MAX_CHARACTERS = 2 * 1024 * 1024
#: Maximum top-level keys of a log file or of log subscription data. Digest files have about 20.
MAX_KEYS = 1_000
#: Maximum uncompressed bytes and log events of log subscription data: more than AWS ever sends.
MAX_LOG_DATA_BYTES = 32 * 1024 * 1024
MAX_LOG_EVENTS = 100_000
#: Maximum objects that one notification names. S3 names one, CloudTrail a few.
MAX_OBJECTS = 1_000
#: Maximum bytes of a line of NDJSON, and of a document that is held as a whole. A longer document is read
#: record by record.
MAX_LINE_BYTES = 8 * 1024 * 1024
#: Maximum containers in each other, such as a notification in a message in a list.
MAX_NESTING = 8
#: Maximum items of one container that are not events. If there are more, the container is refused.
MAX_BAD_ITEMS = 100
#: Bad items wait for a good one within this many bytes.
_HELD_BYTES = 1_000_000
#: Larger events are parsed again when they are needed, so that a batch holds few large parsed views.
KEPT_BYTES = 256 * 1024


def refuse_floods(messages: Iterable[Message], *, lenient: bool = False) -> Iterator[Message]:
    """Passes on the messages of one container, until too many of them are not events.

    Messages that are not events wait until an event follows. So a container that holds nothing else gets one
    refusal, and not one dead letter per item.

    Args:
        messages: of the container.
        lenient: whether as many bad items as events are allowed, however many these are.

    Raises:
        EventError: ``too_many_bad_items``, or whatever ``messages`` raised.
    """
    held: list[Message] = []
    size = bad = good = 0
    first = None
    try:
        for message in messages:
            if message.rejected:
                bad += 1
                first = first or message
                if bad > MAX_BAD_ITEMS and not (lenient and bad <= good):
                    held.clear()
                    raise _flood(first)
                held.append(message)
                size += len(message.raw)
                if size <= _HELD_BYTES and len(held) <= MAX_BAD_ITEMS:
                    continue
            else:
                good += 1
                held.append(message)
            yield from held
            held.clear()
            size = 0
    except EventError:
        yield from held
        raise
    yield from held


def _flood(first: Message) -> EventError:
    text = f"more than {MAX_BAD_ITEMS} items that are not events, the first at {first.origin.ref[-100:] or 0}"
    return EventError("too_many_bad_items", text)
