"""Reads receipts into units.

Each receipt's combination of fates has a number in its unit, which the index of its reference contains.
"""

from __future__ import annotations

from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from trailforward.audit.dated import hour_of
from trailforward.audit.fates import Fates, FateTable, as_json, fates_of
from trailforward.audit.join import IN_WINDOW
from trailforward.audit.places import open_place
from trailforward.audit.read import keys_of
from trailforward.audit.units import FILE_SHIFT, Unit
from trailforward.errors import EventError, StorageError
from trailforward.receipts import reader
from trailforward.storage.ahead import read_ahead

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from trailforward.audit.work import Numbered
    from trailforward.receipts.reader import Receipt

#: Bits of an index that count the receipts of a file, below the number of their fates.
LINE_BITS = 22
LINE_MASK = (1 << LINE_BITS) - 1
#: Combinations of fates in a unit.
MOST_FATES = 1 << (FILE_SHIFT - LINE_BITS)
#: Ways to write fates that are remembered.
_MOST_TEXTS = 4 * MOST_FATES
#: Names of sinks in a unit, for their times.
_MOST_NAMES = 1_000
#: Digits of a SHA-256 that are compared.
_DIGITS = 16

_NOTHING = msgspec.Raw(b"")
_INVALID = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Short(msgspec.Struct, gc=False):
    """A receipt whose fates are not parsed: most receipts have the same few."""

    id: str
    t: str = ""
    a: str = ""
    r: str = ""
    h: str = ""
    d: msgspec.Raw = _NOTHING
    f: msgspec.Raw = _NOTHING
    x: msgspec.Raw = _NOTHING


_decoder = msgspec.json.Decoder(_Short)


class Scope(NamedTuple):
    """Which events can be unrecorded: those of log files that the audit reads.

    Attributes:
        since: the first ``eventTime``.
        until: the one after the last.
        accounts: IDs; if empty, all.
        regions: if empty, all.
    """

    since: str
    until: str
    accounts: Collection[str] = ()
    regions: Collection[str] = ()

    def inside(self, rows: Iterable[_Short]) -> list[bool]:
        """Whether each event is one of these."""
        since, until, accounts, regions = self
        if not (accounts or regions):
            return [since <= one.t < until for one in rows]
        return [
            since <= one.t < until
            and (not accounts or one.a in accounts)
            and (not regions or one.r in regions)
            for one in rows
        ]


def read_receipts(location: str, files: Sequence[Numbered], parts: int, path: Path, scope: Scope) -> None:
    """Reads files of receipts into a unit.

    Args:
        location: of the receipts.
        files: to read.
        parts: number of parts.
        path: of the unit.
        scope: which events can be unrecorded.
    """
    reading = _Reading(Unit(parts), scope)
    contents = read_ahead(open_place(location), (file.key for file in files))
    for file, content in zip(files, contents, strict=True):
        try:
            reading.read(file, content())
        except (StorageError, EventError) as error:
            reading.problems.append(f"{file.key}: {error}")
    reading.save(path)


