"""JSON, Markdown, SARIF and terminal reports: their structure, and that hostile names have no effect."""

import json
import re
from io import StringIO
from typing import Any

import jsonschema
import pytest
from rich.console import Console

from tests.doctor import worlds
from tests.doctor.report.planted import HOME, HUB, planted, sound, wide
from trailforward.doctor import CLASSES, World
from trailforward.doctor.report import Survey, print_terminal, render, survey
from trailforward.doctor.report.json_report import VERSION, json_schema
from trailforward.doctor.report.text import count_of, join_limited, printable

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202e]()[click](https://evil.test)`@all`|$data"


def hostile() -> dict[str, Any]:
    """A world in which every name that a user can choose is an attack."""
    world = sound((HUB,), [HOME, "eu-west-1"])
    text = json.dumps(world).replace('"trailforward"', json.dumps(HOSTILE))
    world = json.loads(text.replace('"to-queue"', json.dumps(HOSTILE)))
    world["trails"][0]["name"] = HOSTILE
    world["rules"][0] |= {"state": "DISABLED", "targets": [{"id": HOSTILE, "arn": HOSTILE}]}
    world["rules"][1]["targets"][0] |= {"id": HOSTILE, "role": f"arn:aws:iam::{HUB}:role/{HOSTILE}"}
    world["accounts"][HOSTILE] = {HOSTILE: "ENABLED", HOME: "ENABLING"}
    world["unseen"] = [{"account": HUB, "region": "eu-south-1", "what": "rules", "why": HOSTILE}]
    world["destinations"].append(HOSTILE)
    world[HOSTILE] = HOSTILE
    return dict(world)


def asked(world: dict[str, Any], **more: Any) -> Survey:
    """A survey of a world given as JSON."""
    return survey(World.model_validate(world), **more)


def shown(found: Survey, **more: Any) -> str:
    """The output on a terminal."""
    file: StringIO = more.pop("file", StringIO())
    print_terminal(
        found, Console(**{"file": file, "width": 120, "color_system": None, "_environ": {}, **more})
    )
    return file.getvalue()


@pytest.mark.parametrize(
    ("world", "more"),
    [
        (sound(), {}),
        (planted(), {}),
        (planted(), {"classes": CLASSES}),
        (worlds.direct(rules=[worlds.rule(pattern={"source": ["aws.s3"]})]), {"narrow_rules": True}),
        (hostile(), {}),
        ({"destinations": []}, {}),
    ],
)
def test_json_keeps_its_schema(world: dict[str, Any], more: dict[str, Any]) -> None:
    """Every JSON report matches the schema of `trailforward schema doctor`, and has no other keys."""
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    report = json.loads(render(asked(world, **more), "json"))
    jsonschema.validate(report, schema)
    assert report["version"] == schema["properties"]["version"]["const"] == VERSION
    assert report.keys() == schema["properties"].keys()


def test_json_counts_add_up() -> None:
    """In the JSON report, counts, cells and findings are consistent."""
    report = json.loads(render(asked(planted()), "json"))
    statuses = [cell["status"] for cell in report["cells"]]
    for status in ("covered", "unknown", "blind", "excluded"):
        assert report["counts"][status] == statuses.count(status)
        for by in ("byClass", "byRegion", "byAccount"):
            assert report["counts"][status] == sum(one[status] for one in report["counts"][by].values())
    for finding in report["findings"]:
        assert finding["cells"] == sum(finding["id"] in cell["findings"] for cell in report["cells"])
    assert (report["schema"], report["version"], report["exitCode"]) == ("trailforward-doctor-report", 1, 1)


def test_json_is_stable() -> None:
    """The same world gives the same JSON, byte for byte and in ASCII."""
    assert render(asked(hostile()), "json") == render(asked(hostile()), "json")
    assert render(asked(hostile()), "json").isascii()


def test_markdown() -> None:
    """Markdown has the grid and each finding with fix and evidence; unknown is not covered."""
    text = render(asked(planted()), "markdown")
    assert text.startswith("## trailforward doctor: 17 of 17 Regions are blind to some events\n")
    assert "| eu-west-3 | ✗ 4/5 |" in text
    assert "1. **✗ No rule leads to the destination** `NO_RULE` (documented by AWS)" in text
    assert "? The account was not read" in text
    assert text.count("**Fix:**") == text.count("**Where:**")


def test_markdown_without_problems() -> None:
    """The Markdown report of a world without problems is short."""
    text = render(asked(sound(), classes=asked(sound()).classes[:2]), "markdown")
    assert "Findings" not in text
    assert "Every event is covered" in text


def test_markdown_stays_short() -> None:
    """Hundreds of findings and gaps are counted, not listed."""
    world = wide(45, 3)
    for number, rule in enumerate(world["rules"][:-1]):
        rule |= {
            "name": f"rule{'abcdefghij'[number % 10]}{'abcdefghijklmn'[number // 10]}",
            "state": "DISABLED",
        }
    world["unseen"] = [{"account": "1" * 12, "why": f"reason {number}"} for number in range(40)]
    found = asked(world, regions=[HOME])
    for form in ("markdown", "terminal"):
        text = render(found, form)
        assert "more findings in the JSON report" in text
        assert re.search("and 2\\d more", text)
        assert len(text) < 65_536


def test_markdown_escapes() -> None:
    """Names have no effect as HTML, links, code or mentions in Markdown."""
    text = render(asked(hostile()), "markdown")
    assert "<script" not in text
    assert "<img" not in text
    assert re.search(r"(?<!\\)\[click", text) is None
    assert "@all" not in text
    assert "https://evil" not in text
    assert "\x1b" not in text


def test_terminal() -> None:
    """The terminal report shows the grid, the accounts, and each finding with fix, evidence and code."""
    text = shown(asked(planted()))
    at = [
        text.index(part)
        for part in ("Region  ", "Accounts", "Findings", "NO_RULE", "RULE_DISABLED", "DLQ_MISSING")
    ]
    assert at == sorted(at)
    assert "Fix: Deploy the regional rule" in text
    assert "measured by others" in text
    assert "? undetermined, not covered" in text


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_terminal_of_any_width(width: int) -> None:
    """No line is wider than the terminal; narrow terminals number the columns and list their names below."""
    text = shown(asked(planted()), width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert ("1 write" in " ".join(text.split())) is (width < 96)


def test_terminal_without_colors() -> None:
    """Every status has a sign, with and without colors."""
    found = asked(planted())
    bare = shown(found, color_system="truecolor", force_terminal=True, _environ={"NO_COLOR": "1"})
    assert re.search(r"\x1b\[[0-9;]*3[0-9]", bare) is None
    assert all(sign in bare for sign in "✓✗?")
    assert re.search(r"\x1b\[[0-9;]*31m", shown(found, color_system="standard", force_terminal=True))


def test_terminal_in_ascii() -> None:
    """An ASCII-only terminal gets only ASCII, including the signs."""

    class Old(StringIO):
        encoding = "ascii"

    text = shown(asked(hostile()), file=Old())
    assert text.isascii()
    assert " x " in text


@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_no_escape_codes(form: Any) -> None:
    """Escape codes and text-reversing characters in names are shown, and have no effect."""
    text = render(asked(hostile()), form)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "x1b" in text


def test_terminal_sums_up_many_accounts() -> None:
    """With many accounts, the ten worst are listed and the rest is summed up in one line."""
    text = render(asked(wide(30, 2)), "terminal")
    assert "20 more accounts" in text


def test_terminal_of_one_account() -> None:
    """With one account there is no list of accounts; without results there is no grid."""
    assert "Accounts" not in render(asked(sound((HUB,), [HOME])), "terminal")
    assert "Region  " not in render(asked({}), "terminal")


def test_counts_and_lists() -> None:
    """Counts and lists are readable: one Region, two classes, a long list cut short."""
    assert (count_of(1, "Region"), count_of(1200, "Region")) == ("1 Region", "1,200 Regions")
    assert count_of(2, "class", "classes") == "2 classes"
    assert join_limited(list("abcd"), 3) == "a, b and 2 more"
    assert printable("naïve\ud800\n") == "naïve\\ud800\\n"
