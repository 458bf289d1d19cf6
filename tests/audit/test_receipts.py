"""The audit of receipts: every fate, however its receipts are spread, and what they prove."""

from __future__ import annotations

import gzip
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.depth import examples
from tests.support.receipt_files import put_receipts, receipts
from tests.support.trail_bucket import START, TrailBucket, dumps, envelope, put_delivered, record
from trailforward.audit import run
from trailforward.audit.classes import CLASSES, Classifier
from trailforward.audit.fates import Fates, FateTable, combined, fates_of, judge
from trailforward.audit.places import AuditError
from trailforward.audit.report import render
from trailforward.audit.rules import Rules
from trailforward.receipts.reader import Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trailforward.audit.report import Result

FAR = "2027-01-01T00:00:00Z"
DONE = {"siem": "delivered", "chat": "f:no_route"}


def audit(folder: Path, *, state: str = "state", young: str = FAR, **options: Any) -> Result:
    """Audits the folders ``trail`` and ``receipts``."""
    routed, start = options.pop("routed", None), START + timedelta(days=options.pop("day", 0))
    trail, told = str(folder / "trail"), str(folder / "receipts")
    wanted = run.Audit(trail, told, start, start + timedelta(days=1), receipts=True, **options)
    return run.audit(
        wanted,
        lambda changes: Classifier(Rules(None, changes), young, routed),
        folder / state,
        lambda *_: None,
        1,
    )


def classes(result: Result) -> dict[str, int]:
    """The records that did not arrive, by class."""
    return {name: count for name, count in result.totals.items() if name in CLASSES}


CASES: list[tuple[Mapping[str, str], str, list[str]]] = [
    (DONE, "", []),
    ({"siem": "delivered", "chat": "delivered"}, "", []),
    ({"siem": "f:no_route", "chat": "f:no_route"}, "no_route", []),
    ({"siem": "f:self", "chat": "f:self"}, "self", []),
    ({"siem": "f:canary", "chat": "f:canary"}, "canary", []),
    ({"siem": "f:dropped", "chat": "f:no_route"}, "dropped", []),
    ({"siem": "f:no_route", "chat": "f:below_severity"}, "below_severity", []),
    ({"siem": "f:no_route", "chat": "f:suppressed"}, "suppressed", []),
    ({"siem": "f:below_threshold", "chat": "f:no_route"}, "below_threshold", []),
    ({"siem": "f:no_route", "chat": "f:old_alert"}, "old_alert", []),
    ({"siem": "f:no_route", "chat": "f:moon_phase"}, "filtered", []),
    ({"siem": "x:InvalidArgument", "chat": "f:no_route"}, "dead_lettered", ["siem"]),
    ({"siem": "x:InvalidArgument", "chat": "delivered"}, "dead_lettered", ["siem"]),
    ({"siem": "x:envelope_mismatch", "chat": "x:envelope_mismatch"}, "envelope_mismatch", ["chat", "siem"]),
    ({"siem": "delivered"}, "partial", ["chat"]),
    ({"chat": "f:no_route"}, "partial", ["siem"]),
]


@pytest.mark.parametrize(("fates", "name", "sinks"), CASES)
def test_each_fate_has_its_class(
    tmp_path: Path, fates: Mapping[str, str], name: str, sinks: list[str]
) -> None:
    """What happened to an event names its class, and the sinks that need it are listed."""
    TrailBucket(tmp_path / "trail").put(10, [record(1), record(2)])
    put_receipts(tmp_path / "receipts", [(record(1), DONE), (record(2), fates)])
    result = audit(tmp_path)
    assert classes(result) == ({name: 1} if name else {})
    assert [row["sinks"] for row in result.unexpected] == ([sinks] if sinks else [])
    assert [row["class"] for row in result.unexpected] == ([name] if sinks else [])
    assert result.exit_code == (1 if sinks else 2 if name == "filtered" else 0)
    assert result.totals["arrived"] == (1 if name else 2)
    assert result.delivered == 1 + ("delivered" in fates.values())
    assert not result.problems
    if name:
        (why,) = {why for found, _, _, why in result.whys if found == name} or {""}
        assert all(text.partition(":")[2] in why for text in fates.values() if text.startswith("x"))
    for form in ("terminal", "json", "markdown"):
        assert (
            CLASSES[name or "partial"][1] in " ".join(render(result, form).split())
            or form == "json"
            or not name
        )


