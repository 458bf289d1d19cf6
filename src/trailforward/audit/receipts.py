"""Compares one part of the receipts with the records of the log files."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit.fates import (
    ARRIVED,
    Judgement,
    combined,
    from_json,
    judge,
)
from trailforward.audit.join import IN_WINDOW, Joined, delivered_place, join
from trailforward.audit.places import open_place
from trailforward.audit.receipt_units import LINE_BITS, LINE_MASK, MOST_FATES, receipts_of, sink_hours
from trailforward.audit.units import FILE_SHIFT, INDEX_MASK, Row, read_head, read_part
from trailforward.audit.work import Altered, records_at
from trailforward.storage.ahead import read_ahead

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from trailforward.audit.fates import Fates
    from trailforward.audit.places import LogFile
    from trailforward.receipts.reader import Receipt

#: Classes that need the record: for its time, or for a line of ``--missing``.
_OPEN = frozenset({"dead_lettered", "envelope_mismatch", "partial"})


class Wanted(NamedTuple):
    """Which sinks count.

    Attributes:
        sink: the only one that counts; empty for all.
        sinks: names of all sinks, from the configuration; None if it is not known. Then a sink counts for the
            hours between the first and the last receipt that names it.
    """

    sink: str = ""
    sinks: tuple[str, ...] | None = None


class Compared(NamedTuple):
    """The comparison of one part.

    Attributes:
        joined: the comparison; ``missing`` are the records without any receipt.
        decided: file number, class, and reason to the number of records, where the receipts decide.
        open: references of further records that did not arrive.
        numbers: of the judgement of each of these.
        judgements: by their numbers.
    """

    joined: Joined
    decided: dict[tuple[int, str, str], int]
    open: array[int]
    numbers: array[int]
    judgements: list[Judgement]


class _Book:
    """The fates of the receipts in all units, as small numbers: states.

    Args:
        paths: of the units.
        wanted: which sinks count.
    """

    def __init__(self, paths: Sequence[Path], wanted: Wanted) -> None:
        self._wanted = wanted
        heads = [read_head(path) for path in paths]
        self._tables = [from_json(head["fates"]) for head in heads]
        hours = sorted((number, hour) for head in heads for number, hour in head["hours"])
        self._firsts, self._hours = [number for number, _ in hours], [hour for _, hour in hours]
        self._names = sink_hours(heads)
        self._expected: dict[str, frozenset[str]] = {}
        self._known: dict[tuple[Fates, frozenset[str]], int] = {}
        self._states: list[tuple[Fates, frozenset[str]]] = []
        self._pairs: dict[tuple[int, int], int] = {}
        self.judgements: list[Judgement] = []

    def state(self, unit: int, place: int) -> int:
        """The state of a receipt: the upper bits of its reference, in the unit of this number."""
        file, number = place // MOST_FATES, place % MOST_FATES
        hour = self._hours[bisect_right(self._firsts, file & (IN_WINDOW - 1)) - 1]
        return self._add(self._tables[unit][number], self._expected_in(hour))

    def combined(self, one: int, two: int) -> int:
        """The state of an event with two receipts."""
        found = self._pairs.get((one, two))
        if found is None:
            (fates, expected), (others, more) = self._states[one], self._states[two]
            found = self._pairs[one, two] = self._add(combined(fates, others), expected | more)
        return found

    def deliveries(self, states: Iterable[int]) -> int:
        """How often sinks that count accepted an event again, according to the states of its receipts."""
        counts = Counter(
            sink
            for state in states
            for sink in self._states[state][0].delivered
            if not self._wanted.sink or sink == self._wanted.sink
        )
        return counts.total() - len(counts)

    def _add(self, fates: Fates, expected: frozenset[str]) -> int:
        state = self._known.get((fates, expected))
        if state is None:
            state = self._known[fates, expected] = len(self._states)
            self._states.append((fates, expected))
            self.judgements.append(judge(fates, expected, self._wanted.sink))
        return state

    def _expected_in(self, hour: str) -> frozenset[str]:
        if self._wanted.sinks is not None:
            return self._expected.setdefault("", frozenset(self._wanted.sinks))
        if hour not in self._expected:
            self._expected[hour] = frozenset(
                name
                for name, (first, last) in self._names.items()
                if not (hour and first) or first <= hour <= last
            )
        return self._expected[hour]


@lru_cache(maxsize=1)
def _book(paths: tuple[Path, ...], wanted: Wanted) -> _Book:
    return _Book(paths, wanted)


def compare(  # as work.compare, and which sinks count
    part: int,
    trail: Sequence[Path],
    receipts: Sequence[Path],
    times: Sequence[int],
    window: tuple[int, int],
    wanted: Wanted,
) -> Compared:
    """Compares one part of all units: see :func:`trailforward.audit.work.compare`."""
    book, recorded = _book(tuple(receipts), wanted), read_part(trail, part)
    whole = Row(array("Q"), array("Q"), array("Q"))
    found: dict[int, int] = {}
    several: dict[int, list[int]] = {}
    for unit, path in enumerate(receipts):
        row = read_part([path], part)
        places = [ref >> LINE_BITS for ref in row.refs]
        states = {place: book.state(unit, place) for place in set(places)}
        listed = [states[place] for place in places]
        new = dict(zip(row.keys, listed, strict=True))
        if len(new) == len(listed) and found.keys().isdisjoint(new):
            found.update(new)
        else:
            _combine(book, found, several, zip(row.keys, listed, strict=True))
        for column, more in zip(whole, row, strict=True):
            column.extend(more)
    joined = join(recorded, whole, times, *window)
    judgements = book.judgements
    other = {state for state, judgement in enumerate(judgements) if judgement.name != ARRIVED}
    absent = {key: state for key, state in found.items() if state in other} if other else {}
    if several or absent:
        odd = absent.keys() | several.keys()
        events = compress(zip(whole.keys, whole.refs, strict=True), map(odd.__contains__, whole.keys))
        inside = {key for key, ref in events if ref >> FILE_SHIFT & IN_WINDOW}
        undelivered = sum(key in inside and not judgements[state].delivered for key, state in absent.items())
        again = sum(book.deliveries(states) for key, states in several.items() if key in inside)
        joined = joined._replace(delivered=joined.delivered - undelivered, duplicates=again)
    decided, refs, numbers = _absent(recorded, absent, judgements, times, window)
    return Compared(joined, decided, refs, numbers, judgements)


def _combine(
    book: _Book, found: dict[int, int], several: dict[int, list[int]], events: Iterable[tuple[int, int]]
) -> None:
    """Adds keys with states, some of which are known already, and notes all states of these."""
    for key, state in events:
        first = found.get(key)
        if first is None:
            found[key] = state
        else:
            found[key] = book.combined(first, state)
            several.setdefault(key, [first]).append(state)


def _absent(
    recorded: Row,
    absent: dict[int, int],
    judgements: Sequence[Judgement],
    times: Sequence[int],
    window: tuple[int, int],
) -> tuple[dict[tuple[int, str, str], int], array[int], array[int]]:
    """The records whose receipts say that they did not arrive everywhere, without repeats."""
    decided: Counter[tuple[int, str, str]] = Counter()
    refs, numbers = array("Q"), array("L")
    if absent:
        some = Row(array("Q"), array("Q"), array("Q"))
        chosen = bytes(map(absent.__contains__, recorded.keys))
        for column, values in zip(some, recorded, strict=True):
            column.extend(compress(values, chosen))
        states = dict(zip(some.refs, (absent[key] for key in some.keys), strict=True))
        for ref in join(some, Row(array("Q"), array("Q"), array("Q")), times, *window).missing:
            judgement = judgements[states[ref]]
            if judgement.name in _OPEN:
                refs.append(ref)
                numbers.append(states[ref])
            else:
                decided[ref >> FILE_SHIFT, judgement.name, judgement.why] += 1
    return dict(decided), refs, numbers


def describe_altered(
    trail: str,
    pairs: Sequence[tuple[int, int]],
    logs: Sequence[LogFile],
    files: Sequence[str],
) -> list[Altered]:
    """The records whose SHA-256 differs from that in the receipt, which does not say how they differ."""
    places = [(ref >> FILE_SHIFT, ref & INDEX_MASK) for ref, _ in pairs]
    values = records_at(trail, places, [log.key for log in logs])
    found = []
    for place, (_, other) in zip(places, pairs, strict=True):
        value = values.get(place)
        name = value.get("eventID") if isinstance(value, dict) else None
        found.append(Altered(None, str(name), logs[place[0]].key, files[delivered_place(other)[0]]))
    return found


def describe_unrecorded(location: str, refs: Sequence[int], files: Sequence[str]) -> list[dict[str, Any]]:
    """The events that have a receipt, and that no log file contains."""
    found = _at(location, refs, files)
    rows = []
    for ref in refs:
        number, _ = delivered_place(ref)
        one = found.get(ref)
        about = (one.id, one.account, one.region, one.time) if one is not None else ("", "", "", "")
        names = ("eventID", "recipientAccountId", "awsRegion", "eventTime")
        row: dict[str, Any] = {name: text or None for name, text in zip(names, about, strict=True)}
        place = {"file": files[number], "index": ref & INDEX_MASK & LINE_MASK}
        rows.append({**row, "eventSource": None, "eventName": None, **place})
    return rows


def _at(location: str, refs: Sequence[int], files: Sequence[str]) -> dict[int, Receipt]:
    """The receipts at some references."""
    wanted: dict[int, dict[int, int]] = {}
    for ref in refs:
        number, index = delivered_place(ref)
        wanted.setdefault(number, {})[index & LINE_MASK] = ref
    found = {}
    contents = read_ahead(open_place(location), (files[number] for number in wanted))
    for (number, indexes), content in zip(wanted.items(), contents, strict=True):
        for index, one in receipts_of(content(), [], files[number]):
            if index in indexes:
                found[indexes[index]] = one
    return found
