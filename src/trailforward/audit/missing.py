"""Which records did not arrive, log file by log file."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from trailforward.audit.units import FILE_SHIFT, INDEX_MASK, read_head, read_notes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from trailforward.audit.classes import Classifier
    from trailforward.audit.places import LogFile


#: Number of a log file, the file, and the indexes of some of its records.
Part = tuple[int, "LogFile", list[int]]
#: Records that a job explains, unless they are in one file.
_PORTION = 20_000


class Absent(NamedTuple):
    """The records of some log files that did not arrive.

    Attributes:
        work: number of a log file, the file, and the indexes of records in ascending order.
        reading: number of a log file to its further records, whose class is ``read_only``.
    """

    work: list[Part]
    reading: Counter[int]


def absent(
    path: Path,
    files: range,
    logs: Sequence[LogFile],
    parts: Sequence[Sequence[int]],
    classifier: Classifier,
    judged: Collection[int],
) -> Absent:
    """The records of one unit that did not arrive.

    Args:
        path: of the unit.
        files: numbers of its log files.
        logs: all log files.
        parts: references of the records that did not arrive, in ascending order.
        classifier: knows where reading events cannot arrive.
        judged: references of records that have receipts, which the classifier must see.
    """
    found: dict[int, list[int]] = {}
    for ref in sorted(ref for part in parts for ref in part[_span(part, files)]):
        found.setdefault(ref >> FILE_SHIFT, []).append(ref & INDEX_MASK)
    reading: Counter[int] = Counter()
    work = []
    notes = _notes(path) if found else {}
    for number, indexes in found.items():
        log = logs[number]
        rest = indexes
        note = notes.get(number, b"")
        if any(note) and classifier.only_reading(log.account, log.region):
            base = number << FILE_SHIFT
            rest = [at for at in indexes if not note[at] or base | at in judged]
            reading[number] = len(indexes) - len(rest)
        if rest:
            work.append((number, log, rest))
    return Absent(work, reading)


def portions(
    work: Sequence[tuple[int, LogFile, list[int]]],
) -> Iterator[list[tuple[int, LogFile, list[int]]]]:
    """The work in lists of files with about so many records that their explanations need little memory."""
    found: list[Part] = []
    records = 0
    for one in work:
        if found and records + len(one[2]) > _PORTION:
            yield found
            found, records = [], 0
        found.append(one)
        records += len(one[2])
    if found:
        yield found


def has_any(parts: Iterable[Sequence[int]], files: range) -> bool:
    """Whether there are references to some files."""
    return any(part[_span(part, files)] for part in parts)


def _span(part: Sequence[int], files: range) -> slice:
    """Where the references to some files are."""
    return slice(bisect_left(part, files.start << FILE_SHIFT), bisect_left(part, files.stop << FILE_SHIFT))


def _notes(path: Path) -> dict[int, bytes]:
    """The notes of each log file of a unit."""
    counts = read_head(path)["counts"]
    notes = read_notes(path)
    ends = list(accumulate(counts.values(), initial=0))
    return {int(number): notes[start:end] for number, start, end in zip(counts, ends, ends[1:], strict=False)}
