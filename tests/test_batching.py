"""Batches: within every limit, in order, and as few as the order allows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward import Message, Origin
from trailforward.pipeline.batching import batches, message_batches


@given(
    st.lists(st.integers(0, 50)),
    st.integers(1, 10),
    st.integers(1, 100),
    st.integers(0, 20),
)
def test_batches(sizes: list[int], most: int, most_bytes: int, overhead: int) -> None:
    """Nothing is lost or moved, no limit is exceeded, and no batch has room for the next item."""
    made = list(batches(sizes, lambda size: size, most=most, most_bytes=most_bytes, overhead=overhead))
    assert [size for batch in made for size in batch] == sizes
    for batch in made:
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or overhead + sum(batch) <= most_bytes
    for batch, after in pairwise(made):
        assert len(batch) == most or overhead + sum(batch) + after[0] > most_bytes


@given(st.lists(st.integers(1, 10)), st.integers(1, 5), st.integers(10, 30))
def test_no_fewer_batches_are_possible(sizes: list[int], most: int, most_bytes: int) -> None:
    """No other way to batch in order needs fewer batches."""
    made = list(batches(sizes, lambda size: size, most=most, most_bytes=most_bytes))
    fewest = [0] * (len(sizes) + 1)
    for end in range(1, len(sizes) + 1):
        fits = [start for start in range(max(0, end - most), end) if sum(sizes[start:end]) <= most_bytes]
        fewest[end] = 1 + min(fewest[start] for start in fits)
    assert len(made) == fewest[-1]


def test_an_item_over_the_limit_is_alone() -> None:
    """An item that exceeds the limit gets a separate batch, and delays nothing."""
    made = list(batches([1, 99, 1], lambda size: size, most=10, most_bytes=5))
    assert made == [[1], [99], [1]]


def test_items_are_read_one_by_one() -> None:
    """A batch is yielded as soon as the next item does not fit, so the input may be endless."""
    endless = iter(lambda: 1, 0)
    assert next(batches(endless, lambda size: size, most=3, most_bytes=99)) == [1, 1, 1]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([2] * 10_000, [10_000]),
        ([2] * 10_001, [10_000, 1]),
        ([1_000_000] * 6, [6]),
        ([1_000_000] * 5 + [1_000_001], [5, 1]),
    ],
    ids=["10,000", "10,001", "6 MB", "over 6 MB"],
)
def test_the_pipeline_takes_what_a_payload_can_contain(sizes: list[int], expected: list[int]) -> None:
    """At most 10,000 messages and 6,000,000 bytes are processed at once."""
    texts = {size: bytes(size) for size in sizes}
    messages = (Message(texts[size], Origin("test")) for size in sizes)
    assert [len(batch) for batch in message_batches(messages)] == expected
