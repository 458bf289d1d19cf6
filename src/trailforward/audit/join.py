"""Compares one part of both sides: which records did not arrive, were altered, or were never recorded?"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from trailforward.audit.units import FILE_SHIFT, INDEX_MASK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.audit.units import Row

#: Minutes in which a second record with the same ID counts as a repeat. CloudTrail repeats soon if ever. The
#: limit does not depend on the window, so that the totals of adjacent windows add up.
REPEAT_MINUTES = 60
#: Highest bit of a file's number on the delivered side: the event happened in the window.
IN_WINDOW = 1 << 31


class Joined(NamedTuple):
    """The comparison of one part.

    Attributes:
        repeats: file number to the records that repeat an earlier one.
        missing: references of records that did not arrive, without repeats.
        altered: references of a record and of the delivered event whose bytes differ.
        unrecorded: references of delivered events of the window that no log file contains.
        delivered: delivered events of the window, distinct.
        duplicates: further copies of these.
        compared: records whose bytes were compared.
    """

    repeats: dict[int, int]
    missing: list[int]
    altered: list[tuple[int, int]]
    unrecorded: list[int]
    delivered: int
    duplicates: int
    compared: int


def join(recorded: Row, delivered: Row, times: Sequence[int], since: int, until: int) -> Joined:
    """Compares the records of some keys with the delivered events of the same keys.

    Args:
        recorded: from log files, of the window and around it.
        delivered: from the delivered side.
        times: of delivery of each log file by its number, in minutes.
        since: the first minute of the window.
        until: the minute after the last one.
    """
    window = {number for number, time in enumerate(times) if since <= time < until}
    repeated = _repeats(recorded, times) if len(set(recorded.keys)) < len(recorded.keys) else set()
    repeats = Counter(ref >> FILE_SHIFT for ref in repeated if ref >> FILE_SHIFT in window)
    arrived = dict(zip(delivered.keys, range(len(delivered.keys)), strict=True))
    copies = _copies(delivered) if len(arrived) < len(delivered.keys) else {}
    missing, altered, compared = [], [], 0
    checks, refs, get = delivered.checks, delivered.refs, arrived.get
    for key, ref, check in zip(*recorded, strict=True):
        if ref >> FILE_SHIFT not in window or (repeated and ref in repeated):
            continue
        at = get(key)
        if at is None:
            missing.append(ref)
        elif check and checks[at]:
            compared += 1
            if check != checks[at]:
                altered.append((ref, refs[at]))
            elif copies and (other := _other(copies.get(key, ()), checks, check)) is not None:
                altered.append((ref, refs[other]))
    known = set(recorded.keys)
    inside = [(key, ref) for key, ref in zip(delivered.keys, refs, strict=True) if _inside(ref)]
    distinct = dict(reversed(inside))
    unrecorded = [ref for key, ref in distinct.items() if key not in known]
    return Joined(
        dict(repeats), missing, altered, unrecorded, len(distinct), len(inside) - len(distinct), compared
    )


def _repeats(recorded: Row, times: Sequence[int]) -> set[int]:
    """References of the records that follow another one with their ID within :data:`REPEAT_MINUTES`."""
    seen: dict[int, list[int]] = defaultdict(list)
    for key, ref in zip(recorded.keys, recorded.refs, strict=True):
        seen[key].append(ref)
    found = set()
    for refs in seen.values():
        if len(refs) > 1:
            refs.sort()  # files are numbered by time
            found |= {
                later
                for earlier, later in itertools.pairwise(refs)
                if times[later >> FILE_SHIFT] - times[earlier >> FILE_SHIFT] <= REPEAT_MINUTES
            }
    return found


def _copies(delivered: Row) -> dict[int, list[int]]:
    copies: dict[int, list[int]] = defaultdict(list)
    for at, key in enumerate(delivered.keys):
        copies[key].append(at)
    return {key: places for key, places in copies.items() if len(places) > 1}


def _other(places: Sequence[int], checks: Sequence[int], check: int) -> int | None:
    return next((at for at in places if checks[at] and checks[at] != check), None)


def _inside(ref: int) -> bool:
    return bool(ref >> FILE_SHIFT & IN_WINDOW)


def delivered_place(ref: int) -> tuple[int, int]:
    """Number of the file and index of a delivered event."""
    return ref >> FILE_SHIFT & (IN_WINDOW - 1), ref & INDEX_MASK
