"""Settings from a table, as a configuration makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from trailforward.config.problems import validated

if TYPE_CHECKING:
    from trailforward.errors import Problem
    from trailforward.settings import Settings

S = TypeVar("S", bound="Settings")


def read(kind: type[S], table: dict[str, Any]) -> S:
    """The settings in a table that is right."""
    problems: list[Problem] = []
    made: S | None = validated(kind, table, "", problems)
    assert made is not None, problems
    return made
