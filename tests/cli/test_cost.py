"""``trailforward cost``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import piped, trailforward

if TYPE_CHECKING:
    from pathlib import Path


def rows(*options: str | Path) -> list[dict[str, Any]]:
    """Returns the rows of the JSON output."""
    done = trailforward("cost", "--events-per-day", "2M", "--json", *options)
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = json.loads(done.out)["rows"]
    return found


def test_a_row_for_each_topology_and_batch_size() -> None:
    """The table has every combination, standard error has the assumptions, and nothing is colored."""
    done = trailforward("cost", "--events-per-day", "2M")
    assert done.code == 0
    head, *lines = done.out.split("\n\n")[0].splitlines()
    assert head.split()[:3] == ["topology", "asked", "filled"]
    assert [tuple(line.split()[:2]) for line in lines] == [
        *((name, size) for name in ("hub", "collector", "regional") for size in ("1", "10", "100", "500")),
        ("direct", "1"),
    ]
    assert "local figures, not Lambda's" in done.err
    assert "not byte-exact" in done.err
    assert "\x1b" not in done.out + done.err


def test_the_arithmetic_and_the_day_of_the_prices_are_there() -> None:
    """The cheapest row is explained with the sum of each item; --explain explains every row."""
    options = ("cost", "--events-per-day", "2M", "--batch-size", "500")
    done = trailforward(*options)
    assert "hub, asked 500, filled 5.63: 1 + 23.1 events a second and queue x 1 s / 5 pollers" in done.out
    assert "1 M sends + 0.178 M receives + 0.178 M deletes at $0.40 per million calls = $0.54" in done.out
    assert "List prices of 2026-11-23" in done.out
    assert "From memory" not in done.out
    firehose = trailforward(*options, "--to", "firehose").out
    assert "From memory, look them up: firehose." in firehose
    assert done.out.count("for a million events:") == 1
    assert trailforward(*options, "--explain").out.count("for a million events:") == 4


def test_direct_is_explained_when_it_is_alone() -> None:
    """The arithmetic of direct has no queue."""
    done = trailforward("cost", "--events-per-day", "2M", "--topology", "direct")
    assert "1 M invocations at $0.20 per million = $0.20" in done.out
    assert "queue" not in done.out


@pytest.mark.parametrize(
    ("text", "events"), [("50000", 50e3), ("2_000_000", 2e6), ("5M", 5e6), ("300k", 3e5), ("1.5m", 1.5e6)]
)
def test_numbers_as_people_write_them(text: str, events: float) -> None:
    """A number may have underscores, and end in k or M."""
    done = trailforward("cost", "--events-per-day", text, "--json")
    assert json.loads(done.out)["plan"]["events_per_day"] == events


def test_options_make_the_plan() -> None:
    """Every field of the plan is an option."""
    done = trailforward(
        *("cost", "--events-per-day", "1k", "--json", "--topology", "hub", "--batch-size", "10"),
        *("--window-seconds", "5", "--regions", "3", "--accounts", "4", "--sinks", "5", "--to", "sns,http"),
        *("--to", "http", "--event-bytes", "900", "--memory-mb", "256", "--ms-per-call", "9"),
        "--daily-doctor",
        *(
            "--ms-per-event",
            "0.5",
            "--architecture",
            "x86_64",
            "--dropped",
            "25",
            "--route-metrics",
            "7",
            "--canary",
        ),
        *("--remembered", "10", "--receipts", "s3"),
    )
    made = json.loads(done.out)
    assert made["plan"] == {
        "events_per_day": 1000,
        "regions": 3,
        "accounts": 4,
        "sinks": 5,
        "to": ["sns", "http", "http"],
        "event_bytes": 900,
        "window_seconds": 5,
        "memory_mb": 256,
        "ms_per_call": 9,
        "ms_per_event": 0.5,
        "architecture": "x86_64",
        "dropped": 0.25,
        "metered_routes": 7,
        "daily_doctor": True,
        "canary": True,
        "remembered": 0.1,
        "receipts": "s3",
    }
    assert "local figures" not in done.err
    assert [item["name"] for item in made["rows"][0]["items"]][-3:] == ["sns", "http", "http"]


def test_programs_get_json() -> None:
    """JSON has the plan, the prices with their date, and rows with batches, items, terms, and sums."""
    made = json.loads(trailforward("cost", "--events-per-day", "2M", "--json").out)
    assert set(made) == {"as_of", "region", "plan", "rows", "prices", "not_in_the_list_of_aws"}
    assert len(made["rows"]) == 13
    for row in made["rows"]:
        assert set(row) == {
            *("topology", "batch", "per_million", "per_month", "fixed_per_month", "items", "fixed"),
            "saved_by_drop_rules_per_month",
        }
        assert set(row["batch"]) == {"asked", "events", "bound", "arithmetic"}
        for items, together in ((row["items"], "per_million"), (row["fixed"], "fixed_per_month")):
            for end in ("low", "high"):
                assert row[together][end] == pytest.approx(sum(item[end] for item in items))
        for term in (term for item in row["items"] for term in item["terms"]):
            assert set(term) == {"what", "units", "price", "low", "high"}
            assert term["low"] == pytest.approx(term["units"] * made["prices"][term["price"]]["low"])


def test_drop_rules_and_metrics_of_routes_are_in_the_bill() -> None:
    """--dropped says what drop rules save; --route-metrics adds two metrics per route."""
    base = (
        "cost",
        "--events-per-day",
        "1M",
        "--topology",
        "hub",
        "--batch-size",
        "10",
        "--to",
        "sqs",
        "--json",
    )
    plain, dropped, metered = (
        json.loads(trailforward(*base, *more).out)["rows"][0]
        for more in ((), ("--dropped", "40"), ("--route-metrics", "20"))
    )
    (whole,) = (item["high"] for item in plain["items"] if item["name"] == "sqs")
    assert plain["saved_by_drop_rules_per_month"] == {"low": 0, "high": 0}
    assert dropped["saved_by_drop_rules_per_month"]["high"] == pytest.approx(30 * 0.4 * whole)
    assert plain["per_month"]["high"] - dropped["per_month"]["high"] == pytest.approx(30 * 0.4 * whole)
    difference = metered["fixed_per_month"]["high"] - plain["fixed_per_month"]["high"]
    assert difference == pytest.approx(2 * 20 * 0.30)
    text = trailforward(*base[:-3], "--dropped", "40").err
    assert "--to" in text
    shown = trailforward(*base[:-1], "--dropped", "40", "--route-metrics", "20")
    assert "drop rules save $" in shown.out
    assert "2 x 20 routes" in shown.out
    assert "upper bound" in shown.err


def test_destinations_of_to_count_as_sinks() -> None:
    """Destinations in --to count as sinks: two have twice the metrics of one."""
    one, two = (rows("--to", to, "--topology", "hub")[0]["fixed"][0] for to in ("sns", "sns,kinesis"))
    assert two["low"] - one["low"] == pytest.approx(8 * 0.30)


def test_batch_sizes_are_one_by_one_or_a_list() -> None:
    """Each size has a row, smallest first; a note says if the payload limits a batch."""
    done = trailforward(
        *("cost", "--events-per-day", "900M", "--topology", "hub", "--event-bytes", "20000"),
        *("--batch-size", "10000,20", "--batch-size", "5"),
    )
    table = [line.split()[1:4] for line in done.out.splitlines()[1:4]]
    assert table == [["5", "5", "size"], ["20", "20", "size"], ["10,000", "273", "payload"]]
    assert "Batches never reach 10,000 events. Lambda's payload of 6 MB holds 273 events" in done.err


def test_without_a_window_batches_are_small() -> None:
    """Without a window, Lambda allows at most ten events: the defaults omit larger sizes."""
    assert {row["batch"]["asked"] for row in rows("--window-seconds", "0")} == {1, 10}


def test_a_users_prices(tmp_path: Path) -> None:
    """A file changes the prices that it names, and their date."""
    path = tmp_path / "mine.toml"
    path.write_text('as_of = "2027-01-31"\nqueue = 4.0\n')
    done = trailforward("cost", "--events-per-day", "2M", "--prices", path)
    assert "1 M sends + 0.178 M receives + 0.178 M deletes at $4.00 per million calls = $5.42" in done.out
    assert "List prices of 2027-01-31" in done.out
    assert ", queue" not in done.out
    old, new = (row["per_million"]["low"] for row in (rows()[0], rows("--prices", path)[0]))
    assert new - old == pytest.approx(3 * 3.6)  # a send, a receive and a delete


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"queeu = 0.44", "unknown price queeu; write queue"),
        (b'queue = "0.44"', "write dollars per million calls"),
        (b"\xff", "is not UTF-8"),
        (None, "No such file or directory. Name a TOML file with lines such as queue = 0.44"),
    ],
)
def test_prices_that_cannot_be_used(tmp_path: Path, text: bytes | None, words: str) -> None:
    """An invalid or missing file of prices gives exit status 2, and the error names the file and the fix."""
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_bytes(text)
    done = trailforward("cost", "--events-per-day", "2M", "--prices", path)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "mine.toml" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--events-per-day 5x", "write 50000, 2_000_000, 300k, or 5M"),
        ("--events-per-day 5__0", "write 50000"),
        ("--events-per-day 0", "write 50000"),
        ("--events-per-day -5", "write 50000"),
        (f"--events-per-day 1{'0' * 400}", "write 50000"),
        ("--topology hub,ring", "unknown: ring. Use one of hub, collector, regional, direct"),
        ("--batch-size 0", "write numbers from 1 to 10,000"),
        ("--batch-size 10001", "write numbers from 1 to 10,000"),
        ("--batch-size 1__0", "write numbers from 1 to 10,000"),
        ("--batch-size ten", "write numbers from 1 to 10,000"),
        ("--window-seconds 301", "300"),
        ("--window-seconds 0 --batch-size 11", "must be 1 or more for a batch size of more than 10"),
        ("--regions 0", "1"),
        ("--accounts 0", "1"),
        ("--sinks 0", "1"),
        ("--sinks 1 --to sns,sqs", "less than the number of destinations in --to"),
        ("--to fax", "unknown: fax. Use one of kinesis, "),
        ("--event-bytes 262145", "262144"),
        ("--memory-mb 64", "128"),
        ("--ms-per-call -1", "0"),
        ("--ms-per-event -1", "0"),
        ("--ms-per-event 900001", "900000"),
        ("--ms-per-call inf", "900000"),
        ("--window-seconds -1", "0"),
        ("--architecture sparc", "unknown: sparc. Use one of arm64, x86_64"),
    ],
)
def test_invalid_options_are_refused(options: str, words: str) -> None:
    """Each problem gives exit status 2, and the error names the option and the fix."""
    first = [] if "--events-per-day" in options else ["--events-per-day", "1k"]
    done = trailforward("cost", *first, *options.split(), COLUMNS="300")
    assert (done.code, done.out) == (2, "")
    assert options.split(maxsplit=1)[0] in done.err
    assert words in done.err


def test_events_per_day_are_needed() -> None:
    """Without --events-per-day, the exit status is 2 and the error names the option."""
    done = trailforward("cost")
    assert done.code == 2
    assert "--events-per-day" in done.err


def test_no_digit_is_lost_in_a_narrow_terminal() -> None:
    """Amounts are wrapped, never cut, in a narrow terminal and in a pipe."""
    done = piped("cost", "--events-per-day", "2M", "--topology", "regional", stdin=b"")
    assert (done.code, "…" in done.out) == (0, False)
    assert "…" not in trailforward("cost", "--events-per-day", "2M", COLUMNS="40").out


def test_the_canary_has_its_sum() -> None:
    """With --canary, the fixed cost includes its metrics, alarm, calls, and events, and shows their sum."""
    options = ("--topology", "hub", "--batch-size", "500", "--regions", "17")
    done = trailforward("cost", "--events-per-day", "2M", *options, "--canary")
    assert done.code == 0
    assert "17 Regions x 1 account + 3 metrics at $0.30 per metric = $6.00" in done.out
    assert "of it the canary: $" in done.out
    without, within = rows(*options)[0], rows(*options, "--canary")[0]
    (item,) = [item for item in within["fixed"] if item["name"] == "canary"]
    more = within["fixed_per_month"]["low"] - without["fixed_per_month"]["low"]
    assert item["low"] == pytest.approx(more)
    assert item["low"] == pytest.approx(sum(term["low"] for term in item["terms"]))


def test_the_cost_of_an_audit() -> None:
    """--audit shows both ways with the arithmetic, and says what is assumed."""
    done = trailforward(
        "cost", "--events-per-day", "100M", "--accounts", "1000", "--audit", "--log-files", "1M"
    )
    assert done.code == 0, done.err
    assert "1,000,000 log files" in done.out
    assert "1,000,000 log files + 288 delivered files at $0.40 per million calls" in done.out
    assert "trailforward audit, on a machine in the Region of the bucket: $" in done.out
    assert "sam/audit.yaml, on Step Functions: $" in done.out
    assert "is estimated" not in done.err
    assert "add --kms" in done.err
    quotas = trailforward("cost", "--events-per-day", "100M", "--audit", "--capacity", "--kms").out
    assert "KMS: symmetric calls/s" in quotas
    assert "Distributed Map: items" in quotas


def test_the_cost_of_an_audit_for_programs() -> None:
    """With --json, every amount is a number, for the bill and for the quotas."""
    base = ("cost", "--events-per-day", "1M", "--audit", "--json", "--to", "s3", "--digests")
    found = json.loads(trailforward(*base).out)
    assert found["plan"]["delivered"] == "archive-s3"
    for way in found["ways"]:
        assert way["per_day"]["low"] == pytest.approx(sum(item["low"] for item in way["items"]))
    shares = [quota["share"] for quota in json.loads(trailforward(*base, "--capacity").out)["quotas"]]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--audit", "--receipts", "s3", "--to", "s3"), "give --receipts or --to, not both"),
        (("--audit", "--to", "sns"), "an archive is firehose or s3"),
        (("--audit", "--receipts", "sns"), "unknown: sns"),
        (("--kms",), "they belong to --audit"),
        (("--log-files", "1M"), "they belong to --audit"),
    ],
)
def test_options_of_the_audit_fit_together(options: tuple[str, ...], words: str) -> None:
    """An option that would have no effect is refused, with the fix."""
    done = trailforward("cost", "--events-per-day", "1M", *options)
    assert done.code == 2
    assert words in " ".join(done.err.replace("│", " ").split())
