"""Rules that count events become routes with a threshold."""

from __future__ import annotations

import json
import random
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.command import trailforward
from trailforward.cli._sigma_report import read as report_on
from trailforward.message import Message, Origin
from trailforward.sigma.comparison import Compared, Comparison

if TYPE_CHECKING:
    from trailforward.sigma.conversion import Converted

AWS = {"product": "aws", "service": "cloudtrail"}
BASE_ID = "7f0c7e5e-2a43-4a39-a8f5-6f1d3c1a5b01"


def base(name: str = "denied", **changes: Any) -> dict[str, Any]:
    """A rule about one event."""
    selection = {"errorCode": "AccessDenied"}
    made = {
        "title": f"Call {name}",
        "name": name,
        "author": "Dora Example",
        "level": "low",
        "logsource": AWS,
        "detection": {"selection": selection, "condition": "selection"},
    }
    return made | changes


def counted(section: dict[str, Any] | None = None, /, **changes: Any) -> dict[str, Any]:
    """A correlation that counts the events of `denied`."""
    correlation = {
        "type": "event_count",
        "rules": ["denied"],
        "group-by": ["userIdentity.arn"],
        "timespan": "10m",
        "condition": {"gte": 3},
    }
    correlation |= section or {}
    made = {"title": "Many denied calls", "author": "Rosa Diaz", "level": "high", "correlation": correlation}
    return made | changes


def old(condition: str, timeframe: str | None = "10m") -> dict[str, Any]:
    """A rule whose condition counts, in the old form."""
    detection: dict[str, Any] = {"selection": {"errorCode": "AccessDenied"}, "condition": condition}
    return base("counts", detection=detection | ({"timeframe": timeframe} if timeframe else {}))


def report_of(folder: Path, *documents: dict[str, Any]) -> Any:
    """The report about a file with these documents."""
    (folder / "rules.yml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return report_on([str(folder / "rules.yml")])


def threshold_of(folder: Path, *documents: dict[str, Any]) -> dict[str, Any] | None:
    """The threshold of the one route that these documents become."""
    report = report_of(folder, *documents)
    assert not report.missing
    (one,) = report.converted
    return one.threshold.table() if one.threshold is not None else None


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, {"count": 3, "within": "10m", "per": ["detail.userIdentity.arn"]}),
        ({"condition": {"gt": 3}, "group-by": "eventName"}, {"count": 4, "per": ["detail.eventName"]}),
        ({"timespan": "090s", "group-by": None}, {"count": 3, "within": "90s"}),
        ({"timespan": "1w"}, {"within": "7d"}),
        (
            {"group-by": ["who", "awsRegion"], "aliases": {"who": {"denied": "sourceIPAddress"}}},
            {"per": ["detail.sourceIPAddress", "detail.awsRegion"]},
        ),
    ],
)
def test_counts_become_thresholds(tmp_path: Path, section: dict[str, Any], expected: dict[str, Any]) -> None:
    """Number, time, and groups of a correlation become those of the route; aliases are replaced."""
    made = threshold_of(tmp_path, counted(section), base())
    assert made is not None
    assert made | expected == made
    assert ("per" in made) is (section.get("group-by", True) is not None)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("selection | count() > 5", {"count": 6, "within": "10m"}),
        (
            "selection|count() by a.b , c >= 5",
            {"count": 5, "within": "10m", "per": ["detail.a.b", "detail.c"]},
        ),
    ],
)
def test_old_counts_become_thresholds(tmp_path: Path, condition: str, expected: dict[str, Any]) -> None:
    """The aggregation of old rules means the same as a correlation."""
    assert threshold_of(tmp_path, old(condition)) == expected


@pytest.mark.parametrize("condition", [{"gte": 1}, {"gt": 0}])
def test_one_event_needs_no_threshold(tmp_path: Path, condition: dict[str, Any]) -> None:
    """A rule that is satisfied by one event is an exact route without threshold."""
    (one,) = report_of(tmp_path, counted({"condition": condition}), base()).converted
    assert (one.threshold, one.status) == (None, "exact")


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"condition": {"lt": 3}}, "has lt: it is decided only when the time is over"),
        ({"condition": {"eq": 3}}, "has eq"),
        ({"condition": {"gt": 3, "lte": 9}}, "has lte"),
        ({"condition": {"gte": 101}}, "101 events, but the threshold of a route counts up to 100"),
        ({"condition": {"gte": 0}}, "without events"),
        ({"condition": {"gte": "many"}}, "compare with a number: many"),
        ({"condition": "denied"}, "not a comparison"),
        ({"timespan": "8d"}, "longer than seven days"),
        ({"timespan": "soon"}, "timespan is not a number"),
        ({"group-by": ["a b"]}, "not a field: a b"),
        ({"group-by": ["who"], "aliases": {"who": {"other": "x"}}}, "alias who has no field"),
        ({"group_by": ["a"]}, "unknown key: group_by"),
        ({"type": "value_count"}, "counts different values"),
        ({"type": "temporal"}, "combines several rules"),
        ({"type": "temporal_ordered"}, "several rules in order"),
        ({"type": "value_avg"}, "averages"),
        ({"type": "no_such_type"}, "type is not known: no_such_type"),
        ({"rules": ["nowhere"]}, 'not among the files: "nowhere"'),
        ({"rules": ["twice"]}, "several rules have the name"),
        ({"rules": ["itself"]}, "matches of another correlation"),
        ({"rules": ["counts"]}, "matches of a rule that counts"),
        ({"rules": ["words"]}, "whole event"),
        ({"rules": [["denied"]]}, "does not list rules"),
    ],
)
def test_what_a_threshold_cannot_express_is_refused_with_the_reason(
    tmp_path: Path, section: dict[str, Any], reason: str
) -> None:
    """Other comparisons, types, and references are not converted, and the report says why."""
    others = [
        base("twice"),
        base("twice"),
        old("selection | count() > 5"),
        base("words", detection={"keywords": ["text"], "condition": "keywords"}),
    ]
    report = report_of(tmp_path, counted(section) | {"name": "itself"}, base(), *others)
    (refused,) = [one for one in report.missing if "Call words" not in one.reason or "words" in str(section)][
        :1
    ]
    assert reason in refused.reason


