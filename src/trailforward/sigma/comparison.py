"""Compares converted rules with the independent evaluation of the rules, over events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trailforward.sigma.evaluate import NotEvaluableError, evaluator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.sigma.conversion import Converted


@dataclass(slots=True)
class Compared:
    """One rule over all events.

    Attributes:
        converted: the rule with its patterns.
        by_rule: how many events the rule matches.
        by_route: how many events the patterns match.
        problem: why the rule cannot be evaluated; empty if it can.
    """

    converted: Converted
    by_rule: int = 0
    by_route: int = 0
    problem: str = ""
    _checks: list[Any] = field(default_factory=list)
    _patterns: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        """Prepares both sides."""
        self._patterns = self.converted.compiled()
        try:
            self._checks = [evaluator(condition) for condition in self.converted.rule.conditions]
        except NotEvaluableError as error:
            self.problem = f"cannot be evaluated: {error}"
        except Exception as error:  # noqa: BLE001  # regular expressions that RE2 does not know
            self.problem = f"cannot be evaluated: {error}"

    def differs(self, event: dict[str, Any]) -> str:
        """Says which side alone matches an event, an envelope; empty if the sides agree."""
        if self.problem:
            return ""
        by_rule = any(check(event["detail"]) for check in self._checks)
        by_route = self.converted.matches(event, self._patterns)
        self.by_rule += by_rule
        self.by_route += by_route
        if by_rule == by_route:
            return ""
        return "only the rule matches" if by_rule else "only the route matches"


def is_cloudtrail(event: dict[str, Any]) -> bool:
    """Whether an event is an envelope of CloudTrail, to which rules for CloudTrail apply."""
    return (
        isinstance(event.get("detail"), dict)
        and str(event.get("source")).startswith("aws.")
        and str(event.get("detail-type")).endswith(" via CloudTrail")
    )


def differences(compared: Sequence[Compared], event: dict[str, Any]) -> Iterator[tuple[Compared, str]]:
    """Each rule that disagrees with its route about an event, and which side matches."""
    for one in compared:
        text = one.differs(event)
        if text:
            yield one, text
