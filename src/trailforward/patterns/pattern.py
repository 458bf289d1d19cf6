"""Pattern: one event pattern with EventBridge's exact semantics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.patterns.complexity import check_complexity
from trailforward.patterns.dialects import check_dialect
from trailforward.patterns.invalid import InvalidPatternError
from trailforward.patterns.leaves import parsed_event
from trailforward.patterns.limits import Limits
from trailforward.patterns.matcher import compile_rule
from trailforward.patterns.parser import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trailforward.patterns.explain import Explanation
    from trailforward.patterns.index import PatternSet
    from trailforward.patterns.parser import Rule

_DEFAULTS = Limits()

#: Combinations that are tested one after the other, which is faster for so few.
_MOST_ALONE = 4


class Pattern:
    """An EventBridge event pattern.

    ::

        pattern = Pattern({"source": ["aws.iam"], "detail": {"eventName": [{"prefix": "Create"}]}})
        pattern.matches(event)

    Args:
        source: the pattern as JSON text or as a dict. Prefer the original text: a dict has lost repeated keys
            and the spelling of numbers, and error locations refer to the text generated from it.
        limits: the limits to apply; EventBridge's by default.
        dialect: where the pattern will run: ``rules`` (event buses), ``pipes``, or ``lambda-esm``.

    Raises:
        trailforward.errors.PatternError: EventBridge would reject the pattern; it is an
        :class:`InvalidPatternError`
            with ``reason``, ``line``, ``column`` and sometimes a ``hint``.
    """

    __slots__ = ("_checks", "_together", "dialect", "parsed")

    def __init__(
        self, source: str | Mapping[str, Any], *, limits: Limits = _DEFAULTS, dialect: str = "rules"
    ) -> None:
        self.parsed = parse(source if isinstance(source, str) else _to_text(source), limits)
        self.dialect = dialect
        check_dialect(dialect, self.parsed.rules)
        check_complexity(self.parsed.rules, limits.complexity)
        self._checks: tuple[Callable[[Any], bool], ...] = ()
        self._together: PatternSet | None = None

    @property
    def text(self) -> str:
        """The pattern as JSON text."""
        return self.parsed.text

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The combinations of ``$or`` (one without it), each a dict of dotted path to condition."""
        return self.parsed.rules

    @property
    def checks(self) -> tuple[Callable[[Any], bool], ...]:
        """For each of :attr:`rules`, a function that tests an event dict; compiled on first use."""
        if not self._checks:
            self._checks = tuple(compile_rule(rule) for rule in self.parsed.rules)
        return self._checks

    def matches(self, event: Any) -> bool:
        """Whether EventBridge would match the event.

        Args:
            event: a dict; JSON text or bytes; or a :class:`trailforward.message.Message`, parsed once.

        Returns:
            True if any combination holds. JSON that is not an object never matches.

        Raises:
            trailforward.errors.EventError: text or bytes are not JSON, or a message is not an event.
        """
        if not isinstance(event, dict):
            event = parsed_event(event)
            if not isinstance(event, dict):
                return False
        if len(self.parsed.rules) > _MOST_ALONE:
            return self._matches_together(event)
        for check in self._checks or self.checks:  # noqa: SIM110  # any() would create a generator on every call
            if check(event):
                return True
        return False

    def _matches_together(self, event: dict[str, Any]) -> bool:
        if self._together is None:
            from trailforward.patterns.index import PatternSet

            self._together = PatternSet({"": self})
        return bool(self._together.matching_positions(event))

    def explain(self, event: Any) -> Explanation:
        """Why an event matches or not, field by field. Contains values of the event: do not log it.

        Args:
            event: as for :meth:`matches`.

        Raises:
            trailforward.errors.EventError: as for :meth:`matches`.
        """
        from trailforward.patterns.explain import explain_rules

        event = parsed_event(event)
        return explain_rules(self.parsed.rules, self.checks, event)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pattern):
            return NotImplemented
        return (self.text, self.dialect) == (other.text, other.dialect)

    def __hash__(self) -> int:
        return hash((self.text, self.dialect))


def _to_text(source: Mapping[str, Any]) -> str:
    try:
        return json.dumps(
            source, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_mapping
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPatternError(f"not JSON: {error}") from None


def _mapping(value: Any) -> Any:
    try:
        return dict(value)
    except (TypeError, ValueError):
        raise TypeError(f"{type(value).__name__} cannot be written as JSON") from None
