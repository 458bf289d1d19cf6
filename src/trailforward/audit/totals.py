"""What the comparisons of all parts found, without holding all of it in memory."""

from __future__ import annotations

import heapq
import mmap
import tempfile
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from trailforward.audit.join import Joined

#: Altered and unrecorded events that are described; all of them are counted.
DESCRIBED = 100


class Totals(NamedTuple):
    """The comparison of all parts.

    Attributes:
        missing: references of records that did not arrive, in ascending order; a sequence for each part. They
            are in a file.
        repeats: file number to the records that repeat an earlier one.
        altered: the first references of a record and of the delivered event whose bytes differ.
        unrecorded: the first references of delivered events of the window that no log file contains.
        sums: numbers by name: ``altered``, ``unrecorded``, ``delivered``, ``duplicates``, ``compared``.
    """

    missing: list[Sequence[int]]
    repeats: Counter[int]
    altered: list[tuple[int, int]]
    unrecorded: list[int]
    sums: Counter[str]


def add_up(parts: Iterable[Joined], folder: Path) -> Totals:
    """Adds up the comparisons, one after another.

    Args:
        parts: the comparisons.
        folder: for a temporary file.
    """
    found = Totals([], Counter(), [], [], Counter())
    ends = [0]
    with tempfile.TemporaryFile(dir=folder) as file:
        for part in parts:
            part.missing.tofile(file)
            ends.append(ends[-1] + len(part.missing))
            found.repeats.update(part.repeats)
            found.altered[:] = heapq.nsmallest(DESCRIBED, [*found.altered, *part.altered])
            found.unrecorded[:] = heapq.nsmallest(DESCRIBED, [*found.unrecorded, *part.unrecorded])
            found.sums.update(
                altered=len(part.altered),
                unrecorded=len(part.unrecorded),
                delivered=part.delivered,
                duplicates=part.duplicates,
                compared=part.compared,
            )
        if ends[-1]:
            file.flush()
            whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)).cast("Q")
            found.missing.extend(whole[start:end] for start, end in pairwise(ends))
    return found
