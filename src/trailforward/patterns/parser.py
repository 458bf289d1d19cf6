"""Validates a pattern in one pass over its text, left to right: the first problem met wins.

The grammar, the order of the checks and every text are the service's (recorded answers; Event Ruler's
strict compiler where nothing is recorded). ``$or`` is expanded on the way into combinations that know
only AND, so the later of two conditions on one path wins as it does there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from trailforward.patterns.condition_parser import MemberParser
from trailforward.patterns.invalid import InvalidPatternError
from trailforward.patterns.limits import Limits
from trailforward.patterns.operators import Condition
from trailforward.patterns.reader import Reader

#: Refused as a field name anywhere inside a branch of ``$or`` (Event Ruler).
RESERVED = frozenset(
    {
        *("exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard"),
        *("numeric", "cidr", "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    }
)

Rule = dict[str, Condition]


class Note(NamedTuple):
    """Something legal that deserves a lint.

    Attributes:
        code: ``repeated-path``, ``empty-key`` or ``trailing-text``.
        path: the path concerned.
    """

    code: str
    path: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A valid pattern.

    Attributes:
        text: the pattern text.
        rules: one or more combinations: each maps dotted paths to conditions that must all hold.
        notes: what the text shows and the rules no longer do.
    """

    text: str
    rules: tuple[Rule, ...]
    notes: tuple[Note, ...]


def parse(text: str, limits: Limits | None = None) -> Parsed:
    """Reads and validates a pattern.

    Args:
        text: JSON text.
        limits: other limits than the service's.

    Raises:
        InvalidPatternError: with the service's own reason and place.
    """
    limits = limits or Limits()
    if len(text) > limits.size:
        raise InvalidPatternError(f"Pattern has {len(text)} characters, more than {limits.size}")
    return _Parser(text, limits).parse()


@dataclass(slots=True)
class _Object:
    prefix: str | None
    in_branch: bool
    keys: int = 0


@dataclass(slots=True)
class _Choice:
    """An ``$or`` array being read: the combinations before it, and those of the branches so far."""

    prefix: str | None
    before: list[Rule]
    joined: list[Rule] = field(default_factory=list)
    branches: int = 0


class _Parser:
    """A stack instead of recursion: 4,096 characters nest deeper than Python's stack likes."""

    def __init__(self, text: str, limits: Limits) -> None:
        self.reader = Reader(text)
        self.members = MemberParser(self.reader)
        self.limits = limits
        self.rules: list[Rule] = [{}]
        self.stack: list[_Object | _Choice] = []
        self.notes: list[Note] = []
        self.combinations = 1

    def parse(self) -> Parsed:
        reader = self.reader
        if reader.next() != "{":
            raise reader.refusal("Filter is not an object")
        self.stack.append(_Object(None, in_branch=False))
        while self.stack:
            frame = self.stack[-1]
            kind = reader.next()
            if isinstance(frame, _Choice):
                self._branch(frame, kind)
            elif kind == "}":
                self._close(frame)
            else:
                self._entry(frame)
        self._check_sizes()
        if reader.text[reader.position :].strip(" \t\r\n"):
            self.notes.append(Note("trailing-text", ""))
        return Parsed(reader.text, tuple(self.rules), tuple(self.notes))

    def _entry(self, frame: _Object) -> None:
        reader, key = self.reader, self.reader.key
        frame.keys += 1
        if key == "$or":
            if reader.next() != "[":
                raise reader.refusal("It must be an Array followed with $or.")
            self.stack.append(_Choice(frame.prefix, self.rules))
            return
        if frame.in_branch and key in RESERVED:
            raise reader.refusal(f"{key} is Ruler reserved fieldName which cannot be used inside $or.")
        path = key if frame.prefix is None else f"{frame.prefix}.{key}"
        if not key:
            self.notes.append(Note("empty-key", path))
        kind = reader.next()
        if kind == "{":
            self.stack.append(_Object(path, frame.in_branch))
        elif kind == "[":
            self._write(path, self.members.condition())
        else:
            raise reader.refusal(f'"{key}" must be an object or an array')

    def _write(self, path: str, condition: Condition) -> None:
        if any(path in rule for rule in self.rules):
            self.notes.append(Note("repeated-path", path))
        for rule in self.rules:
            rule[path] = condition

    def _close(self, frame: _Object) -> None:
        if not frame.keys:
            raise self.reader.refusal("Empty objects are not allowed")
        self.stack.pop()
        if self.stack and isinstance(choice := self.stack[-1], _Choice):
            choice.joined += self.rules

    def _branch(self, choice: _Choice, kind: str) -> None:
        if kind == "{":
            choice.branches += 1
            # Too many combinations are refused at the end; until then they must not be held.
            too_many = len(choice.joined) + len(choice.before) > self.limits.combinations
            self.rules = [{}] if too_many else [dict(rule) for rule in choice.before]
            self.stack.append(_Object(choice.prefix, in_branch=True))
        elif kind == "]":
            if choice.branches < 2:  # noqa: PLR2004
                raise self.reader.refusal("There must have at least 2 Objects in $or relationship.")
            self.combinations *= choice.branches
            self.rules = choice.joined
            self.stack.pop()
        else:
            raise self.reader.refusal("Only JSON object is allowed in array of $or relationship.")

    def _check_sizes(self) -> None:
        if self.combinations > self.limits.combinations:
            raise InvalidPatternError(
                f"$or makes {self.combinations} combinations, more than {self.limits.combinations}"
            )
        paths = max(map(len, self.rules))
        if paths > self.limits.paths:
            raise InvalidPatternError(
                f"Size of rule exceeds max value of {self.limits.paths}: {paths} fields"
            )
