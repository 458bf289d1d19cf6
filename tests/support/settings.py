"""Creates settings from a table, as a configuration does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from trailforward.config.problems import validated

if TYPE_CHECKING:
    from trailforward.errors import Problem
    from trailforward.settings import Settings

S = TypeVar("S", bound="Settings")


def read(kind: type[S], table: dict[str, Any]) -> S:
    """The settings from a valid table."""
    problems: list[Problem] = []
    settings: S | None = validated(kind, table, "", problems)
    assert settings is not None, problems
    return settings
