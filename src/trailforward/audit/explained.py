"""The explanations of an audit, added up. The records that are missing unexpectedly are kept in a file."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Rows(Sequence[dict[str, Any]]):
    """JSON objects in a temporary file, as a sequence."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the rows
        self._ends = array("Q", [0])

    def extend(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds objects."""
        self._file.seek(self._ends[-1])
        for row in rows:
            self._ends.append(self._ends[-1] + self._file.write(json.dumps(row).encode()))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        places = range(len(self))[index]
        return self._row(places) if isinstance(places, int) else [self._row(at) for at in places]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._row, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it is not constant

    def __del__(self) -> None:
        self._file.close()

    def _row(self, at: int) -> dict[str, Any]:
        self._file.seek(self._ends[at])
        row: dict[str, Any] = json.loads(self._file.read(self._ends[at + 1] - self._ends[at]))
        return row


class Explained:
    """What the explanations of all units say.

    Attributes:
        counts: number of a log file to its records by class.
        unexpected: what ``--missing`` lists.
        whys: class, account, Region, and reason to the number of records.
        problems: what could not be read.
    """

    def __init__(self) -> None:
        self.counts: dict[int, Counter[str]] = defaultdict(Counter)
        self.unexpected = Rows()
        self.whys: Counter[tuple[str, ...]] = Counter()
        self.problems: list[str] = []

    def add(self, unit: Mapping[str, Any]) -> None:
        """Adds what :func:`trailforward.audit.work.explain` wrote."""
        for number, found in unit["counts"].items():
            self.counts[int(number)].update(found)
        self.unexpected.extend(unit["unexpected"])
        for *key, count in unit["whys"]:
            self.whys[tuple(key)] += count
        self.problems += unit["problems"]
