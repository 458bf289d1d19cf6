"""Converts one rule: its patterns, how exact they are, and what they ask for in vain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from trailforward.patterns import OF_ROUTES, InvalidPatternError, Pattern
from trailforward.sigma.clauses import NotConvertibleError, Some
from trailforward.sigma.judge import Judgement, judge
from trailforward.sigma.packing import pack
from trailforward.sigma.thresholds import threshold
from trailforward.sigma.translate import Translator

if TYPE_CHECKING:
    from trailforward.sigma.rule import Rule
    from trailforward.sigma.thresholds import Threshold

Status = Literal["exact", "approximate"]


@dataclass(frozen=True, slots=True)
class Converted:
    """A rule as patterns.

    Attributes:
        rule: the rule.
        patterns: an event must match all of them: one or two; none if the rule contradicts itself.
        notes: how matches may differ from those of the rule; empty if they do not.
        judgement: what the rule asks for in vain.
        threshold: how many of these events must happen; None if one is enough.
    """

    rule: Rule
    patterns: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    judgement: Judgement
    threshold: Threshold | None = None

    @property
    def status(self) -> Status:
        """Whether the route does the same as the rule."""
        return "approximate" if self.notes else "exact"

    def matches(self, event: dict[str, Any], compiled: tuple[Pattern, ...] | None = None) -> bool:
        """Whether the patterns match an event, an envelope."""
        patterns = self.compiled() if compiled is None else compiled
        return bool(patterns) and all(pattern.matches(event) for pattern in patterns)

    def compiled(self) -> tuple[Pattern, ...]:
        """The patterns, ready to match."""
        return tuple(Pattern(pattern, limits=OF_ROUTES) for pattern in self.patterns)


def convert(rule: Rule) -> Converted:
    """Converts a rule.

    Raises:
        NotConvertibleError: the pattern language cannot express it; the text says why.
    """
    try:
        return _convert(rule, spellings=True)
    except InvalidPatternError:
        pass  # more spellings of a wildcard may be too complex, or too long
    try:
        return _convert(rule, spellings=False)
    except InvalidPatternError as error:
        raise NotConvertibleError(f"the pattern would be rejected: {error.reason}") from None


def _convert(rule: Rule, *, spellings: bool) -> Converted:
    translator = Translator(spellings=spellings)
    try:
        nodes = tuple(translator.node(condition) for condition in rule.conditions)
        patterns = pack(nodes[0] if len(nodes) == 1 else Some(nodes), translator.note)
        for pattern in patterns:
            _note_shared_arrays(Pattern(pattern, limits=OF_ROUTES), translator)
    except RecursionError:
        raise NotConvertibleError("its condition is nested too deeply") from None
    counted = threshold(rule.counting, translator.note) if rule.counting is not None else None
    return Converted(rule, tuple(patterns), tuple(translator.notes), judge(patterns), counted)


#: Path of a parameter in the envelope: ``detail``, ``requestParameters``, and its own names.
_BELOW_PARAMETERS = 3


def _note_shared_arrays(pattern: Pattern, translator: Translator) -> None:
    """Fields of one list: the pattern wants all conditions to hold in the same element."""
    for rule in pattern.rules:
        parents: dict[str, str] = {}
        for path in rule:
            steps = path.split(".")
            if steps[1:2] and steps[1] in _FREE and len(steps) > _BELOW_PARAMETERS:
                parent = ".".join(steps[1:_BELOW_PARAMETERS])
                if parent in parents:
                    translator.note(f"if {parent} is a list, one element must satisfy all conditions on it")
                parents[parent] = path


_FREE = {"requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "resources"}