class _Reading:
    """Collects the receipts of a unit.

    Args:
        unit: for the events.
        scope: which events can be unrecorded.

    Attributes:
        problems: what could not be read.
    """

    def __init__(self, unit: Unit, scope: Scope) -> None:
        self.problems: list[str] = []
        self._unit, self._scope = unit, scope
        self._table = FateTable(MOST_FATES)
        self._empty = self._table.number(Fates())
        self._numbers: dict[bytes, int] = {}
        self._names = SinkHours()
        #: Number of each file whose hour differs from that of the file before, with the hour.
        self._hours: list[tuple[int, str]] = []
        self._hashed = False
        self._count = 0

    def read(self, file: Numbered, data: bytes) -> None:
        """Reads a file.

        Raises:
            EventError: it is damaged, contains only other things, or has too many receipts.
        """
        hour = hour_of(file.key)
        if not self._hours or self._hours[-1][1] != hour:
            self._hours.append((file.number, hour))
        used: set[int] = set()
        start = bad = empty = 0
        reason = ""
        try:
            for block in reader.blocks(data):
                rows, failed, why = _rows(block)
                numbers, unclear = self._numbered(rows)
                if unclear:
                    kept = [at for at, number in enumerate(numbers) if number is not None]
                    rows = [rows[at] for at in kept]
                bad, reason = bad + failed + unclear, reason or why
                empty += numbers.count(self._empty)
                if start + len(rows) > LINE_MASK:
                    text = f"it has more than {LINE_MASK:,} receipts: split the file"
                    raise EventError("too_many", text)
                known = [number for number in numbers if number is not None]
                self._add(file.number, start, rows, known)
                used.update(known)
                start += len(rows)
                self._count += len(rows)
        finally:
            for number in used:
                self._names.add(self._table.rows[number].sinks, hour)
        if problem := _problem(start, empty, bad, reason):
            self.problems.append(f"{file.key}: {problem}")

    def save(self, path: Path) -> None:
        """Writes the unit."""
        about = {"fates": as_json(self._table.rows), "hours": self._hours, "sinks": self._names.found}
        more = {"hashed": self._hashed, "receipts": self._count, "problems": self.problems}
        self._unit.save(path, {**about, **more})

    def _add(self, file: int, start: int, rows: Sequence[_Short], numbers: Sequence[int]) -> None:
        outside, inside = file << FILE_SHIFT, (file | IN_WINDOW) << FILE_SHIFT
        refs = [
            (inside if within else outside) | number << LINE_BITS | at
            for at, (within, number) in enumerate(zip(self._scope.inside(rows), numbers, strict=True), start)
        ]
        checks = array("Q", bytes(8 * len(rows)))
        if any(one.h for one in rows):
            self._hashed = True
            checks = array("Q", [_check(one.h) for one in rows])
        self._unit.extend(keys_of([one.id for one in rows]), refs, checks)

    def _numbered(self, rows: Sequence[_Short]) -> tuple[list[int | None], int]:
        """The number of each receipt's fates, None if it has none or they are invalid; and how many are."""
        # A line has no line break inside, so the text is unique.
        texts = [b"\n".join((one.d, one.f, one.x)) for one in rows]
        numbers = {text: self._number(text) for text in set(texts)}
        found = [numbers[text] for text in texts]
        return found, found.count(None)

    def _number(self, text: bytes) -> int | None:
        number = self._numbers.get(text)
        if number is None:
            keys = zip(("d", "f", "x"), text.split(b"\n"), strict=True)
            try:
                line = "".join(f',"{key}":{value.decode()}' for key, value in keys if value)
                (one,) = reader.decoded(f'{{"id":""{line}}}'.encode())
            except (EventError, UnicodeDecodeError):
                return None
            number = self._table.number(fates_of(one))
            if len(self._numbers) < _MOST_TEXTS:
                self._numbers[text] = number
        return number


def _rows(block: bytes) -> tuple[list[_Short], int, str]:
    """The receipts in some lines, how many lines are something else, and what is wrong."""
    if b'"detail"' not in block:  # or else it may contain events
        with suppress(*_INVALID):
            return _decoder.decode_lines(block), 0, ""
    found, failed = [], 0
    for line in block.split(b"\n"):
        try:
            some = _decoder.decode_lines(line)
        except _INVALID:
            failed += 1
            continue
        event = b'"detail"' in line and not any(one.d or one.f or one.x for one in some)
        found += [] if event else some
        failed += event
    return found, failed, "it contains lines that are not receipts"


def _problem(receipts: int, empty: int, bad: int, reason: str) -> str:
    # check-sinks writes one receipt without fates. Many are something else.
    if (receipts == empty and receipts + bad > 1) or (bad and not receipts):
        reason = reason or "it contains objects without a fate"
        raise EventError("not_a_receipt", f"{reason}. For events instead of receipts, use --delivered")
    return f"{bad:,} lines of {receipts + bad:,} are not receipts" if bad else ""


def receipts_of(data: bytes, problems: list[str], name: str) -> Iterator[tuple[int, Receipt]]:
    """The receipts of a file with their indexes. Lines that are not receipts become one problem.

    Args:
        data: of the file.
        problems: gets a sentence if lines are not receipts.
        name: of the file.

    Raises:
        EventError: the file is damaged, or contains only other things.
    """
    index = empty = bad = 0
    reason = ""
    for block in reader.blocks(data):
        try:
            found = reader.decoded(block)
        except EventError as error:
            reason = str(error)
            found = []
            for line in block.split(b"\n"):
                try:
                    found += reader.decoded(line)
                except EventError:
                    bad += 1
        for one in found:
            empty += not reader.has_fates(one)
            yield index, one
            index += 1
    if problem := _problem(index, empty, bad, reason):
        problems.append(f"{name}: {problem}")


def _check(sha256: str) -> int:
    """What is compared of a SHA-256 in hex; 0 if it is something else."""
    try:
        return int(sha256[:_DIGITS], 16)
    except ValueError:
        return 0


class SinkHours:
    """From which hour to which one receipts name each sink.

    Attributes:
        found: name → first and last hour, empty if receipts without an hour name it.
    """

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def add(self, sinks: Iterable[str], hour: str) -> None:
        """Notes that receipts of an hour name some sinks. Without an hour, they count for all."""
        for sink in sinks:
            first, last = self.found.get(sink, (hour, hour))
            if sink in self.found or len(self.found) < _MOST_NAMES:
                self.found[sink] = [min(first, hour), max(last, hour)] if hour and first else ["", ""]


def sink_hours(heads: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """The sinks that receipts name, with their first and last hour, from the heads of units."""
    names = SinkHours()
    for head in heads:
        for sink, hours in head["sinks"].items():
            for hour in hours:
                names.add([sink], hour)
    return names.found
