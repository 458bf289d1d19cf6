"""Cuts entries into as few batches as a destination's limits allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


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
