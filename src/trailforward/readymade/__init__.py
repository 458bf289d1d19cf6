"""Ready-made routes: patterns that people want on day one, each with its reason and its tests.

They are data: ``routes.toml`` beside this file. Nothing is read before a name is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ReadyRoute:
    """One ready-made route.

    Attributes:
        name: what a configuration names with ``use``.
        title: what happened, in a few words.
        why: one sentence.
        pattern: the event pattern as JSON text.
        tests: as in ``[[routes.tests]]``.
    """

    name: str
    title: str
    why: str
    pattern: str
    tests: tuple[Mapping[str, Any], ...]


@cache
def everything() -> Mapping[str, ReadyRoute]:
    """All ready-made routes by name, in the order of the file."""
    import tomllib
    from pkgutil import get_data  # a tenth of importlib.resources

    text = get_data(__name__, "routes.toml") or b""
    tables = tomllib.loads(text.decode())["routes"]
    return {
        table["name"]: ReadyRoute(
            table["name"], table["title"], table["why"], table["pattern"].strip(), tuple(table["tests"])
        )
        for table in tables
    }


def load(name: str) -> ReadyRoute:
    """The ready-made route of this name.

    Raises:
        KeyError: there is none.
    """
    return everything()[name]
