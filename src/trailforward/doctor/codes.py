"""The table of findings: what each code means, in words. The table itself is ``codes.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Code:
    """One code.

    Attributes:
        code: ``NO_TRAIL``.
        kind: ``ok``, ``break``, ``unknown``, ``warning`` or ``note``.
        severity: ``critical``, ``warn`` or ``info``.
        evidence: ``documented``, ``measured``, ``inferred`` or ``uncertain``.
        why: a template of one sentence.
        fix: a template of what to do.
        source: where the fact stands.
    """

    code: str
    kind: str
    severity: str
    evidence: str
    why: str
    fix: str
    source: str


@cache
def load_codes() -> dict[str, Code]:
    """All codes, in the order in which a call meets them."""
    table = tomllib.loads(files(__package__).joinpath("codes.toml").read_text("utf-8"))
    return {code: Code(code, **row) for code, row in table.items()}
