"""The cost of auditing a day."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.audit.steps.lister import GROUP_BYTES, GROUP_FILES
from trailforward.audit.steps.lister import PART_EVENTS_PER_MB as LISTED_PER_MB
from trailforward.audit.units import MAX_PARTS
from trailforward.pricing import load_prices
from trailforward.pricing.audit import (
    CHILD_BYTES,
    CHILD_FILES,
    MEMORY,
    MOST_PARTS,
    PART_EVENTS_PER_MB,
    STATES,
    WAYS,
    audit_bill,
    children,
    memory,
    requests,
)
from trailforward.pricing.audit_capacity import audit_capacity
from trailforward.pricing.audit_volume import DELIVERED, AuditPlan, volume

ROOT = Path(__file__).parents[2]
PRICES = load_prices()
#: So many events that each of 10 pairs has a log file every five minutes: 2,880 files.
BUSY = AuditPlan(10_000_000, regions=5, accounts=2, event_bytes=1_266)

plans = st.builds(
    AuditPlan,
    events_per_day=st.floats(1, 1e11),
    regions=st.integers(1, 40),
    accounts=st.integers(1, 5_000),
    event_bytes=st.integers(1, 262_144),
    delivered=st.sampled_from(DELIVERED),
    log_files=st.one_of(st.just(0.0), st.floats(1, 1e9)),
    digests=st.booleans(),
    kms=st.booleans(),
    architecture=st.sampled_from(["arm64", "x86_64"]),
)


def test_log_files_come_every_five_minutes_where_something_happens() -> None:
    """Busy pairs have 288 files a day, quiet ones a file for each event, and large ones split at 50 MB."""
    assert volume(BUSY).log_files == pytest.approx(2_880)
    assert volume(replace(BUSY, events_per_day=3)).log_files == pytest.approx(3, rel=0.01)
    assert volume(replace(BUSY, events_per_day=1e12)).log_files == pytest.approx(1e12 * 1_266 / 50e6)
    assert volume(replace(BUSY, log_files=77)).log_files == 77


def test_small_files_compress_less() -> None:
    """The measured points are met: 284 bytes for each of 5 records in a file, 120 for each of 2,900."""
    for records, size in ((1, 284), (5, 284), (20, 168), (500, 122), (2_900, 120), (100_000, 120)):
        plan = replace(BUSY, log_files=BUSY.events_per_day / records)
        assert volume(plan).log_bytes == pytest.approx(BUSY.events_per_day * size)


def test_requests_by_hand() -> None:
    """Keys of three days for each pair and four folders for each account are listed; files are read once."""
    read = volume(BUSY)
    assert read.delivered_files == 288  # Firehose, 10 M receipts of 25 bytes: 250 MB
    assert read.listings == pytest.approx(3 * 10 + 4 * 2 + (2_880 + 288) / 1_000)
    assert requests(BUSY, read) == pytest.approx(2_880 + 288)
    # Of each pair 24 digests; the log files again, for their hashes.
    assert requests(replace(BUSY, digests=True), read) == pytest.approx(2 * 2_880 + 288 + 240)
    costs = {
        item.name: item.cost.low for item in audit_bill(replace(BUSY, kms=True), "command", PRICES).items
    }
    assert costs["read"] == pytest.approx(3_168 * 0.40 / 1e6)
    assert costs["decrypt"] == pytest.approx(3_168 * 3.00 / 1e6)
    assert costs["list"] == pytest.approx(41.168 * 5.00 / 1e6)


def test_the_state_machine_is_as_the_bill_assumes() -> None:
    """Batches, parts, and memory of the model are those of sam/audit.yaml and of its functions."""
    template = (ROOT / "sam" / "audit.yaml").read_text()
    groups = int(re.findall(r"GroupsPerChild:\n    Type: Number\n    Default: ([0-9]+)", template)[0])
    assert (groups * GROUP_FILES, groups * GROUP_BYTES) == (CHILD_FILES, CHILD_BYTES)
    assert (PART_EVENTS_PER_MB, MOST_PARTS) == (LISTED_PER_MB, MAX_PARTS)
    assert (
        f"assert execution.transitions == {STATES} + "
        in (ROOT / "tests" / "audit" / "steps" / "test_audit_steps.py").read_text()
    )
    assert f"Default: {MEMORY[0]}\n    MinValue: 512\n    MaxValue: {MEMORY[-1]}" in template


def test_child_executions_by_hand() -> None:
    """A child reads 1,000 files or 80 MB; parts are a power of two that fits into the memory."""
    assert children(BUSY, volume(BUSY)) == {
        "log batches": 15,  # 10 M x 121 bytes = 1.2 GB / 84 MB
        "delivered batches": 3,  # 250 MB / 84 MB
        "parts": 16,  # 10 M / (600 x 1,769) = 9.4
        "batches to explain": 15,
    }
    large = replace(BUSY, events_per_day=1e10, accounts=2_000)
    assert memory(large, volume(large)) == 5_120
    assert children(large, volume(large))["parts"] == 4_096


@given(plans)
def test_more_work_never_costs_less(plan: AuditPlan) -> None:
    """Step Functions cost at least the requests; digests, KMS, and more log files only add."""
    command, steps = (audit_bill(plan, way, PRICES).per_day.high for way in WAYS)
    assert 0 < command <= steps
    assert steps <= audit_bill(replace(plan, digests=True, kms=True), "steps", PRICES).per_day.high
    files = volume(plan).log_files
    more = replace(plan, log_files=2 * files)
    assert command <= audit_bill(more, "command", PRICES).per_day.high
    for use in audit_capacity(plan):
        assert use.need > 0
        assert use.source.startswith("https://")


def test_the_tables_in_the_documentation() -> None:
    """The costs and quotas in docs/audit.md are those that the command prints."""
    text = (ROOT / "docs" / "audit.md").read_text()
    for events, accounts in ((1e6, 10), (1e8, 1_000), (1e10, 10_000)):
        plan = AuditPlan(events, accounts=accounts)
        archive = replace(plan, delivered="archive-firehose")
        row = [
            f"{events / 1e6:,.0f} M",
            f"{accounts:,}",
            f"{volume(plan).log_files:,.0f}",
            *(str(audit_bill(one, way, PRICES).per_day) for one in (plan, archive) for way in WAYS),
            str(audit_bill(replace(plan, digests=True), "command", PRICES).per_day),
        ]
        assert f"| {' | '.join(row)} |" in text
        uses = audit_capacity(plan)
        quotas = [
            f"{events / 1e6:,.0f} M",
            f"{memory(plan, volume(plan)):,} MB",
            f"{children(plan, volume(plan))['parts']:,}",
            *(
                f"{next(use.share for use in uses if name in use.quota):.1%}"
                for name in ("items", "S3: GETs/s", "Lambda: concurrency", "express child", "index")
            ),
        ]
        assert f"| {' | '.join(quotas)} |" in text
