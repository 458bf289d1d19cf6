"""DeliveryPath: one path that an event may take. Paths are immutable; each step returns a new one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.doctor.world.index import PlacedRule, PlacedTarget


class Stage(IntEnum):
    """How far a path got before it broke, within one bus."""

    NO_RULE = 0
    PATTERN = 1
    DISABLED = 2
    READ_ONLY = 3
    TARGET_KIND = 4
    HOP_LIMIT = 5
    ABSENT = 6
    ROLE = 7
    POLICY = 8


@dataclass(frozen=True, slots=True)
class RawFinding:
    """Something found at a link, before its texts are filled in.

    Attributes:
        code: a code in ``findings.toml``.
        at: the link.
        facts: the fields of the finding's templates; their text is computed when the templates are filled in.
        severity: overrides the table's severity, unless None.
    """

    code: str
    at: str
    facts: Mapping[str, Any]
    severity: str | None = None


class DeliveryPath(NamedTuple):
    """One path so far: a tuple, because a question makes dozens of them.

    Attributes:
        links: the links on the path.
        hops: for each hop between buses, whether it stayed in its Region.
        doubts: uncertain links, in order.
        notes: assumptions that the path relies on.
        rules: the rules on the path, the last of which may not have matched.
        targets: the targets on the path, each with its rule.
        end: what broke the path, or None.
        stage: at which stage it broke.
    """

    links: tuple[str, ...] = ()
    hops: tuple[bool, ...] = ()
    doubts: tuple[RawFinding, ...] = ()
    notes: tuple[RawFinding, ...] = ()
    rules: tuple[PlacedRule, ...] = ()
    targets: tuple[tuple[PlacedRule, PlacedTarget], ...] = ()
    end: RawFinding | None = None
    stage: Stage = Stage.NO_RULE

    @property
    def rank(self) -> tuple[int, int]:
        """How far the path got, for comparison with other paths."""
        return len(self.hops), self.stage

    def to(self, link: str) -> DeliveryPath:
        """The path with one more link."""
        return DeliveryPath((*self.links, link), *self[1:])

    def to_rule(self, rule: PlacedRule) -> DeliveryPath:
        """The path extended to a rule."""
        return self._replace(links=(*self.links, rule.link), rules=(*self.rules, rule))

    def to_target(self, rule: PlacedRule, target: PlacedTarget) -> DeliveryPath:
        """The path extended to a target of the last rule."""
        return self._replace(links=(*self.links, target.link), targets=(*self.targets, (rule, target)))

    def hop(self, *, local: bool) -> DeliveryPath:
        """The path after a hop between buses."""
        return self._replace(hops=(*self.hops, local))

    def doubt(self, code: str, at: str, **facts: Any) -> DeliveryPath:
        """The path with an uncertain link."""
        return self._replace(doubts=(*self.doubts, RawFinding(code, at, facts)))

    def note(self, code: str, at: str, **facts: Any) -> DeliveryPath:
        """The path with an assumption that it relies on."""
        return self._replace(notes=(*self.notes, RawFinding(code, at, facts)))

    def broken(self, code: str, at: str, stage: Stage = Stage.NO_RULE, **facts: Any) -> DeliveryPath:
        """The path, broken at a link."""
        links = self.links if self.links[-1:] == (at,) else (*self.links, at)
        return self._replace(links=links, end=RawFinding(code, at, facts), stage=stage)

    def then(self, more: DeliveryPath) -> DeliveryPath:
        """The path continued by another one, which begins at this one's last link, on the same bus."""
        return DeliveryPath(
            (*self.links, *more.links[1:]),
            self.hops,
            (*self.doubts, *more.doubts),
            (*self.notes, *more.notes),
            self.rules,
            self.targets,
            more.end,
            more.stage,
        )
