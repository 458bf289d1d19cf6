"""Path: one way that an event may take, as far as it comes. Paths are values: each step gives a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.doctor.index import PlacedRule, PlacedTarget


class Stage(IntEnum):
    """How far a path came before it broke, within one bus."""

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
class Flaw:
    """Something found at a link, not yet in words.

    Attributes:
        code: a code of ``codes.toml``.
        at: the link.
        facts: what its sentences name; a function is called when they are worded.
        severity: another than the table's, or None.
    """

    code: str
    at: str
    facts: Mapping[str, Any]
    severity: str | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """One way, so far.

    Attributes:
        links: the links it went through.
        hops: for each hop from bus to bus whether it stayed in its Region.
        doubts: links of which nobody can say that they hold, in order.
        notes: what the way rests on besides.
        rules: the rules it met, the last one perhaps in vain.
        targets: the targets it met, each with its rule.
        end: what broke it, or None.
        stage: where it broke.
    """

    links: tuple[str, ...] = ()
    hops: tuple[bool, ...] = ()
    doubts: tuple[Flaw, ...] = ()
    notes: tuple[Flaw, ...] = ()
    rules: tuple[PlacedRule, ...] = ()
    targets: tuple[tuple[PlacedRule, PlacedTarget], ...] = ()
    end: Flaw | None = None
    stage: Stage = Stage.NO_RULE

    @property
    def rank(self) -> tuple[int, int]:
        """How far it came, to be compared with others."""
        return len(self.hops), self.stage

    def to(self, link: str) -> Path:
        """One link further."""
        return replace(self, links=(*self.links, link))

    def to_rule(self, rule: PlacedRule) -> Path:
        """To a rule."""
        return replace(self, links=(*self.links, rule.link), rules=(*self.rules, rule))

    def to_target(self, rule: PlacedRule, target: PlacedTarget) -> Path:
        """To a target of the last rule."""
        return replace(self, links=(*self.links, target.link), targets=(*self.targets, (rule, target)))

    def hop(self, *, local: bool) -> Path:
        """From bus to bus."""
        return replace(self, hops=(*self.hops, local))

    def doubt(self, code: str, at: str, **facts: Any) -> Path:
        """The same way, with a link of which nobody can say that it holds."""
        return replace(self, doubts=(*self.doubts, Flaw(code, at, facts)))

    def note(self, code: str, at: str, **facts: Any) -> Path:
        """The same way, with something that it rests on."""
        return replace(self, notes=(*self.notes, Flaw(code, at, facts)))

    def broken(self, code: str, at: str, stage: Stage = Stage.NO_RULE, **facts: Any) -> Path:
        """The end of the way."""
        links = self.links if self.links[-1:] == (at,) else (*self.links, at)
        return replace(self, links=links, end=Flaw(code, at, facts), stage=stage)
