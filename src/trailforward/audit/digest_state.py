"""Keeps the checks of digests on disk, so that an audit that was stopped does not repeat them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from trailforward.audit.digest_report import DigestFinding, DigestReport, DigestSpan

if TYPE_CHECKING:
    from pathlib import Path

#: Findings that another attempt may not have.
_TEMPORARY = frozenset({"DIGEST_KEY", "DIGEST_UNREADABLE", "LOG_UNREADABLE"})


class KeptChecks:
    """The checks of accounts and Regions, one line each. A line that a crash cut off is checked again.

    Args:
        path: of the file.
        keys: a text that changes with the public keys.
    """

    def __init__(self, path: Path, keys: str) -> None:
        self._path = path
        self.keys = keys
        self._known: dict[str, Any] = {}
        try:
            lines = path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            lines = []
        for line in lines:
            try:
                found = json.loads(line)
                self._known[found["name"]] = found["report"]
            except (ValueError, TypeError, KeyError):
                continue

    def find(self, name: str) -> DigestReport | None:
        """The report of a check; None if it is to be made."""
        found = self._known.get(name)
        if found is None:
            return None
        spans = [
            DigestSpan(
                span[0],
                span[1],
                span[2],
                datetime.fromisoformat(span[3]),
                datetime.fromisoformat(span[4]),
                span[5],
            )
            for span in found["spans"]
        ]
        findings = [DigestFinding(*one) for one in found["findings"]]
        return DigestReport(findings, found["digests"], found["logs"], found["unproven"], spans)

    def keep(self, name: str, report: DigestReport) -> None:
        """Keeps a check, unless another attempt may succeed where it failed."""
        if any(one.code in _TEMPORARY for one in report.findings):
            return
        spans = [
            [*span[:3], span.start.isoformat(), span.end.isoformat(), span.state] for span in report.spans
        ]
        about = {"findings": report.findings, "digests": report.digests, "logs": report.logs}
        line = {"name": name, "report": {**about, "unproven": report.unproven, "spans": spans}}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            # The line before may have been cut off.
            start = b"\n" if file.tell() else b""
            file.write(start + json.dumps(line).encode() + b"\n")
