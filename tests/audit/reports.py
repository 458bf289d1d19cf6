"""Results of audits for the tests of their reports."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.audit.test_audit import FAR, run
from tests.doctor.report.test_report_forms import HOSTILE
from tests.support.trail_bucket import ACCOUNT, START, TrailBucket, envelope, put_delivered, record
from trailforward.audit.digest_report import CODES, SPAN_STATES, DigestFinding, DigestReport, DigestSpan
from trailforward.audit.report import Result

if TYPE_CHECKING:
    from pathlib import Path

#: More than the doctor's: lines, table cells, C1 codes, half of a character, and what looks unknown.
ATTACK = f"a|b\n\n| c |\\|\x9b2J\u2028\ud800:smile: [red]x[/red] {{{{unknown y}}}} {HOSTILE}"
ARCHIVE = "<img src=x>|`a`_[b](c).ndjson"


def empty(**fields: Any) -> Result:
    """A result in which everything arrived, with some fields of another."""
    hour = START.strftime("%Y-%m-%dT%H:00Z")
    base = Result(
        since=START,
        until=START + timedelta(days=1),
        trail="trail",
        delivered_from="delivered",
        log_files=1,
        places={(ACCOUNT, "eu-west-1", hour): Counter(recorded=3, arrived=3)},
        delivered=3,
        duplicates=0,
        compared=3,
        altered=0,
        altered_examples=[],
        unrecorded=0,
        unrecorded_examples=[],
        unexpected=[],
        whys={},
        changes=[],
        problems=[],
        time=datetime(2026, 11, 28, tzinfo=UTC),
    )
    return replace(base, **fields)


def place(**counts: int) -> dict[tuple[str, str, str], Counter[str]]:
    """One place with some counts."""
    return {(ACCOUNT, "eu-west-1", f"{START:%Y-%m-%dT%H:00Z}"): Counter(counts)}


def digest_report(text: str = "x", codes: list[str] | None = None) -> DigestReport:
    """A report with a finding of each code, and a span of each state."""
    codes = list(CODES) if codes is None else codes
    found = DigestReport(digests=20, logs=10, unproven=1)
    found.findings = [DigestFinding(code, CODES[code][0], ACCOUNT, "eu-west-1", text, text) for code in codes]
    for number, state in enumerate(SPAN_STATES):
        start = START + timedelta(hours=3 * number)
        found.spans.append(DigestSpan(ACCOUNT, "eu-west-1", text, start, start + timedelta(hours=3), state))
    return found


def hostile_audit(folder: Path) -> Result:
    """An audit in which everything that an attacker can choose is an attack."""
    trail = TrailBucket(folder / "trail")
    fields = ("eventName", "eventSource", "errorCode", "userAgent", "awsRegion", "recipientAccountId")
    attack: dict[str, Any] = dict.fromkeys(fields, ATTACK)
    rule = {"eventSource": "events.amazonaws.com", "requestParameters": {"name": f"trailforward{ATTACK}"}}
    rule["userIdentity"] = {"arn": ATTACK}
    altered = record(5)
    trail.put(
        1,
        [
            record(1, **attack),
            record(2, eventID={ATTACK: [ATTACK]}, eventName=[ATTACK], eventTime=ATTACK, eventSource=None),
            record(3, eventName="x" * 100_000, eventSource=ATTACK),
            record(4, **attack | rule | {"eventName": "DisableRule", "awsRegion": "eu-west-1"}),
            altered,
        ],
    )
    broken = trail.put(2, ATTACK.encode("utf-8", "surrogatepass"))
    put_delivered(folder / "delivered", [record(5, userAgent=ATTACK)])
    forged = envelope(record(6, **attack))
    (folder / "delivered" / ARCHIVE).write_text(json.dumps(forged))
    result = run(folder, young=FAR)
    assert broken in result.problems[0]
    result.digests = digest_report(ATTACK)
    result.assumptions = [ATTACK]
    result.sink = result.trail = result.delivered_from = result.listed_in = ATTACK
    assert {result.totals["unexpected"], result.unrecorded, result.altered, len(result.changes)} >= {1}
    return result