def test_an_event_without_receipts_is_missing_at_the_sinks_that_it_is_routed_to(tmp_path: Path) -> None:
    """Without a receipt, the usual classes apply, and the configuration names the sinks."""
    TrailBucket(tmp_path / "trail").put(10, [record(1), record(2), record(3, readOnly=True)])
    put_receipts(tmp_path / "receipts", [(record(1), DONE)])
    result = audit(tmp_path, routed=lambda _: {"siem"}, sinks=("siem", "chat"))
    assert classes(result) == {"unexpected": 1, "read_only": 1}
    assert result.unexpected[0]["sinks"] == ["siem"]
    assert audit(tmp_path, state="two", young="2026-11-26").totals["pending"] == 1


def test_a_young_event_without_an_outcome_at_a_sink_is_pending(tmp_path: Path) -> None:
    """The retry queue may still deliver a young event; a dead letter does not become better with time."""
    TrailBucket(tmp_path / "trail").put(10, [record(1), record(2), record(3)])
    told = [(record(1), DONE), (record(2), {"siem": "delivered"}), (record(3), {**DONE, "siem": "x:Odd"})]
    put_receipts(tmp_path / "receipts", told)
    assert classes(audit(tmp_path, young="2026-11-26")) == {"pending": 1, "dead_lettered": 1}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_receipts_of_one_event_are_combined(
    tmp_path: Path, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event has arrived when its receipts together say so, in whichever files they are."""
    monkeypatch.setattr(run, "UNIT_FILES", 1)
    TrailBucket(tmp_path / "trail").put(10, [record(1), record(2), record(3)])
    first = [(record(1), {"siem": "x:Odd"}), (record(2), {"chat": "f:no_route"}), (record(3), DONE)]
    second = [(record(1), {"chat": "delivered"}), (record(2), {"siem": "x:Odd"})]
    third = [(record(1), {"siem": "delivered"}), (record(2), {"siem": "f:dropped"})]
    for hour, which in enumerate(order):
        put_receipts(tmp_path / "receipts", (first, second, third)[which], hour=f"2026/11/26/0{hour}")
    result = audit(tmp_path, sinks=("siem", "chat"), routed=lambda _: {"siem", "chat"})
    assert classes(result) == {"dropped": 1}
    assert (result.totals["arrived"], result.delivered, result.duplicates) == (2, 2, 0)


def test_an_event_that_a_sink_accepted_twice_is_a_duplicate(tmp_path: Path) -> None:
    """Only a second delivery to the same sink is a copy; receipts of different sinks are not."""
    TrailBucket(tmp_path / "trail").put(10, [record(1), record(2)])
    for number in range(3):
        told = [(record(1), {"siem": "delivered", "chat": "delivered"})]
        told += [(record(2), {("siem", "chat", "chat")[number]: "delivered"})]
        put_receipts(tmp_path / "receipts", told, hour=f"2026/11/26/0{number}")
    assert audit(tmp_path).duplicates == 5
    assert audit(tmp_path, state="two", sink="siem").duplicates == 2


def test_hashes_show_changed_bytes(tmp_path: Path) -> None:
    """With SHA-256, a record whose bytes arrived differently is altered; without it, nothing is compared."""
    TrailBucket(tmp_path / "trail").put(10, [record(1), record(2)])
    changed = record(2, sourceIPAddress="192.0.2.1")
    put_receipts(tmp_path / "receipts", [(record(1), DONE), (changed, DONE)], sha256=True)
    result = audit(tmp_path)
    assert (result.compared, result.altered) == (2, 1)
    assert result.altered_examples[0].event_id == record(2)["eventID"]
    assert result.altered_examples[0].differs is None
    assert "another SHA-256" in render(result, "terminal")
    for path in (tmp_path / "receipts").rglob("*.gz"):
        path.unlink()
    put_receipts(tmp_path / "receipts", [(record(1), DONE), (changed, DONE)])
    plain = audit(tmp_path, state="two")
    assert (plain.compared, plain.altered) == (0, 0)
    assert "bytes of the events were not compared" in render(plain, "terminal")


def test_receipts_of_events_that_no_log_file_contains_are_listed(tmp_path: Path) -> None:
    """A forged event has receipts, whatever its fate; one of another account or day does not count."""
    TrailBucket(tmp_path / "trail").put(10, [record(1)])
    other = record(4, recipientAccountId="123456789012")
    told = [
        (record(1), DONE),
        (record(2), DONE),
        (record(3), {"siem": "x:envelope_mismatch", "chat": "f:self"}),
    ]
    put_receipts(tmp_path / "receipts", [*told, (other, DONE), (record(5000), DONE)])
    result = audit(tmp_path, accounts=("111122223333",))
    assert result.unrecorded == 2
    assert {row["eventID"] for row in result.unrecorded_examples} == {record(n)["eventID"] for n in (2, 3)}


def test_a_sink_counts_for_the_hours_in_which_receipts_name_it(tmp_path: Path) -> None:
    """A sink that was added later is not missing before, unless the configuration or ``--sink`` names it."""
    TrailBucket(tmp_path / "trail").put(10, [record(number) for number in range(6)])
    for hour in range(6):
        fates = DONE if hour in {2, 4} else {"siem": "delivered"}
        put_receipts(tmp_path / "receipts", [(record(hour), fates)], hour=f"2026/11/26/{hour:02}")
    assert [row["eventID"] for row in audit(tmp_path).unexpected] == [record(3)["eventID"]]
    known: dict[str, Any] = {"sinks": ("siem", "chat"), "routed": lambda _: {"siem", "chat"}}
    assert classes(audit(tmp_path, state="two", **known)) == {"partial": 4}
    # What no route sends to a sink is not missing there.
    assert not classes(audit(tmp_path, state="three", sinks=("siem", "chat"), routed=lambda _: {"siem"}))
    assert classes(audit(tmp_path, state="four", sink="chat")) == {"partial": 4, "no_route": 2}
    with pytest.raises(AuditError, match="--sink seim: the receipts name the sinks chat, siem"):
        audit(tmp_path, state="five", sink="seim")


def test_more_codes_than_numbers_do_not_change_the_result(tmp_path: Path) -> None:
    """Thousands of different codes of a hostile destination keep their class, and use bounded memory."""
    count = 3_000
    TrailBucket(tmp_path / "trail").put(10, [record(number) for number in range(count)])
    told = [(record(number), {"siem": f"x:E{number}", "chat": "delivered"}) for number in range(count)]
    put_receipts(tmp_path / "receipts", told)
    result = audit(tmp_path)
    assert classes(result) == {"dead_lettered": count}
    assert len({row["why"] for row in result.unexpected}) < 1_024


def test_sinks_beyond_all_limits_are_undetermined_not_explained() -> None:
    """A table that is full gives number 0, and such an event counts as undetermined."""
    table = FateTable(16)
    numbers = [table.number(Fates(delivered=(f"sink-{number}",))) for number in range(100)]
    assert len(table.rows) == 16
    assert max(numbers) == 15
    assert numbers[-1] == 0
    assert judge(table.rows[0], (), "").name == "undetermined"
    assert fates_of(Receipt("e", delivered=["x" * 1_000])).unclear
    assert fates_of(Receipt("e", delivered=[f"s{number}" for number in range(101)])).unclear


_SOME = st.builds(
    lambda d, f, x: fates_of(Receipt("e", delivered=d, filtered=f, dead_lettered=x)),
    st.lists(st.sampled_from("abc"), max_size=3),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["no_route", "dropped", "odd"]), max_size=3),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["Odd", "envelope_mismatch"]), max_size=3),
)


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(_SOME, min_size=1, max_size=4), st.sampled_from(["", "a"]))
def test_another_receipt_never_makes_an_event_less_delivered(some: list[Fates], sink: str) -> None:
    """Fates do not depend on how receipts are grouped, and a delivery is never forgotten."""
    whole = Fates()
    for one in some:
        whole = combined(whole, one)
    right = some[-1]
    for one in reversed(some[:-1]):
        right = combined(one, right)
    right = combined(Fates(), right)
    assert (whole.delivered, whole.sinks) == (right.delivered, right.sinks)
    assert set(whole.delivered) == {name for one in some for name in one.delivered}
    assert len(whole.delivered) + len(whole.filtered) + len(whole.dead) == len(whole.sinks)
    judgement = judge(whole, "abc", sink)
    accepted = {*whole.delivered, *(name for name, _ in whole.filtered)}
    if judgement.name == "arrived":
        assert accepted >= ({sink} if sink else set("abc"))
        assert whole.delivered


@pytest.mark.parametrize("layout", ["plain", "firehose", "hive", "date", "folder"])
def test_receipts_are_read_in_every_layout(tmp_path: Path, layout: str) -> None:
    """Objects of the pipeline, files of Firehose of several records, and a folder: with gzip or without."""
    TrailBucket(tmp_path / "trail").put(10, [record(number) for number in range(4)])
    parts = [receipts([(record(number), DONE) for number in pair]) for pair in ((0, 1), (2, 3))]
    name, data = {
        "plain": ("2026/11/26/00/a.ndjson", b"".join(parts)),
        "firehose": ("x/2026/11/26/00/s-1-2026-11-26-00-10-00-id.gz", b"".join(map(gzip.compress, parts))),
        "hive": ("year=2026/month=11/day=26/hour=00/s", b"".join(parts)),
        "date": ("date=2026-11-26/s.gz", gzip.compress(b"".join(parts))),
        "folder": ("all.ndjson", b"".join(parts)),
    }[layout]
    path = tmp_path / "receipts" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    result = audit(tmp_path)
    assert (result.totals["arrived"], result.exit_code) == (4, 0)


def test_late_receipts_are_read_only_if_something_is_missing(tmp_path: Path) -> None:
    """Files are chosen by the dates in their keys; those of later weeks may be of repairs."""
    day = -700  # 2024-12-26
    trail = TrailBucket(tmp_path / "trail")
    events = [record(1440 * day + number) for number in range(2)]
    trail.put(1440 * day + 10, events[:1])
    put_receipts(tmp_path / "receipts", [(events[0], DONE)], hour="2024/12/26/00")
    for other in ("2023/12/26/00", "2024/12/20/00", "2025/01/20/00"):
        path = tmp_path / "receipts" / other / "broken.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\x1f\x8bbroken")
    result = audit(tmp_path, day=day)
    assert (result.exit_code, result.problems) == (0, [])
    trail.put(1440 * day + 11, events[1:])
    result = audit(tmp_path, day=day, state="two")
    assert classes(result) == {"unexpected": 1}
    assert [text.partition(":")[0] for text in result.problems] == ["2025/01/20/00/broken.gz"]
    put_receipts(tmp_path / "receipts", [(events[1], DONE)], hour="2025/02/01/00")
    assert not classes(audit(tmp_path, day=day, state="three"))


def test_a_wrong_place_says_what_is_there(tmp_path: Path) -> None:
    """Without receipts of the days, the error names the folders; events instead of receipts are refused."""
    TrailBucket(tmp_path / "trail").put(10, [record(1)])
    put_receipts(tmp_path / "receipts", [(record(1), DONE)], hour="2024/01/01/00")
    with pytest.raises(AuditError, match=r"no receipts from 2026-11-25 on; it has the folders 2024/\."):
        audit(tmp_path)
    put_delivered(tmp_path / "receipts", [record(1)])
    with pytest.raises(AuditError, match=r"no receipts\. .* For events instead of receipts, use --delivered"):
        audit(tmp_path)


def test_damaged_lines_do_not_hide_the_others(tmp_path: Path) -> None:
    """Lines that are not receipts are counted as a problem, and the receipts around them count."""
    TrailBucket(tmp_path / "trail").put(10, [record(number) for number in range(4)])
    lines = receipts([(record(number), DONE) for number in range(4)]).splitlines(keepends=True)
    bad = [b"{\n", dumps(envelope(record(9))).encode() + b"\n", b'{"id":5,"d":["a"]}\n']
    # check-sinks writes receipts without fates.
    lines[0] = b'{"id":"test"}\n' + lines[0]
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / "a").write_bytes(b"".join([bad[0], *lines[:2], *bad[1:], *lines[2:]]))
    result = audit(tmp_path)
    assert (result.totals["arrived"], result.exit_code) == (4, 2)
    assert result.problems == ["a: 3 lines of 8 are not receipts"]
    (tmp_path / "receipts" / "b").write_bytes(b'{"id":"test"}\n')
    assert len(audit(tmp_path, state="two").problems) == 1
    (tmp_path / "receipts" / "c").write_bytes(b'{"id":"finding"}\n' * 2)
    assert "c: it contains objects without a fate" in audit(tmp_path, state="three").problems[1]
