"""Batching: cuts messages and entries into as few batches as the limits allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trailforward.message import Message

T = TypeVar("T")

#: Maximum messages and bytes that the pipeline processes at once: what a Lambda payload can contain.
_MESSAGES = 10_000
_MESSAGE_BYTES = 6_000_000


def batches(
    items: Iterable[T], size: Callable[[T], int], *, most: int, most_bytes: int, overhead: int = 0
) -> Iterator[list[T]]:
    """Cuts items into batches, keeping their order.

    Args:
        items: in order. An item that is larger than a batch gets its own batch.
        size: bytes of an item.
        most: maximum items of a batch.
        most_bytes: maximum bytes of a batch, ``overhead`` included.
        overhead: bytes of an empty batch.

    Yields:
        Batches of at least one item.
    """
    batch: list[T] = []
    total = overhead
    for item in items:
        weight = size(item)
        if batch and (len(batch) == most or total + weight > most_bytes):
            yield batch
            batch, total = [], overhead
        batch.append(item)
        total += weight
    if batch:
        yield batch


def message_batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """Cuts messages into batches that the pipeline processes at once, keeping their order."""
    return batches(messages, lambda message: len(message.raw), most=_MESSAGES, most_bytes=_MESSAGE_BYTES)