@pytest.mark.parametrize(
    ("condition", "timeframe", "reason"),
    [
        ("selection | count(userAgent) by eventName > 5", "10m", "counts different values"),
        ("selection | count(eventName) by eventName > 5", "10m", "always one"),
        ("selection | count() < 5", "10m", "has lt"),
        ("selection | count() > 5", None, "without timeframe"),
        ("selection | near other", "10m", "the part after |: near other"),
        ("selection | sum(x) > 5", "10m", "the part after |: sum"),
    ],
)
def test_other_old_aggregations_are_refused_with_the_reason(
    tmp_path: Path, condition: str, timeframe: str | None, reason: str
) -> None:
    """Aggregations that do not count events in a time are not converted, and the report says why."""
    (refused,) = report_of(tmp_path, old(condition, timeframe)).missing
    assert reason in refused.reason


def test_several_rules_become_one_route(tmp_path: Path) -> None:
    """A correlation counts the events of all its rules; a route has one path for each field."""
    stopped = {"selection": {"eventName": "StopLogging"}, "condition": "selection"}
    parts = [base(id=BASE_ID), base("stopped", detection=stopped)]
    every = counted({"rules": [BASE_ID, "Call stopped"]})
    (one,) = report_of(tmp_path, every, *parts).converted
    envelope = {"source": "aws.iam", "detail-type": "AWS API Call via CloudTrail"}
    found = [
        one.matches(envelope | {"detail": detail})
        for detail in (
            {"errorCode": "AccessDenied"},
            {"eventName": "StopLogging"},
            {"eventName": "StartLogging"},
        )
    ]
    assert found == [True, True, False]
    assert one.rule.author == "Rosa Diaz, Dora Example"
    aliases = {"who": {BASE_ID: "userIdentity.arn", "stopped": "sourceIPAddress"}}
    other = counted({"rules": [BASE_ID, "stopped"], "group-by": ["who"], "aliases": aliases})
    (refused,) = report_of(tmp_path, other, *parts).missing
    assert "different field of each rule" in refused.reason


def test_the_rules_of_a_correlation_become_routes_only_if_it_says_so(tmp_path: Path) -> None:
    """Without `generate: true` in any correlation, a rule that is only counted is reported, not converted."""
    report = report_of(tmp_path, base(), counted())
    assert [one.rule.title for one in report.converted] == ["Many denied calls"]
    assert ["Many denied calls" in one.reason for one in report.parts] == [True]
    for generating in (counted({"generate": True}), counted(generate=True)):
        assert not report_of(tmp_path, base(), generating).parts
    report = report_of(tmp_path, base(), counted(), counted({"generate": True}))
    assert [one.rule.title for one in report.converted] == ["Call denied", *["Many denied calls"] * 2]
    assert not report.parts


def test_correlations_about_other_products_are_skipped(tmp_path: Path) -> None:
    """A correlation of rules of another product is not a missing detection."""
    windows = {"product": "windows", "service": "security"}
    report = report_of(tmp_path, counted(), base(logsource=windows))
    assert (len(report.skipped), report.rules) == (2, 0)


_ODD = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["denied", "gte", "5m", ""])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["denied", "gte", "x"]), inner, max_size=2),
    ),
    max_leaves=4,
)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"]),
        _ODD,
        max_size=2,
    )
)
def test_odd_correlations_are_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, section: dict[str, Any]
) -> None:
    """Whatever a correlation contains, it becomes a route or one sentence."""
    report = report_of(tmp_path_factory.getbasetemp(), counted(section), base())
    assert len(report.converted) + len(report.missing) + len(report.parts) == 2
    assert all("\n" not in one.reason and len(one.reason) < 500 for one in report.missing)


@pytest.mark.parametrize(
    "condition",
    [
        "selection | count() by x" + " " * 100_000 + "!",
        "selection | count(" + "(" * 100_000,
        "selection | " + "count() by a > 1 " * 1_000,
        "selection | count() > " + "9" * 5_000,
    ],
)
def test_hostile_aggregations_are_refused(tmp_path: Path, condition: str) -> None:
    """Long aggregations cost one sentence."""
    (refused,) = report_of(tmp_path, old(condition)).missing
    assert len(refused.reason) < 400


