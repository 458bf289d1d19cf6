"""What a check of digests found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_SECONDS = "%Y-%m-%dT%H:%M:%SZ"
#: Code to its severity and meaning. ``failed`` proves a change, ``unknown`` leaves something unproven, and
#: ``note`` needs no action.
CODES = {
    "LOG_MISSING": ("failed", "a digest names a log file that is not there"),
    "LOG_CHANGED": ("failed", "the text of a log file has another hash than in its digest"),
    "LOG_NOT_IN_DIGEST": ("failed", "a log file is in no digest, although digests cover its time"),
    "LOG_ELSEWHERE": ("unknown", "a digest names a log file in another bucket or above the location"),
    "LOG_UNREADABLE": ("unknown", "a log file could not be read"),
    "LOGS_UNPROVEN": ("unknown", "log files of a time without valid digests"),
    "LOGS_PENDING": ("note", "young log files, whose digest CloudTrail has not written yet"),
    "LOGS_OUTSIDE": ("note", "log files of folders that no digest names"),
    "DIGEST_DAMAGED": ("failed", "a digest cannot be parsed"),
    "DIGEST_UNSIGNED": ("failed", "a digest has no signature in its metadata"),
    "DIGEST_SIGNATURE": ("failed", "the signature of a digest does not fit"),
    "DIGEST_MOVED": ("failed", "a digest is not where CloudTrail wrote it"),
    "DIGEST_MISSING": ("failed", "a digest points to an earlier one that is not there"),
    "DIGEST_LINK": ("failed", "a digest does not fit the one that it points to"),
    "DIGEST_KEY": ("unknown", "the public key of a digest could not be found"),
    "DIGEST_UNREADABLE": ("unknown", "a digest could not be read"),
    "DIGEST_ELSEWHERE": ("unknown", "a digest points to an earlier one in another bucket or prefix"),
    "CHAIN_RESTARTED": ("unknown", "a chain of digests ended, and a new one began"),
    "CHAIN_GAP": ("unknown", "two digests that follow each other leave time between them"),
    "DIGESTS_START_LATE": ("unknown", "the digests begin after the window"),
    "DIGESTS_END_EARLY": ("unknown", "the newest digests are missing"),
    "NO_DIGESTS": ("unknown", "there are no digests"),
}


class DigestFinding(NamedTuple):
    """One statement about digests.

    Attributes:
        code: a key of :data:`CODES`.
        severity: ``failed``, ``unknown``, or ``note``.
        account: the account ID in the key; empty for the whole location.
        region: the Region in the key.
        key: of the file, below the location; empty if it is about several.
        text: a sentence.
    """

    code: str
    severity: str
    account: str
    region: str
    key: str
    text: str


#: State of a span to its meaning. ``failed`` and ``unknown`` are severities of digests that prove nothing.
SPAN_STATES = {
    "valid": "valid digests",
    "failed": "digests that fail the check",
    "unknown": "digests that could not be checked",
    "missing": "digests were deleted",
    "gap": "no digest covers this time",
    "restarted": "the chain ended, and a new one began",
    "none": "no digests",
    "pending": "CloudTrail has not written the digests yet",
}


class DigestSpan(NamedTuple):
    """A time in which the digests of a trail, account, and Region are in one state.

    Attributes:
        account: account ID.
        region: of the log files.
        trail: name of the trail; empty if there are no digests.
        start: of the time, by the delivery of log files.
        end: of the time.
        state: a key of :data:`SPAN_STATES`.
    """

    account: str
    region: str
    trail: str
    start: datetime
    end: datetime
    state: str


@dataclass
class DigestReport:
    """The result of :func:`trailforward.audit.digests.check_digests`.

    Attributes:
        findings: in the order of accounts and Regions.
        digests: valid digests.
        logs: log files of the window whose hashes fit.
        unproven: log files of the window for which nothing is proven.
        spans: the time that the digests of each trail, account, and Region cover, without a break.
    """

    findings: list[DigestFinding] = field(default_factory=list)
    digests: int = 0
    logs: int = 0
    unproven: int = 0
    spans: list[DigestSpan] = field(default_factory=list)

    def add(self, other: DigestReport) -> None:
        """Adds what was found about other accounts and Regions."""
        self.findings += other.findings
        self.digests += other.digests
        self.logs += other.logs
        self.unproven += other.unproven
        self.spans += other.spans

    @property
    def exit_code(self) -> int:
        """1 if something was changed, deleted, or added, else 2 if something is not proven, else 0."""
        found = {finding.severity for finding in self.findings}
        return 1 if "failed" in found else 2 if "unknown" in found else 0

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "digests": self.digests,
            "log_files": self.logs,
            "unproven_log_files": self.unproven,
            "findings": [finding._asdict() for finding in self.findings],
            "spans": [
                {**span._asdict(), "start": f"{span.start:{_SECONDS}}", "end": f"{span.end:{_SECONDS}}"}
                for span in self.spans
            ],
        }

    def proof(self, since: datetime, until: datetime) -> Iterator[str]:
        """Sentences on what is proven, and what is not."""
        window = f"from {since:%Y-%m-%dT%H:%MZ} to {until:%Y-%m-%dT%H:%MZ}"
        if self.exit_code == 0:
            yield (
                f"{self.digests:,} digests prove that the {self.logs:,} log files that CloudTrail delivered "
                f"{window} are complete and unchanged."
            )
        else:
            yield (
                f"{self.digests:,} valid digests prove that {self.logs:,} log files delivered {window} are "
                "unchanged. They do not prove that the log files are complete: see the findings."
            )
        yield "Digests do not prove that CloudTrail recorded every call."
