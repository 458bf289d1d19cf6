"""Compares converted rules with the independent evaluation of the rules, over events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trailforward.sigma.evaluate import NotEvaluableError, Windows, evaluator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.message import Message
    from trailforward.sigma.conversion import Converted


@dataclass(slots=True)
class Compared:
    """One rule over all events.

    Attributes:
        converted: the rule with its patterns.
        by_rule: how many events the rule matches.
        by_route: how many events the patterns match.
        windows: the events of a rule that counts; None for other rules.
        messages: how many of the events the threshold of the route lets through.
        problem: why the rule cannot be evaluated; empty if it can.
    """

    converted: Converted
    by_rule: int = 0
    by_route: int = 0
    problem: str = ""
    windows: Windows | None = None
    messages: int = 0
    _checks: list[Any] = field(default_factory=list)
    _patterns: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        """Prepares both sides."""
        self._patterns = self.converted.compiled()
        counting = self.converted.rule.counting
        if counting is not None and self.converted.threshold is not None and self._patterns:
            self.windows = Windows(counting)
        try:
            self._checks = [evaluator(condition) for condition in self.converted.rule.conditions]
        except NotEvaluableError as error:
            self.problem = f"cannot be evaluated: {error}"
        except Exception as error:  # noqa: BLE001  # regular expressions that RE2 does not know
            self.problem = f"cannot be evaluated: {error}"

    def differs(self, event: dict[str, Any], name: str = "") -> str:
        """Says which side alone matches an event, an envelope; empty if the sides agree.

        Args:
            event: the envelope.
            name: stands for it in the windows of a rule that counts.
        """
        if self.problem:
            return ""
        by_rule = any(check(event["detail"]) for check in self._checks)
        by_route = self.converted.matches(event, self._patterns)
        self.by_rule += by_rule
        self.by_route += by_route
        if by_rule and self.windows is not None:
            self.windows.add(event["detail"], name)
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


class Comparison:
    """Rules and their routes over all events.

    Args:
        compared: the rules.
    """

    def __init__(self, compared: Sequence[Compared]) -> None:
        self.compared = compared
        self._counting = [one for one in compared if one.windows is not None and not one.problem]
        self._pipeline = None
        if self._counting:
            from trailforward.sigma.counted import Counted  # the whole pipeline

            self._pipeline = Counted([one.converted for one in self._counting])

    def add(self, message: Message) -> Iterator[tuple[Compared, str]]:
        """Yields each rule that disagrees with its route about an event, and which side matches."""
        event = message.event
        if self._pipeline is not None:
            self._pipeline.add(message)
        for one in self.compared:
            text = one.differs(event, message.origin.ref)
            if text:
                yield one, text

    def finish(self) -> Iterator[tuple[Compared, str, str]]:
        """Yields each rule that counts, an event about which its threshold disagrees with it, and how."""
        if self._pipeline is None:
            return
        self._pipeline.close()
        for one, sent in zip(self._counting, self._pipeline.sent, strict=True):
            one.messages = len(sent)
            if one.windows is not None:
                for name, was_sent in one.windows.compare(sent):
                    yield one, name, _SENT if was_sent else _NOT_SENT


_SENT = "the threshold of the route sends a message, but no window of the rule has enough events"
_NOT_SENT = "a window of the rule has enough events, but the threshold of the route sends no message about it"
