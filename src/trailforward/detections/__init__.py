"""Detections: event patterns shipped with trailforward, each with a description and tests.

They are data in ``detections.toml`` beside this file. The file is read when the first detection is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Detection:
    """One shipped event pattern.

    Attributes:
        name: what a route's ``use`` setting refers to.
        title: what happened, in a few words.
        why: why it matters, in one sentence.
        pattern: the event pattern as JSON text.
        tests: tables with the keys of ``[[routes.tests]]``.
    """

    name: str
    title: str
    why: str
    pattern: str
    tests: tuple[Mapping[str, Any], ...]


@cache
def load_all() -> Mapping[str, Detection]:
    """All detections by name, in the order of the file."""
    import tomllib
    from pkgutil import get_data  # a tenth of the import time of importlib.resources

    text = get_data(__name__, "detections.toml") or b""
    tables = tomllib.loads(text.decode())["detections"]
    return {
        table["name"]: Detection(
            table["name"], table["title"], table["why"], table["pattern"].strip(), tuple(table["tests"])
        )
        for table in tables
    }


def load(name: str) -> Detection:
    """The detection with this name.

    Raises:
        KeyError: no detection has this name.
    """
    return load_all()[name]
