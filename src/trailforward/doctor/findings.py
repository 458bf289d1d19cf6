"""Findings: the table of everything that the doctor can report. The table is ``findings.toml``.

To add a finding, add it to ``findings.toml``, and raise its code in ``delivery``: ``path.broken``,
``path.doubt`` or ``path.note`` where the event's path meets the problem, or ``delivery/path_warnings.py`` for
a warning.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    Attributes:
        code: the stable identifier: ``NO_TRAIL``.
        title: a few words, for headings.
        kind: ``ok``, ``break``, ``unknown``, ``warning`` or ``note``.
        severity: ``critical``, ``warn`` or ``info``.
        evidence: ``documented``, ``measured``, ``inferred`` or ``uncertain``.
        why: a template for one sentence that says what is wrong.
        fix: a template for what to do.
        source: URL of the page that states the fact.
    """

    code: str
    title: str
    kind: str
    severity: str
    evidence: str
    why: str
    fix: str
    source: str


@cache
def load_codes() -> dict[str, Code]:
    """All codes, in the order in which an event can meet them."""
    table = tomllib.loads(files(__package__).joinpath("findings.toml").read_text("utf-8"))
    return {code: Code(code, **row) for code, row in table.items()}