def test_the_documentation_shows_what_convert_writes(tmp_path: Path) -> None:
    """The rule in the documentation becomes the threshold in the documentation, in both forms."""
    text = (Path(__file__).parents[2] / "docs/sigma.md").read_text(encoding="utf-8")
    section = text.partition("## Rules that count events")[2]
    documents = list(yaml.safe_load_all(section.partition("```yaml\n")[2].partition("```")[0]))
    shown = tomllib.loads(section.partition("```toml\n")[2].partition("```")[0])["routes"][0]["threshold"]
    assert threshold_of(tmp_path, *documents) == shown
    condition = section.partition("`condition: ")[2].partition("`")[0]
    assert threshold_of(tmp_path, old(condition)) == shown


def envelope(number: int, seconds: float, arn: str = "a", **detail: Any) -> dict[str, Any]:
    """An event some seconds after midnight."""
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    record = {"eventID": f"id-{number}", "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
    record |= {"eventSource": "iam.amazonaws.com", "eventName": "GetUser", "errorCode": "AccessDenied"}
    return {
        "version": "0",
        "id": f"{number}",
        "source": "aws.iam",
        "detail-type": "AWS API Call via CloudTrail",
        "account": "111122223333",
        "region": "eu-west-1",
        "time": record["eventTime"],
        "resources": [],
        "detail": record | {"userIdentity": {"arn": arn}} | detail,
    }


def test_the_converted_configuration_is_valid_and_says_what_it_needs(tmp_path: Path) -> None:
    """The routes pass validate --strict and test, and the file says that counting needs a table."""
    rules, routes = tmp_path / "rules.yml", tmp_path / "routes.toml"
    rules.write_text(
        yaml.safe_dump_all([counted(), base(), old("selection | count() > 5")]), encoding="utf-8"
    )
    done = trailforward("sigma", "convert", rules, "--out", routes)
    assert (done.code, "2 have a threshold; 1 more only count" in done.err) == (0, True)
    assert "threshold: 3 events within 10m per detail.userIdentity.arn; it needs a table" in done.out
    text = routes.read_text(encoding="utf-8")
    assert "# Counts events of: Call denied" in text
    assert "Set `state`" in text
    first, second = tomllib.loads(text)["routes"]
    assert first["threshold"] == {"count": 3, "within": "10m", "per": ["detail.userIdentity.arn"]}
    assert second["threshold"]["count"] == 6
    assert "no-state" in first["allow_lints"]
    assert trailforward("validate", "--strict", routes).code == 0
    assert trailforward("test", routes).code == 0


def compared(one: Converted, events: list[dict[str, Any]]) -> tuple[Compared, list[tuple[str, str]]]:
    """A rule after the comparison, and the differences."""
    side = Compared(one)
    comparison = Comparison([side])
    for at, each in enumerate(events):
        message = Message(json.dumps(each).encode(), Origin("file", f"e:{at}"))
        assert not list(comparison.add(message))
    return side, [(name, text) for _, name, text in comparison.finish()]


def test_check_simulates_thresholds_and_finds_wrong_ones(tmp_path: Path) -> None:
    """In any order, with repeats, messages agree with the rule's windows; a wrong threshold does not."""
    (one,) = report_of(tmp_path, counted({"timespan": "60s", "condition": {"gte": 4}}), base()).converted
    choose = random.Random(24)  # noqa: S311  # times of events, not secrets
    times = sorted(choose.randrange(1800) for _ in range(150))
    events = [envelope(at, time, choose.choice("abc")) for at, time in enumerate(times)]
    events = [one for at, one in enumerate(events) for _ in range(2 if at % 7 == 0 else 1)]
    late = [events[at] for at in sorted(range(len(events)), key=lambda at: at + choose.randrange(6))]
    for each in (events, late):
        side, differences = compared(one, each)
        assert differences == []
        assert side.messages > 3
    assert one.threshold is not None
    few, many = one.threshold._replace(events=3), one.threshold._replace(events=8)
    short = one.threshold._replace(within="5s")
    together = one.threshold._replace(per=())
    sides = [compared(replace(one, threshold=wrong), events)[1] for wrong in (few, many, short, together)]
    assert [bool(found) for found in sides] == [True] * 4
    assert any("sends a message, but no window" in text for _, text in sides[0])
    assert any("sends no message" in text for _, text in sides[1])


def test_check_prints_what_counting_made(tmp_path: Path) -> None:
    """`check` says how many events a rule counts, and how many messages its route sends."""
    rules, events = tmp_path / "rules.yml", tmp_path / "events.ndjson"
    rules.write_text(yaml.safe_dump_all([counted(), base()]), encoding="utf-8")
    rows = [envelope(at, at) for at in range(7)]
    events.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = trailforward("sigma", "check", rules, "--events", events, "--json")
    assert done.code == 0, done.out + done.err
    (found,) = json.loads(done.out)["rules"]
    assert (found["rule"], found["route"], found["messages"]) == (7, 7, 2)
