"""Origin: where a resource is declared, in a file that a person can change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Origin(NamedTuple):
    """Where a resource is declared.

    Attributes:
        file: the path as the user gave it, or beside it.
        line: counted from 1.
        name: its logical ID in the file.
    """

    file: str
    line: int
    name: str


def origin_of(link: str, origins: Mapping[str, Origin]) -> Origin | None:
    """The origin of a link; a target is declared where its rule is.

    Args:
        link: see ``links``.
        origins: link to origin.
    """
    found = origins.get(link)
    if found is None and link.startswith("target:"):
        rule, _, _ = link.removeprefix("target:").rpartition("/")
        return origins.get(f"rule:{rule}")
    return found
