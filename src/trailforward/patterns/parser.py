"""Parses and validates a pattern in one pass from left to right, and reports the first problem.

The grammar, the order of checks, and all messages are EventBridge's (recorded responses; Event Ruler's strict
compiler where nothing is recorded). ``$or`` is expanded during parsing into combinations of conditions that
must all hold. As in EventBridge, the later of two conditions on one path wins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from trailforward.patterns.condition_parser import ConditionParser
from trailforward.patterns.invalid import InvalidPatternError
from trailforward.patterns.limits import Limits
from trailforward.patterns.operators import Condition
from trailforward.patterns.reader import Reader

#: Not allowed as a field name inside a branch of ``$or`` (Event Ruler).
RESERVED = frozenset(
    {
        *("exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard"),
        *("numeric", "cidr", "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    }
)

Rule = dict[str, Condition]


class ParserWarning(NamedTuple):
    """A valid but doubtful part of the pattern text, to be reported as a lint.

    Attributes:
        code: ``repeated-path``, ``empty-key`` or ``trailing-text``.
        path: the affected path.
    """

    code: str
    path: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed, valid pattern.

    Attributes:
        text: the pattern text.
        rules: one or more combinations. Each maps dotted paths to conditions that must all hold.
        warnings: doubtful parts of the text that the rules no longer show.
    """

    text: str
    rules: tuple[Rule, ...]
    warnings: tuple[ParserWarning, ...]


def parse(text: str, limits: Limits | None = None) -> Parsed:
    """Parses and validates a pattern.

    Args:
        text: JSON text.
        limits: the limits to apply; EventBridge's by default.

    Raises:
        InvalidPatternError: with EventBridge's reason and location.
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
    """An ``$or`` array during parsing: the combinations before it, and those of its branches so far."""

    prefix: str | None
    before: list[Rule]
    joined: list[Rule] = field(default_factory=list)
    branches: int = 0


class _Parser:
    """Uses a stack instead of recursion: 4,096 characters can nest deeper than Python's recursion limit."""

    def __init__(self, text: str, limits: Limits) -> None:
        self.reader = Reader(text)
        self.conditions = ConditionParser(self.reader)
        self.limits = limits
        self.rules: list[Rule] = [{}]
        self.stack: list[_Object | _Choice] = []
        self.warnings: list[ParserWarning] = []
        self.combinations = 1

    def parse(self) -> Parsed:
        reader = self.reader
        if reader.next() != "{":
            raise reader.error("Filter is not an object")
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
            self.warnings.append(ParserWarning("trailing-text", ""))
        return Parsed(reader.text, tuple(self.rules), tuple(self.warnings))

    def _entry(self, frame: _Object) -> None:
        reader, key = self.reader, self.reader.key
        frame.keys += 1
        if key == "$or":
            if reader.next() != "[":
                raise reader.error("It must be an Array followed with $or.")
            self.stack.append(_Choice(frame.prefix, self.rules))
            return
        if frame.in_branch and key in RESERVED:
            raise reader.error(f"{key} is Ruler reserved fieldName which cannot be used inside $or.")
        path = key if frame.prefix is None else f"{frame.prefix}.{key}"
        if not key:
            self.warnings.append(ParserWarning("empty-key", path))
        kind = reader.next()
        if kind == "{":
            self.stack.append(_Object(path, frame.in_branch))
        elif kind == "[":
            self._write(path, self.conditions.condition())
        else:
            raise reader.error(f'"{key}" must be an object or an array')

    def _write(self, path: str, condition: Condition) -> None:
        if any(path in rule for rule in self.rules):
            self.warnings.append(ParserWarning("repeated-path", path))
        for rule in self.rules:
            rule[path] = condition

    def _close(self, frame: _Object) -> None:
        if not frame.keys:
            raise self.reader.error("Empty objects are not allowed")
        self.stack.pop()
        if self.stack and isinstance(choice := self.stack[-1], _Choice):
            choice.joined += self.rules

    def _branch(self, choice: _Choice, kind: str) -> None:
        if kind == "{":
            choice.branches += 1
            # Too many combinations are rejected at the end. Until then, do not keep them in memory.
            too_many = len(choice.joined) + len(choice.before) > self.limits.combinations
            self.rules = [{}] if too_many else [dict(rule) for rule in choice.before]
            self.stack.append(_Object(choice.prefix, in_branch=True))
        elif kind == "]":
            if choice.branches < 2:  # noqa: PLR2004
                raise self.reader.error("There must have at least 2 Objects in $or relationship.")
            self.combinations *= choice.branches
            self.rules = choice.joined
            self.stack.pop()
        else:
            raise self.reader.error("Only JSON object is allowed in array of $or relationship.")

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
