"""The survivors that are explained: changes that no test can or should notice."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("equivalent.toml")


class Change(NamedTuple):
    """What a mutant changes: the lines before and after, without blanks around them."""

    before: str
    after: str


def change(source: str, mutated: str) -> Change:
    """The lines that differ."""
    lines = difflib.ndiff(source.splitlines(), mutated.splitlines())
    found = [(line[:2], line[2:].strip()) for line in lines]
    return Change(
        " ".join(text for sign, text in found if sign == "- "),
        " ".join(text for sign, text in found if sign == "+ "),
    )


def explained() -> dict[tuple[str, Change], str]:
    """Module and change → the reason why the mutant may survive."""
    tables = tomllib.loads(FILE.read_text())["survivors"]
    return {(table["module"], Change(table["before"], table["after"])): table["reason"] for table in tables}
