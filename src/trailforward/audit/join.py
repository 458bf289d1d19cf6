"""Compares one part of both sides: which records did not arrive, were altered, or were never recorded?"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence  # noqa: TC003  # a field's type
from itertools import compress, pairwise
from operator import xor
from typing import TYPE_CHECKING, NamedTuple

from trailforward.audit.units import FILE_SHIFT, INDEX_MASK, sliced

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.audit.units import Row

#: Events of one side that are compared in one go: a set needs 100 bytes for each.
_SLICE_EVENTS = 30_000
#: Minutes in which a second record with the same ID counts as a repeat. CloudTrail repeats soon if ever. The
#: limit does not depend on the window, so that the totals of adjacent windows add up.
REPEAT_MINUTES = 60
#: Highest bit of a file's number on the delivered side: the event happened in the window.
IN_WINDOW = 1 << 31


class Joined(NamedTuple):
    """The comparison of one part.

    Attributes:
        repeats: file number to the records that repeat an earlier one.
        missing: references of records that did not arrive, without repeats, in ascending order.
        altered: references of a record and of the delivered event whose bytes differ.
        unrecorded: references of delivered events of the window that no log file contains.
        delivered: delivered events of the window, distinct.
        duplicates: further copies of these.
        compared: records whose bytes were compared.
    """

    repeats: dict[int, int]
    missing: array[int]
    altered: list[tuple[int, int]]
    unrecorded: array[int]
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
    slices = max(len(recorded.keys), len(delivered.keys)) // _SLICE_EVENTS | 1
    left, right = sliced(recorded, slices), sliced(delivered, slices)
    del recorded, delivered  # each slice is freed, too, when it is compared
    found = []
    while left:
        found.append(_joined(left.pop(), right.pop(), _Window(times, since, until)))
    if len(found) == 1:
        return found[0]
    repeats: Counter[int] = Counter()
    for one in found:
        repeats.update(one.repeats)
    return Joined(
        dict(repeats),
        array("Q", sorted(ref for one in found for ref in one.missing)),
        [pair for one in found for pair in one.altered],
        array("Q", sorted(ref for one in found for ref in one.unrecorded)),
        sum(one.delivered for one in found),
        sum(one.duplicates for one in found),
        sum(one.compared for one in found),
    )


def _joined(recorded: Row, delivered: Row, window: _Window) -> Joined:
    times, since, until = window
    keys, refs, checks = recorded
    known = set(keys)
    repeated = _repeats(recorded, times) if len(known) < len(keys) else set()
    repeats = Counter(ref >> FILE_SHIFT for ref in window.refs(repeated))
    exact = any(checks) and any(delivered.checks)
    # A key and its check in one number: what is the same on both sides needs no other test.
    same = set(map(xor, delivered.keys, delivered.checks) if exact else delivered.keys)
    marks = map(xor, keys, checks) if exact else keys
    odd = [
        at
        for at, mark in enumerate(marks)
        if mark not in same and since <= times[refs[at] >> FILE_SHIFT] < until and refs[at] not in repeated
    ]
    copies = _copies(delivered, {keys[at] for at in odd}) if exact else {}
    missing, altered = array("Q"), []
    for at in odd:
        if keys[at] not in copies:
            missing.append(refs[at])
        elif checks[at] and (other := _other(copies[keys[at]], checks[at])) is not None:
            altered.append((refs[at], other))
    arrived = set(delivered.keys) if exact else same
    if exact and len(delivered.keys) > len(arrived):
        altered += _altered_copies(recorded, delivered, window, repeated, {ref for ref, _ in altered})
    inside = [ref >> FILE_SHIFT & IN_WINDOW > 0 for ref in delivered.refs]
    distinct = len(arrived if all(inside) else set(compress(delivered.keys, inside)))
    lost = [at for at, key in enumerate(delivered.keys) if key not in known and inside[at]]
    return Joined(
        dict(repeats),
        array("Q", sorted(missing)),
        altered,
        array("Q", sorted({delivered.keys[at]: delivered.refs[at] for at in reversed(lost)}.values())),
        distinct,
        sum(inside) - distinct,
        _compared(recorded, delivered, window, repeated, len(missing)) if exact else 0,
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
                for earlier, later in pairwise(refs)
                if times[later >> FILE_SHIFT] - times[earlier >> FILE_SHIFT] <= REPEAT_MINUTES
            }
    return found


def _copies(delivered: Row, wanted: set[int]) -> dict[int, list[tuple[int, int]]]:
    """Check and reference of each copy of the events with some keys."""
    copies: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if wanted:
        for key, ref, check in zip(*delivered, strict=True):
            if key in wanted:
                copies[key].append((check, ref))
    return copies


def _other(copies: Iterable[tuple[int, int]], check: int) -> int | None:
    """The reference of a copy with other bytes."""
    return next((ref for other, ref in copies if other and other != check), None)


def _altered_copies(
    recorded: Row, delivered: Row, window: _Window, repeated: set[int], known: set[int]
) -> Iterator[tuple[int, int]]:
    """Records that arrived unchanged, and also as a copy with other bytes."""
    counts = Counter(delivered.keys)
    copies = _copies(delivered, {key for key, count in counts.items() if count > 1})
    for key, ref, check in zip(*recorded, strict=True):
        if key in copies and check and ref not in repeated and ref not in known and window.has(ref):
            other = _other(copies[key], check)
            if other is not None:
                yield ref, other


def _compared(recorded: Row, delivered: Row, window: _Window, repeated: set[int], missing: int) -> int:
    """The number of records whose bytes were compared."""
    if 0 not in recorded.checks and 0 not in delivered.checks:
        return len(window.refs(recorded.refs)) - len(window.refs(repeated)) - missing
    hashed = set(compress(delivered.keys, delivered.checks))
    refs = (
        ref
        for key, ref in compress(zip(recorded.keys, recorded.refs, strict=True), recorded.checks)
        if key in hashed and ref not in repeated
    )
    return len(window.refs(refs))


class _Window(NamedTuple):
    """The time of delivery of each log file, and those of the window: from ``since`` to before ``until``."""

    times: Sequence[int]
    since: int
    until: int

    def has(self, ref: int) -> bool:
        return self.since <= self.times[ref >> FILE_SHIFT] < self.until

    def refs(self, refs: Iterable[int]) -> list[int]:
        """The references to log files of the window."""
        times, since, until = self
        return [ref for ref in refs if since <= times[ref >> FILE_SHIFT] < until]


def delivered_place(ref: int) -> tuple[int, int]:
    """Number of the file and index of a delivered event."""
    return ref >> FILE_SHIFT & (IN_WINDOW - 1), ref & INDEX_MASK
